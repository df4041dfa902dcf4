// A binary convolution ready to run: weights laid out for one instruction set.
#pragma once

#include <cstdint>
#include <memory>

#include "isa/table.hpp"

namespace leveret {

// The signs of what a layer writes, as `pack` makes them: where they go, if they are wanted at once.
struct SignsToo {
    const float* threshold = nullptr;
    const std::uint8_t* flip = nullptr;
    std::uint64_t* out = nullptr;
};

class BitConvLayer {
public:
    // weights: outputs x taps x ceil(channels / groups / 64) words
    BitConvLayer(const std::uint64_t* weights, std::size_t outputs, std::size_t taps, std::size_t channels,
                 std::size_t groups);

    // bits: batch x height x width x ceil(channels / 64) words. Either `out` or, with groups == 1, `out_bits`.
    // scratch: scratch_bytes() bytes on a cache line's boundary, or null to allocate them. signs: of `out`, with
    // groups == 1.
    void run(const std::uint64_t* bits, std::size_t batch, const Window& window, const Epilogue& epilogue, float* out,
             const float* threshold, const std::uint8_t* flip, std::uint64_t* out_bits, int threads,
             void* scratch = nullptr, const SignsToo& signs = {}) const;

    std::size_t scratch_bytes(std::size_t batch, const Window& window) const;

    const char* isa() const { return kernels_->name; }

    std::size_t outputs() const { return outputs_; }
    std::size_t groups() const { return groups_; }

private:
    struct Free {
        void operator()(void* p) const;
    };
    std::size_t part_bytes(std::size_t pixels) const;
    void run_rows(const BitConv& job, std::size_t begin, std::size_t end, const SignsToo& signs) const;

    const Kernels* kernels_;
    std::size_t outputs_, channels_, groups_, group_bytes_;
    std::unique_ptr<std::uint8_t, Free> weights_;
};

}  // namespace leveret
