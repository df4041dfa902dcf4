#include "engine/build.hpp"

#include <utility>

namespace leveret {
namespace {

Value output_of(const Window& w, std::size_t channels, bool bits = false) {
    return {static_cast<std::size_t>(w.out_h), static_cast<std::size_t>(w.out_w), channels, bits};
}

}  // namespace

std::size_t add_bits(Engine& engine, std::size_t input, Channels threshold, Flips flip) {
    if (const auto made = engine.add_signs(input, threshold, flip)) return *made;
    Value out = engine.value(input);
    out.bits = true;
    return engine.add(bits_node(engine.value(input), std::move(threshold), std::move(flip)), {input}, out);
}

std::size_t add_affine(Engine& engine, const Inputs& inputs, EpilogueValues epilogue) {
    const Value in = engine.value(inputs.at(0));
    return engine.add(affine_node(in, std::move(epilogue)), inputs, in);
}

std::size_t add_conv(Engine& engine, const Inputs& inputs, std::unique_ptr<FloatConvLayer> layer, const Window& window,
                     EpilogueValues epilogue) {
    const Value out = output_of(window, layer->outputs());
    auto node = conv_node(engine.value(inputs.at(0)), window, std::move(layer), std::move(epilogue));
    return engine.add(std::move(node), inputs, out);
}

std::size_t add_bit_conv(Engine& engine, const Inputs& inputs, std::unique_ptr<BitConvLayer> layer,
                         const Window& window, EpilogueValues epilogue) {
    const Value out = output_of(window, layer->outputs());
    auto node = bitconv_node(engine.value(inputs.at(0)), window, std::move(layer), std::move(epilogue));
    return engine.add(std::move(node), inputs, out);
}

std::size_t add_bit_conv_to_bits(Engine& engine, std::size_t input, std::unique_ptr<BitConvLayer> layer,
                                 const Window& window, Channels threshold, Flips flip) {
    const Value out = output_of(window, layer->outputs(), true);
    auto node =
        bitconv_to_bits_node(engine.value(input), window, std::move(layer), std::move(threshold), std::move(flip));
    return engine.add(std::move(node), {input}, out);
}

std::size_t add_pool(Engine& engine, std::size_t input, const Window& window, bool average, bool count_padding) {
    const Value in = engine.value(input);
    return engine.add(pool_node(in, window, average, count_padding), {input}, output_of(window, in.channels));
}

std::size_t add_bit_pool(Engine& engine, std::size_t input, const Window& window, Flips flip) {
    const Value in = engine.value(input);
    return engine.add(bit_pool_node(in, window, std::move(flip)), {input}, output_of(window, in.channels, true));
}

std::size_t add_bit_flatten(Engine& engine, std::size_t input) {
    const Value in = engine.value(input);
    Value out = in;
    out.height = out.width = 1;
    out.channels = in.elements();
    return engine.add(bit_flatten_node(in), {input}, out);
}

std::size_t add_global_max(Engine& engine, std::size_t input) {
    const Value in = engine.value(input);
    return engine.add(global_max_node(in), {input}, {1, 1, in.channels});
}

std::size_t add_global_mean(Engine& engine, std::size_t input) {
    const Value in = engine.value(input);
    return engine.add(global_mean_node(in), {input}, {1, 1, in.channels});
}

std::size_t add_channel_mean(Engine& engine, std::size_t input) {
    const Value in = engine.value(input);
    return engine.add(channel_mean_node(in), {input}, {in.height, in.width, 1});
}

std::size_t add_channel_norm(Engine& engine, std::size_t input) {
    const Value in = engine.value(input);
    return engine.add(channel_norm_node(in), {input}, {in.height, in.width, 1});
}

std::size_t add_concat(Engine& engine, const Inputs& inputs) {
    std::vector<Value> parts;
    Value out = engine.value(inputs.at(0));
    out.channels = 0;
    for (const std::size_t i : inputs) {
        parts.push_back(engine.value(i));
        out.channels += parts.back().channels;
    }
    return engine.add(concat_node(std::move(parts)), inputs, out);
}

std::size_t add_multiply(Engine& engine, std::size_t first, std::size_t second) {
    const Value in = engine.value(first);
    return engine.add(multiply_node(in, engine.value(second)), {first, second}, in);
}

std::size_t add_divide(Engine& engine, std::size_t first, std::size_t second) {
    const Value in = engine.value(first);
    return engine.add(divide_node(in, engine.value(second)), {first, second}, in);
}

std::size_t add_clip(Engine& engine, std::size_t input, float low, float high) {
    const Value in = engine.value(input);
    return engine.add(clip_node(in, low, high), {input}, in);
}

std::size_t add_function(Engine& engine, std::size_t input, const char* name) {
    const Value in = engine.value(input);
    return engine.add(function_node(in, name), {input}, in);
}

std::size_t add_flatten(Engine& engine, std::size_t input) {
    const Value in = engine.value(input);
    return engine.add(copy_node(in), {input}, {1, 1, in.elements()});
}

std::size_t add_reshape(Engine& engine, std::size_t input, std::size_t height, std::size_t width) {
    const Value in = engine.value(input);
    return engine.add(copy_node(in), {input}, {height, width, in.elements() / (height * width)});
}

std::size_t add_part(Engine& engine, std::size_t input, const Part& part) {
    const auto [height, width, channels] = part.count;
    const Value out{static_cast<std::size_t>(height), static_cast<std::size_t>(width),
                    static_cast<std::size_t>(channels)};
    return engine.add(part_node(engine.value(input), part), {input}, out);
}

std::size_t add_resize(Engine& engine, std::size_t input, std::size_t height, std::size_t width,
                       std::array<float, 2> step, Resize mode) {
    const Value in = engine.value(input);
    return engine.add(resize_node(in, height, width, step, mode), {input}, {height, width, in.channels});
}

std::size_t add_adaptive_pool(Engine& engine, std::size_t input, std::size_t height, std::size_t width, bool average) {
    const Value in = engine.value(input);
    return engine.add(adaptive_pool_node(in, height, width, average), {input}, {height, width, in.channels});
}

std::size_t add_transposed_conv(Engine& engine, const Inputs& inputs, std::unique_ptr<TransposedConvLayer> layer,
                                EpilogueValues epilogue) {
    const TransposedShape& shape = layer->shape();
    const Value out{shape.output[0], shape.output[1], shape.outputs};
    return engine.add(transposed_node(std::move(layer), std::move(epilogue)), inputs, out);
}

std::size_t add_quantize(Engine& engine, std::size_t input, float step, Levels levels) {
    Value out = engine.value(input);
    out.whole = true;
    return engine.add(quantize_node(engine.value(input), step, levels), {input}, out);
}

std::size_t add_whole_conv(Engine& engine, const Inputs& inputs, std::shared_ptr<const WholeConvLayer> layer,
                           const Window& window, EpilogueValues epilogue) {
    const Value out = output_of(window, layer->outputs());
    auto node = whole_conv_node(engine.value(inputs.at(0)), window, std::move(layer), std::move(epilogue));
    return engine.add(std::move(node), inputs, out);
}

std::size_t add_sparse(Engine& engine, const Inputs& inputs, SparseWeights weights, EpilogueValues epilogue) {
    Value out = engine.value(inputs.at(0));
    out.channels = weights.starts.size() - 1;
    auto node = sparse_node(engine.value(inputs.at(0)), std::move(weights), std::move(epilogue));
    return engine.add(std::move(node), inputs, out);
}

}  // namespace leveret
