// Maximum and average over windows of a channels-last image. Places outside the image take no part.

inline void pool_rows(const Pool2d& job, std::size_t begin, std::size_t end, bool average) {
    const Window& w = job.window;
    for (std::size_t row = begin; row < end; ++row) {
        const std::size_t n = row / w.out_h, oy = row % w.out_h;
        const float* image = job.image + n * w.height * w.width * job.channels;
        for (std::ptrdiff_t ox = 0; ox < w.out_w; ++ox) {
            float* out = job.out + (row * w.out_w + ox) * job.channels;
            std::ptrdiff_t places = 0;
            // of the padded image: a ceil_mode window may reach past even the padding
            std::ptrdiff_t padded = 0;
            for (std::ptrdiff_t ky = 0; ky < w.kernel_h; ++ky) {
                const std::ptrdiff_t y = static_cast<std::ptrdiff_t>(oy) * w.stride_h - w.pad_h + ky * w.dilation_h;
                for (std::ptrdiff_t kx = 0; kx < w.kernel_w; ++kx) {
                    const std::ptrdiff_t x = ox * w.stride_w - w.pad_w + kx * w.dilation_w;
                    padded += y < w.height + w.pad_h && x < w.width + w.pad_w;
                    if (y < 0 || y >= w.height || x < 0 || x >= w.width) continue;
                    const float* p = image + (y * w.width + x) * job.channels;
                    if (places++ == 0)
                        std::memcpy(out, p, job.channels * sizeof(float));
                    else if (average)
                        for (std::size_t c = 0; c < job.channels; ++c) out[c] += p[c];
                    else  // a NaN stays, whether it comes first or later
                        for (std::size_t c = 0; c < job.channels; ++c)
                            out[c] = p[c] > out[c] || p[c] != p[c] ? p[c] : out[c];
                }
            }
            if (places == 0) {  // a dilated window may straddle a small image
                for (std::size_t c = 0; c < job.channels; ++c) out[c] = average ? 0.0f : -__builtin_inff();
            } else if (average) {
                const float count = static_cast<float>(job.count_padding ? padded : places);
                for (std::size_t c = 0; c < job.channels; ++c) out[c] /= count;
            }
        }
    }
}

void max_pool(const Pool2d& job, std::size_t begin, std::size_t end) { pool_rows(job, begin, end, false); }

void avg_pool(const Pool2d& job, std::size_t begin, std::size_t end) { pool_rows(job, begin, end, true); }
