// One group of a convolution of bytes with bytes.
#pragma once

#include "isa/table.hpp"
#include "strip/levels.hpp"

namespace leveret {

struct IntConv {
    Window window;
    Levels levels;              // of the image
    std::size_t channels;       // of the group
    std::size_t in_stride;      // bytes between input pixels
    std::size_t outputs;        // of the group
    std::size_t out_stride;     // floats between output pixels
    const void* weights;        // as intconv_prepare laid them out
    const std::int32_t* bias;   // per output: what `low`, and on dot products 128, takes from its sums
    const std::uint8_t* image;  // one byte per value, two's complement where low < 0
    float* out;
    Epilogue epilogue;
};

}  // namespace leveret
