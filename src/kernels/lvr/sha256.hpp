// SHA-256 (FIPS 180-4), of pieces one after the other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace leveret::lvr {

class Sha256 {
public:
    void add(const void* bytes, std::size_t count);
    void add(std::string_view text) { add(text.data(), text.size()); }

    // 64 lower-case hexadecimal digits; nothing more may be added.
    std::string hex();

private:
    void block(const std::uint8_t* bytes);

    std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<std::uint8_t, 64> open_{};  // what doesn't fill a block yet
    std::uint64_t count_ = 0;
};

}  // namespace leveret::lvr
