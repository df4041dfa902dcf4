// For any CPU, as the compiler vectorises it.
#include <cstring>

#include "isa/table.hpp"

#define LEVERET_ISA_NAME "portable"
#define LEVERET_BITCONV "bitconv/popcount.inl"
#define LEVERET_FLOATCONV "floatconv/floatconv.inl"

namespace leveret {
namespace portable {
#include "isa/set.inl"
}
const Kernels* portable_kernels() { return &portable::kernels; }
}  // namespace leveret
