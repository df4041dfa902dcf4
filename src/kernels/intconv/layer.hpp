// A convolution of bytes with bytes, ready to run.
#pragma once

#include <memory>
#include <vector>

#include "isa/table.hpp"

namespace leveret {

class IntConvLayer {
public:
    // weights: outputs x taps x (channels / groups)
    IntConvLayer(const std::int8_t* weights, Levels levels, std::size_t outputs, std::size_t taps,
                 std::size_t channels, std::size_t groups);

    // image: batch x height x width x channels bytes
    void run(const std::uint8_t* image, std::size_t batch, const Window& window, const Epilogue& epilogue, float* out,
             int threads) const;

private:
    struct Free {
        void operator()(void* p) const;
    };
    const Kernels* kernels_;
    Levels levels_;
    std::size_t outputs_, channels_, groups_, group_bytes_;
    std::unique_ptr<std::uint8_t, Free> weights_;
    std::vector<std::int32_t> bias_;
};

}  // namespace leveret
