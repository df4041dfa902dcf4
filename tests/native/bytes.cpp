// Quantising, and convolutions of bytes with bytes and with planes of bits.
#include "cases.hpp"

namespace native {
namespace {

using leveret::Levels;

Levels random_levels(Random& random) {
    if (random.whole(0, 3) == 0) return {0, 255};
    if (random.whole(0, 3) == 0) return {-128, 127};
    const int low = random.whole(0, 1) * random.whole(-128, 0);
    return {low, random.whole(low == 0 ? 1 : 0, low == 0 ? 255 : 127)};
}

Array<std::uint8_t> values_in(Random& random, Levels levels, std::size_t count) {
    Array<std::uint8_t> x(count);
    for (auto& v : x) v = static_cast<std::uint8_t>(random.whole(levels.low, levels.high));
    return x;
}

int value_of(Levels levels, std::uint8_t byte) { return levels.low < 0 ? static_cast<std::int8_t>(byte) : byte; }

void check_quantize(const Kernels& kernels, unsigned seed, Tally& tally) {
    Random random(seed);
    const Levels levels = random_levels(random);
    Array<float> x = random.reals(random.whole(1, 100));
    for (float& v : x) v *= random.often() ? 1.0f : 1e6f;
    x[0] = seed % 4 == 0 ? NAN : x[0];
    const float step = 0.25f * static_cast<float>(random.whole(1, 5));  // many ties
    Array<std::uint8_t> got(x.size()), expected(x.size());
    kernels.quantize(x.data(), x.size(), step, levels.low, levels.high, got.data());
    for (std::size_t i = 0; i < x.size(); ++i) {
        const float v = std::nearbyint(x[i] / step), low = static_cast<float>(levels.low);
        const float held = !(v > low) ? low : std::fmin(v, static_cast<float>(levels.high));
        expected[i] = static_cast<std::uint8_t>(static_cast<int>(held));
    }
    tally.count("quantize", seed, same(got, expected));
}

// What both convolutions share: an image, weights as whole numbers, and what should come out.
struct WholeCase {
    Window w;
    Levels levels;
    std::size_t batch, taps, channels, outputs, places, in_stride;
    Array<std::uint8_t> image;

    // `full`: all values are the highest there is, and so many that sums outgrow what a kernel holds in bytes
    WholeCase(Random& random, bool full) : w(random.window(9)), levels(random_levels(random)) {
        batch = random.whole(1, 2), taps = w.kernel_h * w.kernel_w, places = batch * w.out_h * w.out_w;
        channels = random.whole(1, full ? 700 : 90), outputs = random.whole(1, 70);
        in_stride = channels + random.whole(0, 3);
        image = values_in(random, levels, batch * w.height * w.width * in_stride);
        if (full)
            for (auto& v : image) v = static_cast<std::uint8_t>(levels.high);
    }

    template <typename Weight>
    Array<float> expected(const Steps& steps, const Weight& weight) const {
        Array<float> out(places * outputs);
        for_pixels(w, batch, [&](std::size_t n, std::ptrdiff_t y, std::ptrdiff_t x, std::size_t place) {
            for (std::size_t o = 0; o < outputs; ++o) {
                std::int32_t sum = 0;
                for_taps(w, y, x, [&](std::size_t tap, std::size_t pixel) {
                    const std::uint8_t* values = &image[(n * w.height * w.width + pixel) * in_stride];
                    for (std::size_t c = 0; c < channels; ++c) sum += weight(o, tap, c) * value_of(levels, values[c]);
                });
                out[place * outputs + o] = steps(static_cast<float>(sum), o, place * outputs + o);
            }
        });
        return out;
    }

    template <typename Job>
    Job job(const Steps& steps, const void* weights, const std::int32_t* bias, float* out) const {
        Job job{};
        job.window = w;
        job.channels = channels, job.in_stride = in_stride, job.outputs = outputs, job.out_stride = outputs;
        job.weights = weights, job.bias = bias, job.image = image.data(), job.out = out;
        job.epilogue = steps.epilogue();
        return job;
    }
};

void check_intconv(const Kernels& kernels, unsigned seed, Tally& tally) {
    Random random(seed);
    const WholeCase a(random, seed % 6 == 0);
    const Steps steps(random, a.outputs, a.places);
    Array<std::int8_t> filters(a.outputs * a.taps * a.channels);
    for (auto& v : filters) v = static_cast<std::int8_t>(seed % 5 == 0 ? -128 : random.whole(-128, 127));
    Array<std::uint8_t> weights(kernels.intconv_bytes(a.outputs, a.taps, a.channels));
    Array<std::int32_t> bias(a.outputs);
    kernels.intconv_prepare(a.levels, filters.data(), a.outputs, a.taps, a.channels, weights.data(), bias.data());
    Array<float> got(a.places * a.outputs);
    auto job = a.job<leveret::IntConv>(steps, weights.data(), bias.data(), got.data());
    job.levels = a.levels;
    kernels.intconv(job, 0, a.batch * a.w.out_h);
    tally.count("intconv", seed, same(got, a.expected(steps, [&](std::size_t o, std::size_t tap, std::size_t c) {
        return filters[(o * a.taps + tap) * a.channels + c];
    })));
}

void check_planeconv(const Kernels& kernels, unsigned seed, Tally& tally) {
    Random random(seed);
    const WholeCase a(random, seed % 6 == 0);
    const Steps steps(random, a.outputs, a.places);
    const std::size_t planes = random.whole(1, 4), words = (a.channels + 63) / 64;
    const std::size_t plane_words = a.outputs * a.taps * words;
    std::vector<std::int32_t> coefficients;  // two's complement, or signs
    for (std::size_t j = 0; j < planes; ++j) coefficients.push_back(j + 1 < planes ? 1 << j : -(1 << j));
    std::int32_t constant = 0;
    if (planes == 1) coefficients[0] = 2, constant = -1;
    Array<std::uint64_t> filters = random.bits(planes * a.outputs * a.taps, a.channels);
    if (seed % 6 == 0)  // all bits set
        for (std::size_t i = 0; i < filters.size(); ++i) {
            const bool last = i % words == words - 1 && a.channels % 64 != 0;
            filters[i] = last ? (std::uint64_t{1} << a.channels % 64) - 1 : ~std::uint64_t{0};
        }
    const leveret::PlaneWeights kind{planes, coefficients.data(), constant, a.levels};
    Array<std::uint8_t> weights(kernels.planeconv_bytes(kind, a.outputs, a.taps, a.channels));
    Array<std::int32_t> bias(a.outputs);
    kernels.planeconv_prepare(kind, filters.data(), plane_words, a.outputs, a.taps, a.channels, weights.data(),
                              bias.data());
    Array<float> got(a.places * a.outputs);
    auto job = a.job<leveret::PlaneConv>(steps, weights.data(), bias.data(), got.data());
    job.kind = kind;
    kernels.planeconv(job, 0, a.batch * a.w.out_h);
    tally.count("planeconv", seed, same(got, a.expected(steps, [&](std::size_t o, std::size_t tap, std::size_t c) {
        std::int32_t v = constant;
        for (std::size_t j = 0; j < planes; ++j)
            v += coefficients[j] * bit_of(&filters[j * plane_words + (o * a.taps + tap) * words], c);
        return v;
    })));
}

}  // namespace

void check_bytes(const Kernels& kernels, unsigned seed, Tally& tally) {
    check_quantize(kernels, seed, tally);
    check_intconv(kernels, seed, tally);
    check_planeconv(kernels, seed, tally);
}

}  // namespace native
