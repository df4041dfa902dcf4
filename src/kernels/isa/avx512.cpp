// x86-64 with AVX-512 as Ice Lake and Zen 4 have it: BW, DQ, VL, VBMI, VNNI and VPOPCNTDQ.
#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#include "isa/table.hpp"

#define LEVERET_ISA_NAME "avx512"
#define LEVERET_BITCONV "bitconv/lookup_avx2.inl"

namespace leveret {
namespace avx512 {
#include "isa/set.inl"
}
const Kernels* avx512_kernels() { return &avx512::kernels; }
}  // namespace leveret
#endif
