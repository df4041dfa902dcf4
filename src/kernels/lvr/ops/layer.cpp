#include "lvr/ops/layer.hpp"

#include <algorithm>

#include "lvr/text.hpp"

namespace leveret::lvr {
namespace {

constexpr std::int64_t side = 4096;

bool holds(std::span<const std::uint64_t> shape, std::size_t dimensions) {
    return shape.size() == dimensions && std::find(shape.begin(), shape.end(), 0u) == shape.end();
}

}  // namespace

Layer convolution(Builder& b, Kind kind, std::span<const std::uint64_t> weight, Held held) {
    const Shape& image = b.input(kind, Builder::Size::image);
    const Pair stride = b.pair("stride", 1, side, Pair{1, 1}), padding = b.pair("padding", 0, side, Pair{0, 0});
    const Pair dilation = b.pair("dilation", 1, side, Pair{1, 1});
    const auto groups = static_cast<std::uint64_t>(b.whole("groups", 1, 1 << 20, 1));
    if (!holds(weight, 4)) refuse("weight must be (out, kernel_h, kernel_w, …), got ", tuple_text(weight));
    const std::uint64_t outputs = weight[0];
    if (image.channels % groups || outputs % groups)
        refuse(image.channels, " channels and ", outputs, " outputs don't divide by ", groups, " groups");
    const std::uint64_t own = image.channels / groups, last = held == Held::words ? (own + 63) / 64 : own;
    if (weight[3] != last)
        refuse("weight must end in ", last, " for ", image.channels, " channels, got ", tuple_text(weight));
    const Pair kernel{static_cast<std::int64_t>(weight[1]), static_cast<std::int64_t>(weight[2])};
    const Window window = window_on(image, kernel, stride, padding, dilation);
    // kernels may lay the image out with its padding
    image_of(image.height + 2 * static_cast<std::uint64_t>(padding[0]),
             image.width + 2 * static_cast<std::uint64_t>(padding[1]), image.channels);
    const Shape output =
        image_of(static_cast<std::uint64_t>(window.out_h), static_cast<std::uint64_t>(window.out_w), outputs);
    b.check_added(output);
    b.works(output, static_cast<double>(weight[1] * weight[2]) * static_cast<double>(own));
    return {output, window, outputs, weight[1] * weight[2], groups, own};
}

Layer product(Builder& b, Kind kind, std::span<const std::uint64_t> weight, Held held) {
    const std::uint64_t features = b.input(kind, Builder::Size::row).channels;
    const std::uint64_t last = held == Held::words ? (features + 63) / 64 : features;
    if (!holds(weight, 2) || weight[1] != last)
        refuse("weight must be (out, ", last, ") for ", features, " features, got ", tuple_text(weight));
    const Shape output = row_of(weight[0]);
    b.check_added(output);
    return {output, one_place(), weight[0], 1, 1, features};
}

void check_spare_bits(std::span<const std::uint64_t> weight, const Layer& layer) {
    const std::size_t used = layer.own % 64, words = layer.words();
    if (used == 0) return;
    for (std::size_t i = words - 1; i < weight.size(); i += words)
        if (weight[i] >> used) refuse("tensor 'weight' must have its bits past channel ", layer.own - 1, " zero");
}

}  // namespace leveret::lvr
