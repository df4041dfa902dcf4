// xxHash of 32 bits (Collet, 2014) of a number, taken as four bytes, the lowest first.
#pragma once

#include <bit>
#include <cstdint>

namespace leveret {

inline std::uint32_t xxh32(std::uint32_t number, std::uint32_t seed) {
    constexpr std::uint32_t second = 0x85ebca77, third = 0xc2b2ae3d, fourth = 0x27d4eb2f, fifth = 0x165667b1;
    std::uint32_t h = seed + fifth + 4 + number * third;
    h = std::rotl(h, 17) * fourth;
    h = (h ^ h >> 15) * second;
    h = (h ^ h >> 13) * third;
    return h ^ h >> 16;
}

}  // namespace leveret
