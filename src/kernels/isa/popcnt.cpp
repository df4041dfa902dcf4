// x86-64 with the popcnt instruction; compiled with -mpopcnt.
#if defined(__x86_64__)
#include <cstring>

#include "isa/table.hpp"

#define LEVERET_ISA_NAME "popcnt"
#define LEVERET_BITCONV "bitconv/popcount.inl"
#define LEVERET_FLOATCONV "floatconv/floatconv.inl"

namespace leveret {
namespace popcnt {
#include "isa/set.inl"
}
const Kernels* popcnt_kernels() { return &popcnt::kernels; }
}  // namespace leveret
#endif
