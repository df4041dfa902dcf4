// A real convolution ready to run.
#pragma once

#include <vector>

#include "isa/table.hpp"

namespace leveret {

class FloatConvLayer {
public:
    // weights: outputs x taps x (channels / groups); `exact` adds in double and rounds once
    FloatConvLayer(const float* weights, std::size_t outputs, std::size_t taps, std::size_t channels,
                   std::size_t groups, bool exact);

    // image: batch x height x width x channels
    void run(const float* image, std::size_t batch, const Window& window, const Epilogue& epilogue, float* out,
             int threads) const;

    std::size_t outputs() const { return outputs_; }

private:
    bool is_depthwise() const { return groups_ == channels_ && groups_ == outputs_ && groups_ > 1 && !exact_; }

    const Kernels* kernels_;
    bool exact_;
    std::size_t outputs_, channels_, groups_, group_floats_;
    std::vector<float> weights_, zeros_;
};

}  // namespace leveret
