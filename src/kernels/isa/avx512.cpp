// x86-64 with AVX-512 and its VPOPCNTDQ, VNNI and VBMI: Ice Lake, Zen 4 and newer.
#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#include "isa/table.hpp"

#define LEVERET_ISA_NAME "avx512"
#define LEVERET_BITCONV "bitconv/popcount_avx512.inl"
#define LEVERET_FLOATCONV "floatconv/floatconv_avx512.inl"

namespace leveret {
namespace avx512 {
#include "isa/set.inl"
}
const Kernels* avx512_kernels() { return &avx512::kernels; }
}  // namespace leveret
#endif
