// What an instruction set provides: plain functions over ranges of rows, without threads.
//
// Each set is one translation unit, compiled with that set's flags, that includes the kernels' .inl files inside a
// namespace of its own. Those files use no standard-library templates, so that no code made for a newer CPU can be
// picked by the linker for an older one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace leveret {

// v = fma(sum, scale, shift);  v += add;  v += before;  v = v > 0 ? v : v * slope;  v += after.
// Null pointers leave a step out. All but `add` have one value per output channel; `add` has the output's shape.
// Every step rounds as PyTorch's own operators do, so that signs taken later are the same signs.
struct Epilogue {
    const float* scale = nullptr;
    const float* shift = nullptr;
    const float* add = nullptr;
    const float* before = nullptr;
    const float* slope = nullptr;
    const float* after = nullptr;

    // The same for outputs that begin at channel c.
    Epilogue from(std::size_t c) const {
        const auto moved = [c](const float* values) { return values ? values + c : nullptr; };
        return {moved(scale), moved(shift), moved(add), moved(before), moved(slope), moved(after)};
    }
};

// A window that slides over an image: all in pixels, first down, then across.
struct Window {
    std::ptrdiff_t height, width;          // of the image
    std::ptrdiff_t kernel_h, kernel_w;
    std::ptrdiff_t stride_h, stride_w;
    std::ptrdiff_t pad_h, pad_w;
    std::ptrdiff_t dilation_h, dilation_w;
    std::ptrdiff_t out_h, out_w;
};

// One group of a binary convolution.
struct BitConv {
    Window window;
    std::size_t channels;     // of the group
    std::size_t words;        // 64-bit words per pixel: ceil(channels / 64)
    std::size_t outputs;      // of the group
    std::size_t first, last;  // of them, to compute: from a multiple of 64 on
    std::size_t out_stride;   // floats between output pixels: the outputs of all groups
    const void* weights;      // as bitconv_prepare laid them out
    const void* image;        // batch x height x width pixels, as expand laid them out
    float* out;               // real results, or
    std::uint64_t* out_bits;  // signs against thresholds: ceil(outputs / 64) words per pixel
    Epilogue epilogue;
    const float* threshold;     // per output: bit = sum >= threshold, or
    const std::uint8_t* flip;   // where set, sum <= threshold
};

// One group of a real convolution.
struct FloatConv {
    Window window;
    std::size_t channels;    // of the group
    std::size_t in_stride;   // floats between input pixels
    std::size_t outputs;     // of the group
    std::size_t first, last;  // of them, to compute: from a multiple of 64 on
    std::size_t out_stride;  // floats between output pixels
    const float* weights;    // as floatconv_prepare laid them out
    bool exact;              // add in double and round once
    const float* image;
    const float* zeros;      // at least `channels` zeros: what stands outside the image
    float* out;
    Epilogue epilogue;
};

struct Pool2d {
    Window window;
    std::size_t channels;
    const float* image;
    float* out;
    bool count_padding;  // averages divide by the whole window, not by the places inside the image
};

struct IntConv;
struct Levels;
struct PlaneConv;
struct PlaneWeights;
struct SparseProduct;

struct Kernels {
    const char* name;

    // bit i of a row = x[i] >= threshold[i] (0 where null), or <= where flip; spare bits are 0
    void (*pack)(const float* x, std::size_t rows, std::size_t channels, const float* threshold,
                 const std::uint8_t* flip, std::uint64_t* out);

    // the layout that bitconv reads images in: bytes per row, and the change of some rows into it
    std::size_t (*expanded_bytes)(const Window& window, std::size_t channels);
    void (*expand)(const std::uint64_t* bits, std::size_t rows, const Window& window, std::size_t channels, void* out);

    // weights: outputs x taps x ceil(channels / 64) words
    std::size_t (*bitconv_bytes)(std::size_t outputs, std::size_t taps, std::size_t channels);
    void (*bitconv_prepare)(const std::uint64_t* weights, std::size_t outputs, std::size_t taps, std::size_t channels,
                            void* out);
    // output rows begin..end of all images: row = image * out_h + y
    void (*bitconv)(const BitConv& job, std::size_t begin, std::size_t end);

    // weights: outputs x taps x channels
    std::size_t (*floatconv_floats)(std::size_t outputs, std::size_t taps, std::size_t channels);
    void (*floatconv_prepare)(const float* weights, std::size_t outputs, std::size_t taps, std::size_t channels,
                              float* out);
    void (*floatconv)(const FloatConv& job, std::size_t begin, std::size_t end);
    // one filter per channel; weights: taps x channels
    void (*depthwise)(const FloatConv& job, std::size_t begin, std::size_t end);

    void (*max_pool)(const Pool2d& job, std::size_t begin, std::size_t end);
    void (*avg_pool)(const Pool2d& job, std::size_t begin, std::size_t end);

    // the epilogue alone, over rows of `channels`
    void (*affine)(const float* x, std::size_t rows, std::size_t channels, const Epilogue& epilogue, float* out);

    // loops over registers alone, to measure what this CPU can do at best; each gives the multiply-accumulates done
    std::size_t (*binary_peak)(std::size_t rounds);
    std::size_t (*float_peak)(std::size_t rounds);

    // round(x / step), ties to even, held in low..high, one byte each, two's complement; NaN gives low
    void (*quantize)(const float* x, std::size_t count, float step, std::int32_t low, std::int32_t high,
                     std::uint8_t* out);

    // whether planes are quicker than bytes (intconv) for weights that a byte holds
    bool (*planes_pay)(const PlaneWeights& kind);
    // weights: planes x outputs x taps x ceil(channels / 64) words, `plane_words` from plane to plane
    std::size_t (*planeconv_bytes)(const PlaneWeights& kind, std::size_t outputs, std::size_t taps,
                                   std::size_t channels);
    void (*planeconv_prepare)(const PlaneWeights& kind, const std::uint64_t* weights, std::size_t plane_words,
                              std::size_t outputs, std::size_t taps, std::size_t channels, void* out,
                              std::int32_t* bias);
    // bytes of its own that a thread takes
    std::size_t (*planeconv_held)(const PlaneWeights& kind, const Window& window, std::size_t channels);
    void (*planeconv)(const PlaneConv& job, std::size_t begin, std::size_t end);

    // weights: outputs x taps x channels
    std::size_t (*intconv_bytes)(std::size_t outputs, std::size_t taps, std::size_t channels);
    void (*intconv_prepare)(const Levels& levels, const std::int8_t* weights, std::size_t outputs, std::size_t taps,
                            std::size_t channels, void* out, std::int32_t* bias);
    std::size_t (*intconv_held)(const Window& window, std::size_t channels);
    void (*intconv)(const IntConv& job, std::size_t begin, std::size_t end);

    void (*sparse_product)(const SparseProduct& job, std::size_t begin, std::size_t end);
};

const Kernels* portable_kernels();
#if defined(__x86_64__)
const Kernels* popcnt_kernels();
const Kernels* avx2_kernels();
const Kernels* avx512_kernels();
#elif defined(__aarch64__)
const Kernels* neon_kernels();
const Kernels* neon_dotprod_kernels();
#endif

}  // namespace leveret

#include "intconv/job.hpp"
#include "planeconv/job.hpp"
#include "sparse/job.hpp"
