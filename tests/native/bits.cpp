// Packing of signs, and binary convolution to floats and to signs.
#include "cases.hpp"

namespace native {
namespace {

bool reaches(float v, float threshold, bool flip) { return flip ? v <= threshold : v >= threshold; }

void check_pack(const Kernels& kernels, unsigned seed, Tally& tally) {
    Random random(seed);
    const std::size_t rows = random.whole(1, 5), channels = random.whole(1, 150), words = (channels + 63) / 64;
    Array<float> x = random.reals(rows * channels), threshold = random.reals(channels);
    Array<std::uint8_t> flip(channels);
    for (auto& f : flip) f = static_cast<std::uint8_t>(random.whole(0, 1) * random.whole(1, 255));
    for (float& v : x) v = random.whole(0, 5) == 0 ? threshold[(&v - x.data()) % channels] : v;
    if (random.whole(0, 3) == 0) x[random.whole(0, static_cast<int>(x.size()) - 1)] = NAN;
    const bool with_threshold = random.often(), with_flip = random.often();
    Array<std::uint64_t> got(rows * words), expected(rows * words);
    kernels.pack(x.data(), rows, channels, with_threshold ? threshold.data() : nullptr,
                 with_flip ? flip.data() : nullptr, got.data());
    for (std::size_t i = 0; i < x.size(); ++i) {
        const std::size_t row = i / channels, c = i % channels;
        const bool bit = reaches(x[i], with_threshold ? threshold[c] : 0.0f, with_flip && flip[c]);
        expected[row * words + c / 64] |= static_cast<std::uint64_t>(bit) << c % 64;
    }
    tally.count("pack", seed, same(got, expected));
}

void check_bitconv(const Kernels& kernels, unsigned seed, Tally& tally) {
    Random random(seed);
    const Window w = random.window(11);
    const std::size_t batch = random.whole(1, 2), taps = w.kernel_h * w.kernel_w, places = batch * w.out_h * w.out_w;
    // now and then so many channels that sums outgrow what a kernel holds in bytes
    const std::size_t channels = random.whole(1, seed % 8 == 0 ? 1500 : 200), outputs = random.whole(1, 100);
    const std::size_t words = (channels + 63) / 64, rows = batch * w.height;
    Array<std::uint64_t> image = random.bits(rows * w.width, channels), filters = random.bits(outputs * taps, channels);
    if (seed % 8 == 0) {  // the most that can differ
        for (auto& word : image) word = 0;
        for (std::size_t i = 0; i < filters.size(); ++i) {
            const bool last = i % words == words - 1 && channels % 64 != 0;
            filters[i] = last ? (std::uint64_t{1} << channels % 64) - 1 : ~std::uint64_t{0};
        }
    }
    Array<std::uint8_t> laid(rows * kernels.expanded_bytes(w, channels));
    Array<std::uint8_t> weights(kernels.bitconv_bytes(outputs, taps, channels));
    kernels.expand(image.data(), rows, w, channels, laid.data());
    kernels.bitconv_prepare(filters.data(), outputs, taps, channels, weights.data());

    Array<float> sums(places * outputs);
    for_pixels(w, batch, [&](std::size_t n, std::ptrdiff_t y, std::ptrdiff_t x, std::size_t place) {
        for (std::size_t o = 0; o < outputs; ++o) {
            int sum = 0;
            for_taps(w, y, x, [&](std::size_t tap, std::size_t pixel) {
                for (std::size_t c = 0; c < channels; ++c) {
                    const bool a = bit_of(&image[(n * w.height * w.width + pixel) * words], c);
                    sum += a == bit_of(&filters[(o * taps + tap) * words], c) ? 1 : -1;
                }
            });
            sums[place * outputs + o] = static_cast<float>(sum);
        }
    });

    const Steps steps(random, outputs, places);
    Array<float> got(places * outputs), expected(places * outputs);
    for (std::size_t i = 0; i < sums.size(); ++i) expected[i] = steps(sums[i], i % outputs, i);
    leveret::BitConv job{};
    job.window = w;
    job.channels = channels, job.words = words, job.outputs = job.last = outputs, job.out_stride = outputs;
    job.weights = weights.data(), job.image = laid.data();
    job.out = got.data(), job.epilogue = steps.epilogue();
    const std::size_t all = batch * w.out_h, middle = random.whole(0, static_cast<int>(all));
    kernels.bitconv(job, 0, middle);
    kernels.bitconv(job, middle, all);
    tally.count("bitconv", seed, same(got, expected));

    const std::size_t out_words = (outputs + 63) / 64;
    const Array<float> threshold = random.wholes(outputs, 5);
    Array<std::uint8_t> flip(outputs);
    for (auto& f : flip) f = static_cast<std::uint8_t>(random.whole(0, 1));
    Array<std::uint64_t> got_bits(places * out_words), expected_bits(places * out_words);
    for (std::size_t i = 0; i < sums.size(); ++i) {
        const std::size_t o = i % outputs;
        const auto bit = static_cast<std::uint64_t>(reaches(sums[i], threshold[o], flip[o]));
        expected_bits[i / outputs * out_words + o / 64] |= bit << o % 64;
    }
    job.out = nullptr, job.epilogue = {};
    job.threshold = threshold.data(), job.flip = flip.data(), job.out_bits = got_bits.data();
    kernels.bitconv(job, 0, all);
    tally.count("bitconv to signs", seed, same(got_bits, expected_bits));
}

}  // namespace

void check_bits(const Kernels& kernels, unsigned seed, Tally& tally) {
    check_pack(kernels, seed, tally);
    check_bitconv(kernels, seed, tally);
}

}  // namespace native
