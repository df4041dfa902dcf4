// x86-64 with AVX2 and FMA; compiled with -mavx2 -mfma -mpopcnt.
#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#include "isa/table.hpp"

#define LEVERET_ISA_NAME "avx2"
#define LEVERET_BITCONV "bitconv/lookup_avx2.inl"
#define LEVERET_FLOATCONV "floatconv/floatconv.inl"

namespace leveret {
namespace avx2 {
#include "isa/set.inl"
}
const Kernels* avx2_kernels() { return &avx2::kernels; }
}  // namespace leveret
#endif
