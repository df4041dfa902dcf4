#include "lvr/shape.hpp"

#include "lvr/text.hpp"

namespace leveret::lvr {
namespace {

constexpr std::uint64_t most_elements = std::uint64_t{1} << 26;

Shape checked(const Shape& shape) {
    // each side is bounded first, so that no product overflows
    std::uint64_t elements = 1;
    for (const std::uint64_t side : {shape.height, shape.width, shape.channels}) {
        const bool fits = side >= 1 && side <= most_elements;
        elements = fits ? elements * side : 0;
        if (elements == 0 || elements > most_elements)
            refuse("a value of shape ", shown(shape), " is empty or far too large");
    }
    return shape;
}

// Places that a window takes along one side.
std::int64_t places(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
                    std::int64_t dilation, bool ceil_mode) {
    const std::int64_t room = size + 2 * padding - (dilation * (kernel - 1) + 1);
    if (room < 0) return 0;
    if (!ceil_mode) return room / stride + 1;
    const std::int64_t count = (room + stride - 1) / stride + 1;
    // as PyTorch has it: a last window must begin inside the image or its left padding
    return count - ((count - 1) * stride >= size + padding);
}

}  // namespace

std::uint64_t Shape::bytes() const {
    if (kind == Kind::bits) return places() * ((channels + 63) / 64) * 8;
    return kind == Kind::floats ? elements() * 4 : elements();
}

bool Shape::operator==(const Shape& other) const {
    return same_size(other) && channels == other.channels && kind == other.kind && levels.low == other.levels.low &&
           levels.high == other.levels.high;
}

Shape image_of(std::uint64_t height, std::uint64_t width, std::uint64_t channels, Kind kind) {
    return checked({true, height, width, channels, kind});
}

Shape row_of(std::uint64_t channels, Kind kind) { return checked({false, 1, 1, channels, kind}); }

Shape like(const Shape& shape, std::uint64_t channels, Kind kind) {
    return checked({shape.image, shape.height, shape.width, channels, kind});
}

std::string shown(const Shape& shape) {
    const std::uint64_t sides[] = {shape.channels, shape.height, shape.width};
    return tuple_text({sides, shape.image ? 3u : 1u});
}

std::string shown(Kind kind) { return kind == Kind::bits ? "bits" : kind == Kind::floats ? "floats" : "bytes"; }

Window window_on(const Shape& image, Pair kernel, Pair stride, Pair padding, Pair dilation, bool ceil_mode) {
    const auto height = static_cast<std::int64_t>(image.height), width = static_cast<std::int64_t>(image.width);
    const std::int64_t down = places(height, kernel[0], stride[0], padding[0], dilation[0], ceil_mode);
    const std::int64_t across = places(width, kernel[1], stride[1], padding[1], dilation[1], ceil_mode);
    if (down < 1 || across < 1)
        refuse("an image of ", height, "x", width, " is too small for a kernel of ", kernel[0], "x", kernel[1],
               ", padding ", padding[0], "x", padding[1], ", dilation ", dilation[0], "x", dilation[1]);
    return {height,     width,      kernel[0],   kernel[1],   stride[0], stride[1],
            padding[0], padding[1], dilation[0], dilation[1], down,      across};
}

Window one_place() { return {1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1}; }

}  // namespace leveret::lvr
