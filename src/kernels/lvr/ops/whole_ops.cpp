// Quantised values, one byte each: how they are made, and products with weights of 1 to 8 bits. What is chosen here for a
// weight is what leveret.runtime._planeconv and _intconv choose.
#include "intconv/layer.hpp"
#include "isa/choose.hpp"
#include "lvr/ops/layer.hpp"
#include "lvr/ops/ops.hpp"
#include "lvr/text.hpp"
#include "planeconv/layer.hpp"

namespace leveret::lvr {
namespace {

using Words = std::vector<std::uint64_t>;
using LayerPtr = std::shared_ptr<const WholeConvLayer>;

constexpr std::uint64_t most_sum = std::uint64_t{1} << 31;
constexpr std::size_t most_held = std::size_t{1} << 30;  // bytes that a thread may need beside images and weights

LayerPtr int_layer(Builder& b, const Layer& l, const std::vector<std::int8_t>& weight, Levels levels) {
    b.reserve(l.groups * (active().intconv_bytes(l.filters(), l.taps, l.own) + 64));
    return std::make_shared<IntConvLayer>(weight.data(), levels, l.outputs, l.taps, l.own * l.groups, l.groups);
}

// What a bit of each plane adds to a weight, and what a weight without bits is.
struct Parts {
    std::vector<std::int32_t> coefficients;
    std::int32_t constant = 0;
};

Parts parts_of(std::size_t planes, std::string_view encoding) {
    if (encoding == "ternary") return {{1, -1}, 0};
    Parts parts;
    const bool signs = encoding == "signs";
    for (std::size_t j = 0; j < planes; ++j) parts.coefficients.push_back((signs ? 2 : 1) << j);
    if (signs)
        parts.constant = 1 - (1 << planes);
    else
        parts.coefficients.back() *= -1;
    return parts;
}

// From planes of what is not 0 and of what is above 0 to those of +1 and of -1.
void plus_and_minus(Words& words) {
    const std::size_t half = words.size() / 2;
    for (std::size_t i = 0; i < half; ++i) {
        const std::uint64_t mask = words[i], plus = words[half + i];
        words[i] = mask & plus;
        words[half + i] = mask & ~plus;
    }
}

// Planes, as they add up, to a byte for each weight.
std::vector<std::int8_t> bytes_of(const Words& words, const Layer& l, const Parts& parts) {
    const std::size_t plane = words.size() / parts.coefficients.size();
    std::vector<std::int8_t> out;
    out.reserve(l.outputs * l.taps * l.own);
    for (std::size_t row = 0; row < l.outputs * l.taps; ++row)
        for (std::size_t c = 0; c < l.own; ++c) {
            std::int32_t weight = parts.constant;
            for (std::size_t j = 0; j < parts.coefficients.size(); ++j)
                if (words[j * plane + row * l.words() + c / 64] >> (c % 64) & 1) weight += parts.coefficients[j];
            out.push_back(static_cast<std::int8_t>(weight));
        }
    return out;
}

// Planes, or bytes where those are quicker and hold the weights.
LayerPtr plane_layer(Builder& b, const Layer& l, Words words, std::size_t planes, std::string_view encoding) {
    const Levels levels = b.shape(0).levels;
    check_spare_bits(words, l);
    if (l.taps * l.own * (std::uint64_t{256} << planes) >= most_sum)
        refuse("the sums of ", l.own, " values under ", l.taps, " taps are too large for the engine");
    const Parts parts = parts_of(planes, encoding);
    if (encoding == "ternary") plus_and_minus(words);
    std::int32_t least = parts.constant, most = parts.constant;
    for (const std::int32_t c : parts.coefficients) (c < 0 ? least : most) += c;
    if (least >= -128 && most <= 127 && !active().planes_pay({planes, nullptr, 0, levels}))
        return int_layer(b, l, bytes_of(words, l, parts), levels);
    const PlaneWeights kind{planes, parts.coefficients.data(), parts.constant, levels};
    b.reserve(l.groups * (active().planeconv_bytes(kind, l.filters(), l.taps, l.own) + 64));
    return std::make_shared<PlaneConvLayer>(words.data(), parts.coefficients, parts.constant, levels, l.outputs, l.taps,
                                            l.own * l.groups, l.groups);
}

Made add(Builder& b, const Layer& l, LayerPtr layer) {
    if (layer->held(l.window) > most_held) refuse("its window spans more of the image than the engine holds at once");
    auto epilogue = b.epilogue(l.outputs);
    return {l.output, add_whole_conv(b.engine(), b.numbers(), std::move(layer), l.window, std::move(epilogue))};
}

using Reads = Layer (*)(Builder&, Kind, std::span<const std::uint64_t>, Held);

Made planes_op(Builder& b, Reads reads) {
    b.takes(1, 2);
    const Tensor& weight = b.tensor("weight", Dtype::u64);
    const std::string encoding = b.choice("encoding", {"signs", "ternary", "twos_complement"}, "twos_complement");
    if (weight.shape.empty() || weight.shape[0] < 1 || weight.shape[0] > 8)
        refuse("tensor 'weight' must have 1 to 8 planes first, got ", tuple_text(weight.shape));
    if (encoding == "ternary" && weight.shape[0] != 2)
        refuse("ternary weights must have 2 planes, got ", tuple_text(weight.shape));
    const Layer l = reads(b, Kind::bytes, std::span(weight.shape).subspan(1), Held::words);
    return add(b, l, plane_layer(b, l, weight.values<std::uint64_t>(), weight.shape[0], encoding));
}

Made signs_op(Builder& b, Reads reads) {
    b.takes(1, 2);
    const Tensor& weight = b.tensor("weight", Dtype::u64);
    const Layer l = reads(b, Kind::bytes, weight.shape, Held::words);
    return add(b, l, plane_layer(b, l, weight.values<std::uint64_t>(), 1, "signs"));
}

Made bytes_op(Builder& b, Reads reads) {
    b.takes(1, 2);
    const Tensor& weight = b.tensor("weight", Dtype::i8);
    const Layer l = reads(b, Kind::bytes, weight.shape, Held::numbers);
    if (l.taps * l.own * 255 * 128 >= most_sum)
        refuse("the sums of ", l.own, " values under ", l.taps, " taps are too large for the engine");
    const Levels levels = b.shape(0).levels.low < 0 ? Levels{-128, 127} : Levels{0, 255};
    return add(b, l, int_layer(b, l, weight.values<std::int8_t>(), levels));
}

}  // namespace

Made quantize(Builder& b) {
    b.takes(1, 1);
    const auto step = static_cast<float>(b.real("step", 1e-30, 1e30));
    const Levels levels{static_cast<std::int32_t>(b.whole("low", -128, 0, 0)),
                        static_cast<std::int32_t>(b.whole("high", 0, 255))};
    const Shape& in = b.input(Kind::floats);
    if (levels.high > (levels.low < 0 ? 127 : 255) || levels.low == levels.high)
        refuse("levels must be within 0..255, or within -128..127 and hold 0, got ", levels.low, "..", levels.high);
    Shape out = like(in, in.channels, Kind::bytes);
    out.levels = levels;
    return {out, add_quantize(b.engine(), b.number(0), step, levels)};
}

Made plane_conv2d(Builder& b) { return planes_op(b, convolution); }
Made plane_linear(Builder& b) { return planes_op(b, product); }
Made byte_conv2d(Builder& b) { return signs_op(b, convolution); }
Made byte_linear(Builder& b) { return signs_op(b, product); }
Made int8_conv2d(Builder& b) { return bytes_op(b, convolution); }
Made int8_linear(Builder& b) { return bytes_op(b, product); }

}  // namespace leveret::lvr
