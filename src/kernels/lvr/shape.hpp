// What flows through a graph, as it is checked: Python's leveret.runtime._values.Value.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "isa/table.hpp"

namespace leveret::lvr {

enum class Kind { floats, bits, bytes };

struct Shape {
    bool image;  // else a row of features, of height and width 1
    std::uint64_t height, width, channels;
    Kind kind = Kind::floats;
    Levels levels{0, 0};  // of bytes: lowest and highest

    std::uint64_t places() const { return height * width; }
    std::uint64_t elements() const { return places() * channels; }
    std::uint64_t bytes() const;  // of one sample
    bool same_size(const Shape& other) const {
        return image == other.image && height == other.height && width == other.width;
    }
    bool operator==(const Shape& other) const;
};

// Throws a FormatError where one is empty or has more than 2^26 elements.
Shape image_of(std::uint64_t height, std::uint64_t width, std::uint64_t channels, Kind kind = Kind::floats);
Shape row_of(std::uint64_t channels, Kind kind = Kind::floats);
Shape like(const Shape& shape, std::uint64_t channels, Kind kind = Kind::floats);

// As users count it: "(channels, height, width)" or "(channels,)".
std::string shown(const Shape& shape);
std::string shown(Kind kind);

using Pair = std::array<std::int64_t, 2>;    // down, across
using Whole3 = std::array<std::int64_t, 3>;  // down, across, channels

// A window over an image, with the places that it takes. Throws a FormatError where the image is too small for it.
Window window_on(const Shape& image, Pair kernel, Pair stride, Pair padding, Pair dilation = {1, 1},
                 bool ceil_mode = false);

// A linear layer's: a convolution of one place.
Window one_place();

}  // namespace leveret::lvr
