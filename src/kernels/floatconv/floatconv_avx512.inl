// Real convolution of channels-last images for AVX-512: up to fourteen output pixels by thirty-two filters at a time.
//
// weights: [block of 32 outputs][tap][channel][32]; a last block is filled up with zeros.
//
// The pixels under a row of the kernel follow one another in memory: where all of a tile's are inside the image, a row
// is one run of kernel width times channels; at borders each tap is a run, and pixels outside read zeros.

constexpr std::size_t float_lanes = 32;
constexpr std::size_t float_tile = 14;

#include "floatconv/under.inl"

// What the two kinds of sums have in common: a pixel's value in all lanes, and `filters` filters' weights in
// `parts` registers.
struct FloatSums {
    using Register = __m512;
    static constexpr int parts = 2;      // registers a pixel
    static constexpr int filters = 32;   // that they hold
    static Register zero() { return _mm512_setzero_ps(); }
    static Register weight(const float* w, int part) { return _mm512_loadu_ps(w + 16 * part); }
    static Register all(const float* x) { return _mm512_set1_ps(*x); }
    static Register add(Register x, Register w, Register sum) { return _mm512_fmadd_ps(x, w, sum); }
    static void store(float* to, Register sum, int part) { _mm512_storeu_ps(to + 16 * part, sum); }
};

// In double, rounded to float at the end. Products of floats are exact in double, and so nearly are their sums: whatever the
// order of adding, the float that comes out is the same.
struct ExactSums {
    using Register = __m512d;
    static constexpr int parts = 2;
    static constexpr int filters = 16;
    static Register zero() { return _mm512_setzero_pd(); }
    static Register weight(const float* w, int part) { return _mm512_cvtps_pd(_mm256_loadu_ps(w + 8 * part)); }
    static Register all(const float* x) { return _mm512_cvtps_pd(_mm256_set1_ps(*x)); }
    static Register add(Register x, Register w, Register sum) { return _mm512_fmadd_pd(x, w, sum); }
    static void store(float* to, Register sum, int part) { _mm256_storeu_ps(to + 8 * part, _mm512_cvtpd_ps(sum)); }
};

// Sums of pixels ox..ox+size-1 of a row for the filters whose weights begin at `weights`.
template <typename Sums, int size>
void float_sums(const FloatConv& job, const float* image, std::ptrdiff_t oy, std::ptrdiff_t ox, const float* weights,
                float* sums) {
    const Window& w = job.window;
    typename Sums::Register n[size][Sums::parts];
#pragma GCC unroll 14
    for (int p = 0; p < size; ++p)
        for (int part = 0; part < Sums::parts; ++part) n[p][part] = Sums::zero();
    const std::ptrdiff_t left = ox * w.stride_w - w.pad_w;
    const std::ptrdiff_t right = left + (size - 1) * w.stride_w + (w.kernel_w - 1) * w.dilation_w;
    // one run a row needs neighbouring taps to be neighbours in memory too
    const bool whole = left >= 0 && right < w.width && w.dilation_w == 1 && job.in_stride == job.channels;
    const std::ptrdiff_t runs = whole ? 1 : w.kernel_w;
    const std::size_t length = whole ? w.kernel_w * job.channels : job.channels;
    for (std::ptrdiff_t ky = 0; ky < w.kernel_h; ++ky) {
        const std::ptrdiff_t y = oy * w.stride_h - w.pad_h + ky * w.dilation_h;
        if (y < 0 || y >= w.height) {
            weights += w.kernel_w * job.channels * float_lanes;
            continue;
        }
        for (std::ptrdiff_t kx = 0; kx < runs; ++kx) {
            const float* x[size];
            for (int p = 0; p < size; ++p) x[p] = under(job, image, oy, ox + p, ky, kx);
            for (std::size_t c = 0; c < length; ++c, weights += float_lanes) {
                const auto w0 = Sums::weight(weights, 0), w1 = Sums::weight(weights, 1);
#pragma GCC unroll 14
                for (int p = 0; p < size; ++p) {
                    const auto value = Sums::all(x[p] + c);
                    n[p][0] = Sums::add(value, w0, n[p][0]);
                    n[p][1] = Sums::add(value, w1, n[p][1]);
                }
            }
        }
    }
#pragma GCC unroll 14
    for (int p = 0; p < size; ++p)
        for (int part = 0; part < Sums::parts; ++part) Sums::store(sums + p * float_lanes, n[p][part], part);
}

using FloatSumsOf = void (*)(const FloatConv&, const float*, std::ptrdiff_t, std::ptrdiff_t, const float*, float*);

template <typename Sums>
constexpr FloatSumsOf float_sums_of[float_tile] = {
    float_sums<Sums, 1>,  float_sums<Sums, 2>,  float_sums<Sums, 3>,  float_sums<Sums, 4>,  float_sums<Sums, 5>,
    float_sums<Sums, 6>,  float_sums<Sums, 7>,  float_sums<Sums, 8>,  float_sums<Sums, 9>,  float_sums<Sums, 10>,
    float_sums<Sums, 11>, float_sums<Sums, 12>, float_sums<Sums, 13>, float_sums<Sums, 14>,
};

void floatconv(const FloatConv& job, std::size_t begin, std::size_t end) {
    const Window& w = job.window;
    const std::size_t block_size = float_lanes * w.kernel_h * w.kernel_w * job.channels;
    const std::size_t tiles = (w.out_w + float_tile - 1) / float_tile;
    alignas(64) float sums[float_tile][float_lanes];
    for (std::size_t row = begin; row < end; ++row) {
        const std::size_t n = row / w.out_h, oy = row % w.out_h;
        const float* image = job.image + n * w.height * w.width * job.in_stride;
        for (std::size_t t = 0; t < tiles; ++t) {
            const std::size_t ox = t * w.out_w / tiles, size = (t + 1) * w.out_w / tiles - ox;
            const float* weights = job.weights + job.first / float_lanes * block_size;
            for (std::size_t o = job.first; o < job.last; o += float_lanes, weights += block_size) {
                if (job.exact) {
                    float_sums_of<ExactSums>[size - 1](job, image, oy, ox, weights, sums[0]);
                    if (job.outputs - o > ExactSums::filters)
                        float_sums_of<ExactSums>[size - 1](job, image, oy, ox, weights + ExactSums::filters,
                                                           sums[0] + ExactSums::filters);
                } else {
                    float_sums_of<FloatSums>[size - 1](job, image, oy, ox, weights, sums[0]);
                }
                const std::size_t lanes = job.outputs - o < float_lanes ? job.outputs - o : float_lanes;
                for (std::size_t p = 0; p < size; ++p)
                    finish(sums[p], lanes, job.epilogue, o, (row * w.out_w + ox + p) * job.out_stride + o, job.out);
            }
        }
    }
}

#include "floatconv/depthwise.inl"
