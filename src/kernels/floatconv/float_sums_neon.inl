// Sums of pixels ox..ox+4 of a row for one block of 16 filters: 20 registers of sums. Vectors wider than the registers, as
// float_sums.inl has them, would go through memory here. Pixels past the row's end compute zeros.
inline void float_sums(const FloatConv& job, const float* image, std::ptrdiff_t oy, std::ptrdiff_t ox,
                       std::size_t count, const float* weights, float (*sums)[float_lanes]) {
    const Window& w = job.window;
    float32x4_t a[float_tile][4];
#pragma GCC unroll 5
    for (std::size_t i = 0; i < float_tile; ++i)
#pragma GCC unroll 4
        for (int r = 0; r < 4; ++r) a[i][r] = vdupq_n_f32(0);
    for (std::ptrdiff_t ky = 0; ky < w.kernel_h; ++ky)
        for (std::ptrdiff_t kx = 0; kx < w.kernel_w; ++kx) {
            const float* p[float_tile];
#pragma GCC unroll 5
            for (std::size_t i = 0; i < float_tile; ++i)
                p[i] = i < count ? under(job, image, oy, ox + static_cast<std::ptrdiff_t>(i), ky, kx) : job.zeros;
            for (std::size_t c = 0; c < job.channels; ++c, weights += float_lanes) {
                float32x4_t filter[4];
#pragma GCC unroll 4
                for (int r = 0; r < 4; ++r) filter[r] = vld1q_f32(weights + 4 * r);
#pragma GCC unroll 5
                for (std::size_t i = 0; i < float_tile; ++i) {
                    const float32x4_t x = vld1q_dup_f32(p[i] + c);
#pragma GCC unroll 4
                    for (int r = 0; r < 4; ++r) a[i][r] = vfmaq_f32(a[i][r], filter[r], x);
                }
            }
        }
#pragma GCC unroll 5
    for (std::size_t i = 0; i < float_tile; ++i)
#pragma GCC unroll 4
        for (int r = 0; r < 4; ++r) vst1q_f32(sums[i] + 4 * r, a[i][r]);
}
