// A convolution with weights in bit planes, ready to run.
#pragma once

#include "strip/layer.hpp"

namespace leveret {

class PlaneConvLayer : public WholeConvLayer {
public:
    // weights: planes x outputs x taps x ceil(channels / groups / 64) words
    PlaneConvLayer(const std::uint64_t* weights, std::vector<std::int32_t> coefficients, std::int32_t constant,
                   Levels levels, std::size_t outputs, std::size_t taps, std::size_t channels, std::size_t groups);

    void run(const std::uint8_t* image, std::size_t batch, const Window& window, const Epilogue& epilogue, float* out,
             int threads) const override;

    std::size_t held(const Window& window) const override;

private:
    PlaneWeights kind() const { return {coefficients_.size(), coefficients_.data(), constant_, levels_}; }

    std::vector<std::int32_t> coefficients_;
    std::int32_t constant_;
};

}  // namespace leveret
