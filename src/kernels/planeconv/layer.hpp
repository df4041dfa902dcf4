// A convolution with weights in bit planes, ready to run.
#pragma once

#include <memory>
#include <vector>

#include "isa/table.hpp"

namespace leveret {

class PlaneConvLayer {
public:
    // weights: planes x outputs x taps x ceil(channels / groups / 64) words
    PlaneConvLayer(const std::uint64_t* weights, std::vector<std::int32_t> coefficients, std::int32_t constant,
                   Levels levels, std::size_t outputs, std::size_t taps, std::size_t channels, std::size_t groups);

    // image: batch x height x width x channels bytes
    void run(const std::uint8_t* image, std::size_t batch, const Window& window, const Epilogue& epilogue, float* out,
             int threads) const;

private:
    PlaneWeights kind() const { return {coefficients_.size(), coefficients_.data(), constant_, levels_}; }

    struct Free {
        void operator()(void* p) const;
    };
    const Kernels* kernels_;
    std::vector<std::int32_t> coefficients_;
    std::int32_t constant_;
    Levels levels_;
    std::size_t outputs_, channels_, groups_, group_bytes_;
    std::unique_ptr<std::uint8_t, Free> weights_;
    std::vector<std::int32_t> bias_;
};

}  // namespace leveret
