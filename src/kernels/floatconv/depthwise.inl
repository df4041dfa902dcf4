// Convolution with one filter a channel, of channels-last images; weights: [tap][channel].

void depthwise(const FloatConv& job, std::size_t begin, std::size_t end) {
    const Window& w = job.window;
    float sums[64];
    for (std::size_t row = begin; row < end; ++row) {
        const std::size_t n = row / w.out_h, oy = row % w.out_h;
        const float* image = job.image + n * w.height * w.width * job.in_stride;
        for (std::ptrdiff_t ox = 0; ox < w.out_w; ++ox)
            for (std::size_t c = job.first; c < job.last; c += 64) {
                const std::size_t count = job.outputs - c < 64 ? job.outputs - c : 64;
                for (std::size_t i = 0; i < count; ++i) sums[i] = 0;
                const float* weights = job.weights + c;
                for (std::ptrdiff_t ky = 0; ky < w.kernel_h; ++ky)
                    for (std::ptrdiff_t kx = 0; kx < w.kernel_w; ++kx, weights += job.outputs) {
                        const float* p = under(job, image, oy, ox, ky, kx);
                        if (p == job.zeros) continue;
                        for (std::size_t i = 0; i < count; ++i) sums[i] += p[c + i] * weights[i];
                    }
                finish(sums, count, job.epilogue, c, (row * w.out_w + ox) * job.out_stride + c, job.out);
            }
    }
}
