// For any CPU. On arm64 the compiler turns the same code into NEON, which every such CPU has.
#include <cstring>

#include "isa/table.hpp"

#if defined(__aarch64__)
#define LEVERET_ISA_NAME "neon"
#else
#define LEVERET_ISA_NAME "portable"
#endif
#define LEVERET_BITCONV "bitconv/popcount.inl"
#define LEVERET_FLOATCONV "floatconv/floatconv.inl"

namespace leveret {
namespace portable {
#include "isa/set.inl"
}
const Kernels* portable_kernels() { return &portable::kernels; }
}  // namespace leveret
