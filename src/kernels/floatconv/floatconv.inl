// Real convolution of channels-last images, six output pixels (NEON: five) by sixteen filters at a time.
//
// weights: [block of 16 outputs][tap][channel][16]; a last block is filled up with zeros.

constexpr std::size_t float_lanes = 16;
#if defined(LEVERET_NEON)
constexpr std::size_t float_tile = 5;  // with the filters and the pixels, as many as the registers hold
#else
constexpr std::size_t float_tile = 6;
#endif

#include "floatconv/under.inl"

#if defined(LEVERET_NEON)
#include "floatconv/float_sums_neon.inl"
#else
#include "floatconv/float_sums.inl"
#endif

// The same sums in double, four lanes to a register, rounded to float at the end. Products of floats are exact in double, and
// so nearly are their sums: whatever the order of adding, the float that comes out is the same.
inline void exact_sums(const FloatConv& job, const float* image, std::ptrdiff_t oy, std::ptrdiff_t ox,
                       std::size_t count, const float* weights, float (*sums)[float_lanes]) {
    const Window& w = job.window;
    double a[float_tile][float_lanes] = {};
    for (std::ptrdiff_t ky = 0; ky < w.kernel_h; ++ky)
        for (std::ptrdiff_t kx = 0; kx < w.kernel_w; ++kx) {
            const float* p[float_tile];
            for (std::size_t i = 0; i < float_tile; ++i)
                p[i] = i < count ? under(job, image, oy, ox + static_cast<std::ptrdiff_t>(i), ky, kx) : job.zeros;
            for (std::size_t c = 0; c < job.channels; ++c, weights += float_lanes) {
                double wide[float_lanes];
                for (std::size_t lane = 0; lane < float_lanes; ++lane) wide[lane] = weights[lane];
                for (std::size_t i = 0; i < float_tile; ++i) {
                    const double x = p[i][c];
                    for (std::size_t lane = 0; lane < float_lanes; ++lane) a[i][lane] += x * wide[lane];
                }
            }
        }
    for (std::size_t i = 0; i < float_tile; ++i)
        for (std::size_t lane = 0; lane < float_lanes; ++lane) sums[i][lane] = static_cast<float>(a[i][lane]);
}

void floatconv(const FloatConv& job, std::size_t begin, std::size_t end) {
    const Window& w = job.window;
    const std::size_t block_size = float_lanes * w.kernel_h * w.kernel_w * job.channels;
    float sums[float_tile][float_lanes];
    for (std::size_t row = begin; row < end; ++row) {
        const std::size_t n = row / w.out_h, oy = row % w.out_h;
        const float* image = job.image + n * w.height * w.width * job.in_stride;
        for (std::ptrdiff_t ox = 0; ox < w.out_w; ox += float_tile) {
            const std::size_t left = w.out_w - ox;
            const std::size_t count = left < float_tile ? left : float_tile;
            const float* weights = job.weights + job.first / float_lanes * block_size;
            for (std::size_t o = job.first; o < job.last; o += float_lanes, weights += block_size) {
                (job.exact ? exact_sums : float_sums)(job, image, oy, ox, count, weights, sums);
                const std::size_t lanes = job.outputs - o < float_lanes ? job.outputs - o : float_lanes;
                for (std::size_t i = 0; i < count; ++i)
                    finish(sums[i], lanes, job.epilogue, o, (row * w.out_w + ox + i) * job.out_stride + o, job.out);
            }
        }
    }
}

#include "floatconv/depthwise.inl"
