// A convolution of bytes with bytes, ready to run.
#pragma once

#include "strip/layer.hpp"

namespace leveret {

class IntConvLayer : public WholeConvLayer {
public:
    // weights: outputs x taps x (channels / groups)
    IntConvLayer(const std::int8_t* weights, Levels levels, std::size_t outputs, std::size_t taps,
                 std::size_t channels, std::size_t groups);

    void run(const std::uint8_t* image, std::size_t batch, const Window& window, const Epilogue& epilogue, float* out,
             int threads) const override;

    std::size_t held(const Window& window) const override;
};

}  // namespace leveret
