// Pooling over windows, and over the whole image.
#include "lvr/ops/ops.hpp"
#include "lvr/text.hpp"

namespace leveret::lvr {
namespace {

constexpr std::int64_t side = 4096;

Window pool_window(Builder& b, const Shape& image, bool dilates) {
    const Pair kernel = b.pair("kernel", 1, side), stride = b.pair("stride", 1, side);
    const Pair padding = b.pair("padding", 0, side / 2, Pair{0, 0});
    const bool ceil_mode = b.flag("ceil_mode", false);
    const Pair dilation = dilates ? b.pair("dilation", 1, side, Pair{1, 1}) : Pair{1, 1};
    if (2 * padding[0] > kernel[0] || 2 * padding[1] > kernel[1])
        refuse("pads ", padding[0], "x", padding[1], ", more than half of its kernel ", kernel[0], "x", kernel[1]);
    return window_on(image, kernel, stride, padding, dilation, ceil_mode);
}

Shape over(Builder& b, const Window& window, const Shape& image) {
    const Shape out = image_of(static_cast<std::uint64_t>(window.out_h), static_cast<std::uint64_t>(window.out_w),
                               image.channels, image.kind);
    b.works(out, static_cast<double>(window.kernel_h) * static_cast<double>(window.kernel_w));
    return out;
}

}  // namespace

Made max_pool2d(Builder& b) {
    b.takes(1, 1);
    const Shape& image = b.input(Kind::floats, Builder::Size::image);
    const Window window = pool_window(b, image, true);
    const Shape out = over(b, window, image);
    return {out, add_pool(b.engine(), b.number(0), window, false, true)};
}

Made avg_pool2d(Builder& b) {
    b.takes(1, 1);
    const Shape& image = b.input(Kind::floats, Builder::Size::image);
    const Window window = pool_window(b, image, false);
    const bool count_padding = b.flag("count_include_pad", true);
    const Shape out = over(b, window, image);
    return {out, add_pool(b.engine(), b.number(0), window, true, count_padding)};
}

Made bit_max_pool2d(Builder& b) {
    b.takes(1, 1);
    const Shape& image = b.input(Kind::bits, Builder::Size::image);
    Flips flip = b.flips("flip", image.channels);
    const Window window = pool_window(b, image, false);
    const Shape out = over(b, window, image);
    return {out, add_bit_pool(b.engine(), b.number(0), window, std::move(flip))};
}

Made global_avg_pool(Builder& b) {
    b.takes(1, 1);
    const Shape out = row_of(b.input(Kind::floats, Builder::Size::image).channels);
    return {out, add_global_mean(b.engine(), b.number(0))};
}

Made global_max_pool(Builder& b) {
    b.takes(1, 1);
    const Shape out = row_of(b.input(Kind::floats, Builder::Size::image).channels);
    return {out, add_global_max(b.engine(), b.number(0))};
}

}  // namespace leveret::lvr
