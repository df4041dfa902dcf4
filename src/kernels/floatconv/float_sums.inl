// Sums of pixels ox..ox+5 of a row for one block of 16 filters. Pixels past the row's end compute zeros.
inline void float_sums(const FloatConv& job, const float* image, std::ptrdiff_t oy, std::ptrdiff_t ox,
                       std::size_t count, const float* weights, float (*sums)[float_lanes]) {
    const Window& w = job.window;
    Float8 a[float_tile][2] = {};
    for (std::ptrdiff_t ky = 0; ky < w.kernel_h; ++ky)
        for (std::ptrdiff_t kx = 0; kx < w.kernel_w; ++kx) {
            const float* p[float_tile];
            for (std::size_t i = 0; i < float_tile; ++i)
                p[i] = i < count ? under(job, image, oy, ox + static_cast<std::ptrdiff_t>(i), ky, kx) : job.zeros;
            for (std::size_t c = 0; c < job.channels; ++c, weights += float_lanes) {
                const Float8 w0 = load8(weights), w1 = load8(weights + 8);
#pragma GCC unroll 6
                for (std::size_t i = 0; i < float_tile; ++i) {
                    const float x = p[i][c];
                    const Float8 all = {x, x, x, x, x, x, x, x};
                    a[i][0] = muladd8(w0, all, a[i][0]);
                    a[i][1] = muladd8(w1, all, a[i][1]);
                }
            }
        }
    for (std::size_t i = 0; i < float_tile; ++i) {
        store8(sums[i], a[i][0]);
        store8(sums[i] + 8, a[i][1]);
    }
}
