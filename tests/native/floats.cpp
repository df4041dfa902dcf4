// Real convolution, depthwise too, pooling, pruned products and the epilogue. Inputs are whole numbers, so that sums are
// exact in any order; the epilogue's values are not, as every set rounds its steps alike.
#include "cases.hpp"

namespace native {
namespace {

void check_affine(const Kernels& kernels, unsigned seed, Tally& tally) {
    Random random(seed);
    const std::size_t rows = random.whole(1, 4), channels = random.whole(1, 70);
    const Array<float> x = random.reals(rows * channels);
    const Steps steps(random, channels, rows);
    Array<float> got(x.size()), expected(x.size());
    kernels.affine(x.data(), rows, channels, steps.epilogue(), got.data());
    for (std::size_t i = 0; i < x.size(); ++i) expected[i] = steps(x[i], i % channels, i);
    tally.count("affine", seed, same(got, expected));
}

void check_conv(const Kernels& kernels, unsigned seed, Tally& tally, bool depthwise) {
    Random random(seed);
    const Window w = random.window(9);
    const std::size_t batch = random.whole(1, 2), taps = w.kernel_h * w.kernel_w, places = batch * w.out_h * w.out_w;
    const std::size_t outputs = random.whole(1, 75), channels = depthwise ? 1 : random.whole(1, 40);
    const std::size_t read = depthwise ? outputs : channels, in_stride = read + random.whole(0, 3);
    const Array<float> image = random.wholes(batch * w.height * w.width * in_stride, 9), zeros(read);
    const Array<float> filters = random.wholes(outputs * taps * channels, 9);
    const Steps steps(random, outputs, places);
    Array<float> got(places * outputs), expected(places * outputs), weights;
    if (depthwise) {
        weights.resize(taps * outputs);
        for (std::size_t i = 0; i < weights.size(); ++i) weights[i % taps * outputs + i / taps] = filters[i];
    } else {
        weights.resize(kernels.floatconv_floats(outputs, taps, channels));
        kernels.floatconv_prepare(filters.data(), outputs, taps, channels, weights.data());
    }
    for_pixels(w, batch, [&](std::size_t n, std::ptrdiff_t y, std::ptrdiff_t x, std::size_t place) {
        for (std::size_t o = 0; o < outputs; ++o) {
            float sum = 0;
            for_taps(w, y, x, [&](std::size_t tap, std::size_t pixel) {
                const float* values = &image[(n * w.height * w.width + pixel) * in_stride] + (depthwise ? o : 0);
                for (std::size_t c = 0; c < channels; ++c) sum += values[c] * filters[(o * taps + tap) * channels + c];
            });
            expected[place * outputs + o] = steps(sum, o, place * outputs + o);
        }
    });
    leveret::FloatConv job{};
    job.window = w;
    job.channels = channels, job.in_stride = in_stride, job.outputs = job.last = outputs, job.out_stride = outputs;
    job.weights = weights.data(), job.image = image.data(), job.zeros = zeros.data(), job.out = got.data();
    job.exact = random.whole(0, 2) == 0, job.epilogue = steps.epilogue();
    (depthwise ? kernels.depthwise : kernels.floatconv)(job, 0, batch * w.out_h);
    tally.count(depthwise ? "depthwise" : "floatconv", seed, same(got, expected));
}

void check_pools(const Kernels& kernels, unsigned seed, Tally& tally) {
    Random random(seed);
    const Window w = random.window(9);
    const std::size_t batch = random.whole(1, 2), channels = random.whole(1, 40), places = batch * w.out_h * w.out_w;
    const Array<float> image = random.wholes(batch * w.height * w.width * channels, 50);
    Array<float> got_most(places * channels), got_mean(places * channels);
    Array<float> most(places * channels), mean(places * channels);
    const bool count_padding = random.often();
    for_pixels(w, batch, [&](std::size_t n, std::ptrdiff_t y, std::ptrdiff_t x, std::size_t place) {
        for (std::size_t c = 0; c < channels; ++c) {
            float best = -INFINITY, sum = 0;
            int inside = 0;
            for_taps(w, y, x, [&](std::size_t, std::size_t pixel) {
                const float v = image[(n * w.height * w.width + pixel) * channels + c];
                best = std::fmax(best, v);
                sum += v;
                ++inside;
            });
            const auto count = count_padding ? static_cast<float>(w.kernel_h * w.kernel_w) : static_cast<float>(inside);
            most[place * channels + c] = best;
            mean[place * channels + c] = inside ? sum / count : 0.0f;
        }
    });
    leveret::Pool2d job{w, channels, image.data(), got_most.data(), count_padding};
    kernels.max_pool(job, 0, batch * w.out_h);
    tally.count("max_pool", seed, same(got_most, most));
    job.out = got_mean.data();
    kernels.avg_pool(job, 0, batch * w.out_h);
    tally.count("avg_pool", seed, same(got_mean, mean));
}

void check_sparse(const Kernels& kernels, unsigned seed, Tally& tally) {
    Random random(seed);
    const std::size_t inputs = random.whole(1, 60), outputs = random.whole(1, 40);
    const std::size_t rows = random.whole(1, random.often() ? 8 : 150);
    Array<float> values;
    Array<std::uint32_t> columns, starts{0};
    for (std::size_t o = 0; o < outputs; ++o) {
        for (std::size_t i = 0; i < inputs; ++i)
            if (random.whole(0, 3) == 0) {
                values.push_back(static_cast<float>(random.whole(-9, 9)));
                columns.push_back(static_cast<std::uint32_t>(i));
            }
        starts.push_back(static_cast<std::uint32_t>(values.size()));
    }
    const Array<float> x = random.wholes(rows * inputs, 9);
    const Steps steps(random, outputs, rows);
    Array<float> got(rows * outputs), expected(rows * outputs);
    for (std::size_t i = 0; i < expected.size(); ++i) {
        float sum = 0;
        for (std::size_t k = starts[i % outputs]; k < starts[i % outputs + 1]; ++k)
            sum += values[k] * x[i / outputs * inputs + columns[k]];
        expected[i] = steps(sum, i % outputs, i);
    }
    const leveret::SparseProduct job{inputs,   outputs,  values.data(), columns.data(), starts.data(),
                                     x.data(), got.data(), steps.epilogue()};
    kernels.sparse_product(job, 0, rows);
    tally.count("sparse_product", seed, same(got, expected));
}

}  // namespace

void check_floats(const Kernels& kernels, unsigned seed, Tally& tally) {
    check_affine(kernels, seed, tally);
    check_conv(kernels, seed, tally, false);
    check_conv(kernels, seed, tally, true);
    check_pools(kernels, seed, tally);
    check_sparse(kernels, seed, tally);
}

}  // namespace native
