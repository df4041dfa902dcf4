// Gathers the kernels of one instruction set. Included inside that set's namespace, after LEVERET_BITCONV and
// LEVERET_FLOATCONV have named the files that hold its convolutions.
#include "memory.inl"
#include "elementwise/elementwise.inl"
#include "pack/pack.inl"
#include LEVERET_BITCONV
#include LEVERET_FLOATCONV
#include "floatconv/weights.inl"
#include "pooling/pooling.inl"
#include "peaks/peaks.inl"
#include "quantize/quantize.inl"
#include "strip/levels.inl"
#include "strip/strip.inl"
#include "planeconv/bias.inl"
#if defined(__AVX2__)
#include "planeconv/lookup.inl"
#else
#include "planeconv/popcount.inl"
#endif
#include "intconv/intconv.inl"
#include "sparse/sparse.inl"

constexpr Kernels kernels{
    LEVERET_ISA_NAME, pack,      expanded_bytes,    expand,    bitconv_bytes, bitconv_prepare, bitconv,
    floatconv_floats, floatconv_prepare, floatconv, depthwise, max_pool,      avg_pool,        affine,
    binary_peak,      float_peak,
    quantize,         planes_pay,        planeconv_bytes,   planeconv_prepare,
    planeconv_held,   planeconv,
    intconv_bytes,    intconv_prepare,   intconv_held,      intconv,
    sparse_product,
};
