// Adds operations to an engine, each with the value that it gives worked out from those that it reads. What is given must
// fit: Python's leveret.runtime.ops and the C library's builders (lvr/) check it.
#pragma once

#include <memory>
#include <vector>

#include "engine/engine.hpp"
#include "engine/lowbit_nodes.hpp"
#include "engine/map_nodes.hpp"

namespace leveret {

// Numbers of an engine's values: the one that is read, and perhaps one that is added.
using Inputs = std::vector<std::size_t>;

std::size_t add_bits(Engine& engine, std::size_t input, Channels threshold, Flips flip);
std::size_t add_affine(Engine& engine, const Inputs& inputs, EpilogueValues epilogue);
std::size_t add_conv(Engine& engine, const Inputs& inputs, std::unique_ptr<FloatConvLayer> layer, const Window& window,
                     EpilogueValues epilogue);
std::size_t add_bit_conv(Engine& engine, const Inputs& inputs, std::unique_ptr<BitConvLayer> layer,
                         const Window& window, EpilogueValues epilogue);
std::size_t add_bit_conv_to_bits(Engine& engine, std::size_t input, std::unique_ptr<BitConvLayer> layer,
                                 const Window& window, Channels threshold, Flips flip);
std::size_t add_pool(Engine& engine, std::size_t input, const Window& window, bool average, bool count_padding);
std::size_t add_bit_pool(Engine& engine, std::size_t input, const Window& window, Flips flip);
std::size_t add_bit_flatten(Engine& engine, std::size_t input);
std::size_t add_global_max(Engine& engine, std::size_t input);
std::size_t add_global_mean(Engine& engine, std::size_t input);
std::size_t add_channel_mean(Engine& engine, std::size_t input);
std::size_t add_channel_norm(Engine& engine, std::size_t input);
std::size_t add_concat(Engine& engine, const Inputs& inputs);
std::size_t add_multiply(Engine& engine, std::size_t first, std::size_t second);
std::size_t add_divide(Engine& engine, std::size_t first, std::size_t second);
std::size_t add_clip(Engine& engine, std::size_t input, float low, float high);
std::size_t add_function(Engine& engine, std::size_t input, const char* name);
std::size_t add_flatten(Engine& engine, std::size_t input);
std::size_t add_reshape(Engine& engine, std::size_t input, std::size_t height, std::size_t width);
std::size_t add_part(Engine& engine, std::size_t input, const Part& part);
std::size_t add_resize(Engine& engine, std::size_t input, std::size_t height, std::size_t width,
                       std::array<float, 2> step, Resize mode);
std::size_t add_adaptive_pool(Engine& engine, std::size_t input, std::size_t height, std::size_t width, bool average);
std::size_t add_transposed_conv(Engine& engine, const Inputs& inputs, std::unique_ptr<TransposedConvLayer> layer,
                                EpilogueValues epilogue);
std::size_t add_quantize(Engine& engine, std::size_t input, float step, Levels levels);
std::size_t add_whole_conv(Engine& engine, const Inputs& inputs, std::shared_ptr<const WholeConvLayer> layer,
                           const Window& window, EpilogueValues epilogue);
std::size_t add_sparse(Engine& engine, const Inputs& inputs, SparseWeights weights, EpilogueValues epilogue);

}  // namespace leveret
