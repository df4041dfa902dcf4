// A transposed convolution ready to run: each input pixel leaves its own small image in the output.
//
// Of `stride` neighbouring output places each takes other taps: those at its own distance, and then every stride-th. So
// it is a convolution that gives, for each input pixel, its stride by stride places as channels, which then become
// places. That is how it runs where that convolution has few taps of zeros to add; else pixel by pixel.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "floatconv/layer.hpp"

namespace leveret {

// Sides are down, across, in pixels. The weight's kernel is `kernel`; `output` is what is left when the padding is cut off.
struct TransposedShape {
    using Sides = std::array<std::size_t, 2>;
    std::size_t channels, outputs, groups;
    Sides image, kernel, stride, padding, dilation, output;

    std::size_t own() const { return outputs / groups; }  // outputs that an input channel reaches

    // The kernel of the convolution that gives places as channels; none where it doesn't pay.
    std::optional<Sides> phases() const;
    // Floats of the weights as they are laid out.
    std::size_t floats() const;
};

class TransposedConvLayer {
public:
    // weights: channels x kernel x (outputs / groups)
    TransposedConvLayer(const float* weights, const TransposedShape& shape);

    // image: batch x height x width x channels; out as high and wide as shape().output. `scratch` as scratch_bytes says.
    void run(const float* image, std::size_t batch, const Epilogue& epilogue, float* out, int threads,
             void* scratch) const;

    std::size_t scratch_bytes() const;
    const TransposedShape& shape() const { return shape_; }

private:
    Window parts_window() const;
    void row_of_parts(const float* parts, std::size_t y, float* out) const;
    void row_of_pixels(const float* image, std::size_t y, float* out) const;
    void add_pixels(const float* pixels, std::size_t ky, float* out) const;

    TransposedShape shape_;
    const Kernels* kernels_;
    std::optional<TransposedShape::Sides> taps_;
    std::unique_ptr<FloatConvLayer> conv_;  // by phases
    std::vector<float> weights_;            // by pixels: kernel x channels x own
};

}  // namespace leveret
