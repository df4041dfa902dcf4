// One group of a convolution of whole numbers of few bits with weights in bit planes.
#pragma once

#include "isa/table.hpp"
#include "strip/levels.hpp"

namespace leveret {

// The weights: constant + sum over planes of coefficient * bit. Signs are -1 + 2 bit, ternary weights plus - minus.
struct PlaneWeights {
    std::size_t planes;
    const std::int32_t* coefficients;  // of the planes
    std::int32_t constant;
    Levels levels;                     // of the activations
};

struct PlaneConv {
    Window window;
    PlaneWeights kind;
    std::size_t channels;       // of the group
    std::size_t in_stride;      // bytes between input pixels
    std::size_t outputs;        // of the group
    std::size_t out_stride;     // floats between output pixels
    const void* weights;        // as planeconv_prepare laid them out
    const std::int32_t* bias;   // per output: what `low` takes from its sums, as planeconv_prepare counted it
    const std::uint8_t* image;  // one byte per value, two's complement where low < 0
    float* out;
    Epilogue epilogue;
};

}  // namespace leveret
