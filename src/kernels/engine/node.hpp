// The operations of a packed net as they run: each is made once, with weights laid out, and reads and writes memory that
// the engine has planned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "bitconv/layer.hpp"
#include "floatconv/layer.hpp"
#include "isa/table.hpp"

namespace leveret {

// What flows between nodes, per sample: an image (channels last) or, with one place, a row of features.
struct Value {
    std::size_t height = 1, width = 1, channels = 0;
    bool bits = false;  // signs, 64 to a word, instead of float
    bool whole = false;  // one byte a value, instead of float

    std::size_t places() const { return height * width; }
    std::size_t elements() const { return places() * channels; }
    std::size_t bytes() const {
        if (bits) return places() * ((channels + 63) / 64) * 8;
        return whole ? elements() : elements() * sizeof(float);
    }
    bool operator==(const Value&) const = default;
};

// One run of a node: its inputs and output for `batch` samples, and memory of its own.
struct Call {
    const void* const* inputs;
    void* output;
    void* scratch;
    std::size_t batch;
    int threads;
    std::uint64_t* signs = nullptr;  // of the output, too, if the node was asked for them

    const float* floats(std::size_t i) const { return static_cast<const float*>(inputs[i]); }
    const std::uint64_t* words(std::size_t i) const { return static_cast<const std::uint64_t*>(inputs[i]); }
    float* out() const { return static_cast<float*>(output); }
    std::uint64_t* out_words() const { return static_cast<std::uint64_t*>(output); }
};

// Calls run(first sample, batch, window) so that all samples are done. A window of one place on one place, as of a linear
// layer, takes samples as the pixels of one image, in lines of eight: so weights that are read serve several samples, and
// threads share the lines.
template <typename Run>
void each_frame(const Value& input, const Window& window, std::size_t batch, const Run& run) {
    const bool one_place = input.places() * window.kernel_h * window.kernel_w * window.out_h * window.out_w == 1;
    if (!one_place || window.pad_h + window.pad_w > 0) return run(0, batch, window);
    constexpr std::size_t width = 8;
    const auto lines = [&](std::size_t first, std::size_t height, std::size_t pixels) {
        Window image = window;
        image.stride_h = image.stride_w = 1;
        image.height = image.out_h = static_cast<std::ptrdiff_t>(height);
        image.width = image.out_w = static_cast<std::ptrdiff_t>(pixels);
        if (height * pixels > 0) run(first, 1, image);
    };
    lines(0, batch / width, width);
    lines(batch / width * width, 1, batch % width);
}

class Node {
public:
    virtual ~Node() = default;
    virtual void run(const Call& call) const = 0;
    virtual std::size_t scratch_bytes(std::size_t) const { return 0; }
    // Asks for the output's signs, too, as a node of bits would give them; false where this node can't, or was asked before.
    virtual bool give_signs(const std::vector<float>& threshold, const std::vector<std::uint8_t>& flip);
};

using Channels = std::vector<float>;  // a value per channel; empty for none
using Flips = std::vector<std::uint8_t>;

// An epilogue that owns its values.
struct EpilogueValues {
    Channels scale, shift, before, slope, after;

    Epilogue over(const float* add) const;
};

std::unique_ptr<Node> bits_node(const Value& input, Channels threshold, Flips flip);
std::unique_ptr<Node> affine_node(const Value& input, EpilogueValues epilogue);
std::unique_ptr<Node> pool_node(const Value& input, const Window& window, bool average, bool count_padding);
std::unique_ptr<Node> bit_pool_node(const Value& input, const Window& window, Flips flip);
std::unique_ptr<Node> bit_flatten_node(const Value& input);
std::unique_ptr<Node> global_mean_node(const Value& input);
std::unique_ptr<Node> global_max_node(const Value& input);
std::unique_ptr<Node> channel_mean_node(const Value& input);
std::unique_ptr<Node> channel_norm_node(const Value& input);
std::unique_ptr<Node> concat_node(std::vector<Value> inputs);
// The second value may have one channel, or one place, row or column, for all of the first's.
std::unique_ptr<Node> multiply_node(const Value& first, const Value& second);
std::unique_ptr<Node> divide_node(const Value& first, const Value& second);
std::unique_ptr<Node> clip_node(const Value& input, float low, float high);
std::unique_ptr<Node> copy_node(const Value& input);

// Functions of each value, as leveret.runtime.ops names them. Null for another name.
std::unique_ptr<Node> function_node(const Value& input, const char* name);

// A convolution, whose second input, if it has one, is added; or, on rows, a linear layer: a 1x1 window.
std::unique_ptr<Node> conv_node(const Value& input, const Window& window, std::unique_ptr<FloatConvLayer> layer,
                                EpilogueValues epilogue);
std::unique_ptr<Node> bitconv_node(const Value& input, const Window& window, std::unique_ptr<BitConvLayer> layer,
                                   EpilogueValues epilogue);
std::unique_ptr<Node> bitconv_to_bits_node(const Value& input, const Window& window,
                                           std::unique_ptr<BitConvLayer> layer, Channels threshold, Flips flip);

}  // namespace leveret
