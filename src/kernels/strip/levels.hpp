// The range of an image's values.
#pragma once

#include <cstdint>

namespace leveret {

// low <= 0 <= high, high - low <= 255. Values are two's complement bytes where low < 0.
struct Levels {
    std::int32_t low, high;
};

}  // namespace leveret
