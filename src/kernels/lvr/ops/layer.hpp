// What layers with weights share: a convolution's window, or a linear layer as a convolution of one place.
#pragma once

#include <span>

#include "lvr/builder.hpp"

namespace leveret::lvr {

struct Layer {
    Shape output;
    Window window;
    std::size_t outputs, taps, groups;
    std::size_t own;  // inputs that a filter sees

    std::size_t filters() const { return outputs / groups; }
    std::size_t words() const { return (own + 63) / 64; }
};

// How a weight holds a filter's inputs: a number each, or 64 to a word.
enum class Held { numbers, words };

// Checks a convolution's input, its attributes and its weight's shape, (out, kernel_h, kernel_w, own or words).
Layer convolution(Builder& b, Kind kind, std::span<const std::uint64_t> weight, Held held);

// The same for a linear layer's, (out, own or words).
Layer product(Builder& b, Kind kind, std::span<const std::uint64_t> weight, Held held);

// Bits of a weight past its last input must be 0: kernels count on it.
void check_spare_bits(std::span<const std::uint64_t> weight, const Layer& layer);

}  // namespace leveret::lvr
