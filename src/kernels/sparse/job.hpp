// A product with pruned weights.
#pragma once

#include "isa/table.hpp"

namespace leveret {

struct SparseProduct {
    std::size_t inputs, outputs;
    const float* values;           // what was not pruned, one output after the other
    const std::uint32_t* columns;  // of each, which input it weighs
    const std::uint32_t* starts;   // outputs + 1: where an output's begin
    const float* x;                // rows x inputs
    float* out;                    // rows x outputs
    Epilogue epilogue;
};

}  // namespace leveret
