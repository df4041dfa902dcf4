// arm64: every such CPU has NEON and its fused multiply-adds.
#if defined(__aarch64__)
#include <arm_neon.h>

#include <cstring>

#include "isa/table.hpp"

#define LEVERET_NEON
#define LEVERET_ISA_NAME "neon"
#define LEVERET_BITCONV "bitconv/popcount_neon.inl"
#define LEVERET_FLOATCONV "floatconv/floatconv.inl"

namespace leveret {
namespace neon {
#include "isa/set.inl"
}
const Kernels* neon_kernels() { return &neon::kernels; }
}  // namespace leveret
#endif
