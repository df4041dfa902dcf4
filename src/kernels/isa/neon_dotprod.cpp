// arm64 with dot products of bytes (Armv8.2 and most CPUs since 2018); compiled with -march=armv8.2-a+dotprod.
#if defined(__aarch64__)
#include <arm_neon.h>

#include <cstring>

#include "isa/table.hpp"

#define LEVERET_NEON
#define LEVERET_ISA_NAME "neon-dotprod"
#define LEVERET_BITCONV "bitconv/popcount_neon.inl"
#define LEVERET_FLOATCONV "floatconv/floatconv.inl"

namespace leveret {
namespace neon_dotprod {
#include "isa/set.inl"
}
const Kernels* neon_dotprod_kernels() { return &neon_dotprod::kernels; }
}  // namespace leveret
#endif
