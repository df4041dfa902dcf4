// What works on each value or channel by itself, what puts values together, and what gives them another shape.
#include "lvr/ops/ops.hpp"
#include "lvr/text.hpp"

namespace leveret::lvr {
namespace {

// The first value, whose second one has one channel, or one place, row or column, for all of its, or as many.
const Shape& pair(Builder& b, std::string_view verb) {
    b.takes(2, 2);
    const Shape &first = b.input(Kind::floats), &second = b.shape(1);
    const auto fits = [](std::uint64_t side, std::uint64_t of) { return side == 1 || side == of; };
    if (second.image != first.image || !fits(second.channels, first.channels) || !fits(second.height, first.height) ||
        !fits(second.width, first.width))
        refuse(verb, " shapes ", shown(first), " and ", shown(second));
    return first;
}

}  // namespace

Made affine(Builder& b) {
    b.takes(1, 2);
    const Shape in = b.input(Kind::floats);
    b.check_added(in);
    auto epilogue = b.epilogue(in.channels);
    return {in, add_affine(b.engine(), b.numbers(), std::move(epilogue))};
}

Made channel_mean(Builder& b) {
    b.takes(1, 1);
    return {like(b.input(Kind::floats), 1), add_channel_mean(b.engine(), b.number(0))};
}

Made channel_norm(Builder& b) {
    b.takes(1, 1);
    return {like(b.input(Kind::floats), 1), add_channel_norm(b.engine(), b.number(0))};
}

Made clip(Builder& b) {
    b.takes(1, 1);
    const double low = b.real("low", -1e30, 1e30), high = b.real("high", -1e30, 1e30);
    if (low > high) refuse("clips between a bound and one below it");
    const Shape in = b.input(Kind::floats);
    return {in, add_clip(b.engine(), b.number(0), static_cast<float>(low), static_cast<float>(high))};
}

Made concat(Builder& b) {
    b.takes(1, 64);
    const Shape& first = b.input(Kind::floats);
    std::uint64_t channels = 0;
    for (std::size_t i = 0; i < b.count(); ++i) {
        if (!b.shape(i).same_size(first)) refuse("joins shapes ", shown(first), " and ", shown(b.shape(i)));
        channels += b.shape(i).channels;
    }
    const Shape out = like(first, channels);
    return {out, add_concat(b.engine(), b.numbers())};
}

Made flatten(Builder& b) {
    b.takes(1, 1);
    return {row_of(b.input(Kind::floats).elements()), add_flatten(b.engine(), b.number(0))};
}

Made function(Builder& b) {
    b.takes(1, 1);
    const std::string name = b.choice("function", {"abs", "elu", "gelu", "gelu_tanh", "hardsigmoid", "hardswish", "mish",
                                                   "sigmoid", "silu", "softplus", "tanh"});
    const Shape in = b.input(Kind::floats);
    return {in, add_function(b.engine(), b.number(0), name.c_str())};
}

Made multiply(Builder& b) {
    const Shape& first = pair(b, "multiplies");
    return {first, add_multiply(b.engine(), b.number(0), b.number(1))};
}

Made divide(Builder& b) {
    const Shape& first = pair(b, "divides");
    return {first, add_divide(b.engine(), b.number(0), b.number(1))};
}

Made reshape(Builder& b) {
    b.takes(1, 1);
    const Pair size = b.pair("size", 1, 1 << 26);
    const std::uint64_t elements = b.input(Kind::floats).elements();
    const auto height = static_cast<std::uint64_t>(size[0]), width = static_cast<std::uint64_t>(size[1]);
    if (elements % (height * width))
        refuse(elements, " values don't make an image of ", height, "x", width);
    const Shape out = image_of(height, width, elements / (height * width));
    return {out, add_reshape(b.engine(), b.number(0), out.height, out.width)};
}

}  // namespace leveret::lvr
