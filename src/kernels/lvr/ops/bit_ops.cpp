// Signs, and products of signs with signs.
#include "isa/choose.hpp"
#include "lvr/ops/layer.hpp"
#include "lvr/ops/ops.hpp"
#include "lvr/text.hpp"

namespace leveret::lvr {
namespace {

std::unique_ptr<BitConvLayer> bit_layer(Builder& b, const Layer& l, const Tensor& weight) {
    const auto words = weight.values<std::uint64_t>();
    check_spare_bits(words, l);
    // as leveret.runtime._bitconv.sums_fit has it: a table look-up adds in int16
    if (l.taps > 16000 || l.taps * ((l.own + 3) / 4) > 16000)
        refuse("the sums of ", l.own, " signs under ", l.taps, " taps are too large for the bit kernels");
    b.reserve(l.groups * (active().bitconv_bytes(l.filters(), l.taps, l.own) + 64));
    return std::make_unique<BitConvLayer>(words.data(), l.outputs, l.taps, l.own * l.groups, l.groups);
}

Made sums(Builder& b, const Layer& l, const Tensor& weight) {
    auto layer = bit_layer(b, l, weight);
    auto epilogue = b.epilogue(l.outputs);
    return {l.output, add_bit_conv(b.engine(), b.numbers(), std::move(layer), l.window, std::move(epilogue))};
}

Made thresholded(Builder& b, const Layer& l, const Tensor& weight) {
    b.tensor("threshold", Dtype::f32);
    b.tensor("flip", Dtype::u8);
    Channels threshold = b.per_channel("threshold", l.outputs);
    Flips flip = b.flips("flip", l.outputs);
    if (l.groups > 1) refuse("the engine has no convolution from signs to signs in groups, got ", l.groups);
    const std::size_t made = add_bit_conv_to_bits(b.engine(), b.number(0), bit_layer(b, l, weight), l.window,
                                                  std::move(threshold), std::move(flip));
    return {like(l.output, l.outputs, Kind::bits), made};
}

}  // namespace

Made bits(Builder& b) {
    b.takes(1, 1);
    const Shape& in = b.input(Kind::floats);
    Channels threshold = b.per_channel("threshold", in.channels);
    Flips flip = b.flips("flip", in.channels);
    if (!flip.empty() && threshold.empty()) refuse("tensor 'flip' needs 'threshold'");
    const std::size_t made = add_bits(b.engine(), b.number(0), std::move(threshold), std::move(flip));
    return {like(in, in.channels, Kind::bits), made};
}

Made bit_conv2d(Builder& b) {
    b.takes(1, 2);
    const Tensor& weight = b.tensor("weight", Dtype::u64);
    return sums(b, convolution(b, Kind::bits, weight.shape, Held::words), weight);
}

Made bit_conv2d_to_bits(Builder& b) {
    b.takes(1, 1);
    const Tensor& weight = b.tensor("weight", Dtype::u64);
    return thresholded(b, convolution(b, Kind::bits, weight.shape, Held::words), weight);
}

Made bit_linear(Builder& b) {
    b.takes(1, 2);
    const Tensor& weight = b.tensor("weight", Dtype::u64);
    return sums(b, product(b, Kind::bits, weight.shape, Held::words), weight);
}

Made bit_linear_to_bits(Builder& b) {
    b.takes(1, 1);
    const Tensor& weight = b.tensor("weight", Dtype::u64);
    return thresholded(b, product(b, Kind::bits, weight.shape, Held::words), weight);
}

Made bit_flatten(Builder& b) {
    b.takes(1, 1);
    const Shape out = row_of(b.input(Kind::bits, Builder::Size::image).elements(), Kind::bits);
    return {out, add_bit_flatten(b.engine(), b.number(0))};
}

}  // namespace leveret::lvr
