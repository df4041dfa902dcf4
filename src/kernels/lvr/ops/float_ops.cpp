// Products of real values: with real weights, and with signs that become ±1.
#include "isa/choose.hpp"
#include "lvr/ops/layer.hpp"
#include "lvr/ops/ops.hpp"

namespace leveret::lvr {
namespace {

void reserve(Builder& b, const Layer& l, bool exact) {
    const bool each_alone = l.own == 1 && l.filters() == 1 && l.groups > 1 && !exact;
    const std::uint64_t floats =
        each_alone ? l.taps * l.outputs : l.groups * active().floatconv_floats(l.filters(), l.taps, l.own);
    b.reserve(floats * sizeof(float));
}

Made add(Builder& b, const Layer& l, const std::vector<float>& weight, bool exact) {
    auto layer = std::make_unique<FloatConvLayer>(weight.data(), l.outputs, l.taps, l.own * l.groups, l.groups, exact);
    auto epilogue = b.epilogue(l.outputs);
    return {l.output, add_conv(b.engine(), b.numbers(), std::move(layer), l.window, std::move(epilogue))};
}

// A sign for each input that a filter sees, from the lowest bit on.
std::vector<float> signs(const Tensor& weight, const Layer& l) {
    const auto words = weight.values<std::uint64_t>();
    std::vector<float> out;
    out.reserve(l.outputs * l.taps * l.own);
    for (std::size_t row = 0; row < l.outputs * l.taps; ++row)
        for (std::size_t c = 0; c < l.own; ++c)
            out.push_back(words[row * l.words() + c / 64] >> (c % 64) & 1 ? 1.0f : -1.0f);
    return out;
}

enum class Weights { real, signs };

Made layer(Builder& b, Weights kind, bool of_image) {
    b.takes(1, 2);
    const bool real = kind == Weights::real;
    const Tensor& weight = b.tensor("weight", real ? Dtype::f32 : Dtype::u64);
    const Held held = real ? Held::numbers : Held::words;
    const Layer layer = of_image ? convolution(b, Kind::floats, weight.shape, held)
                                 : product(b, Kind::floats, weight.shape, held);
    const bool exact = of_image && b.flag("exact", false);
    reserve(b, layer, exact);
    return add(b, layer, real ? weight.values<float>() : signs(weight, layer), exact);
}

}  // namespace

Made conv2d(Builder& b) { return layer(b, Weights::real, true); }
Made binary_weight_conv2d(Builder& b) { return layer(b, Weights::signs, true); }
Made linear(Builder& b) { return layer(b, Weights::real, false); }
Made binary_weight_linear(Builder& b) { return layer(b, Weights::signs, false); }

}  // namespace leveret::lvr
