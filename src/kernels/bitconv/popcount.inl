// Binary convolution by xor and population count, 64 channels at a time.
//
// Two signs differ where their xor is 1, so over the places inside the image: sum = bits - 2 popcount(a ^ w). Places
// outside are left out of both, which makes borders exact. Spare bits are 0 on both sides and never differ.

std::size_t expanded_bytes(const Window& w, std::size_t channels) { return w.width * ((channels + 63) / 64) * 8; }

void expand(const std::uint64_t* bits, std::size_t rows, const Window& w, std::size_t channels, void* out) {
    std::memcpy(out, bits, rows * expanded_bytes(w, channels));
}

std::size_t bitconv_bytes(std::size_t outputs, std::size_t taps, std::size_t channels) {
    return outputs * taps * ((channels + 63) / 64) * 8;
}

void bitconv_prepare(const std::uint64_t* weights, std::size_t outputs, std::size_t taps, std::size_t channels,
                     void* out) {
    std::memcpy(out, weights, bitconv_bytes(outputs, taps, channels));
}

// One output pixel: its sums for outputs begin..begin+count.
inline void popcount_pixel(const BitConv& job, const std::uint64_t* image, std::ptrdiff_t oy, std::ptrdiff_t ox,
                           std::size_t begin, std::size_t count, float* sums) {
    const Window& w = job.window;
    const std::size_t taps = w.kernel_h * w.kernel_w;
    const auto* weights = static_cast<const std::uint64_t*>(job.weights) + begin * taps * job.words;
    std::int64_t differ[64] = {};
    std::int64_t inside = 0;
    for (std::ptrdiff_t ky = 0; ky < w.kernel_h; ++ky) {
        const std::ptrdiff_t y = oy * w.stride_h - w.pad_h + ky * w.dilation_h;
        if (y < 0 || y >= w.height) continue;
        for (std::ptrdiff_t kx = 0; kx < w.kernel_w; ++kx) {
            const std::ptrdiff_t x = ox * w.stride_w - w.pad_w + kx * w.dilation_w;
            if (x < 0 || x >= w.width) continue;
            ++inside;
            const std::uint64_t* pixel = image + (y * w.width + x) * job.words;
            const std::uint64_t* filter = weights + (ky * w.kernel_w + kx) * job.words;
            for (std::size_t o = 0; o < count; ++o, filter += taps * job.words) {
                std::int64_t n = 0;
                for (std::size_t i = 0; i < job.words; ++i) n += __builtin_popcountll(pixel[i] ^ filter[i]);
                differ[o] += n;
            }
        }
    }
    const std::int64_t bits = inside * static_cast<std::int64_t>(job.channels);
    for (std::size_t o = 0; o < count; ++o) sums[o] = static_cast<float>(bits - 2 * differ[o]);
}

void bitconv(const BitConv& job, std::size_t begin, std::size_t end) {
    const Window& w = job.window;
    const std::size_t out_words = (job.outputs + 63) / 64;
    float sums[64];
    for (std::size_t row = begin; row < end; ++row) {
        const std::size_t n = row / w.out_h, oy = row % w.out_h;
        const auto* image = static_cast<const std::uint64_t*>(job.image) + n * w.height * w.width * job.words;
        for (std::ptrdiff_t ox = 0; ox < w.out_w; ++ox) {
            const std::size_t pixel = row * w.out_w + ox;
            for (std::size_t o = job.first; o < job.last; o += 64) {
                const std::size_t count = job.outputs - o < 64 ? job.outputs - o : 64;
                popcount_pixel(job, image, oy, ox, o, count, sums);
                if (job.out)
                    finish(sums, count, job.epilogue, o, pixel * job.out_stride + o, job.out);
                else
                    job.out_bits[pixel * out_words + o / 64] =
                        pack_word(sums, count, job.threshold + o, job.flip + o);
            }
        }
    }
}
