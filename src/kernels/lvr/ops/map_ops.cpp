// What maps are made with: borders, parts, other sizes, transposed convolutions.
#include <algorithm>

#include "isa/choose.hpp"
#include "lvr/ops/ops.hpp"
#include "lvr/text.hpp"

namespace leveret::lvr {
namespace {

constexpr std::int64_t most_elements = 1 << 26;  // of a value
constexpr std::int64_t most_places = 16384, most_kernel = 4096;  // of a side

using Sides = TransposedShape::Sides;

Sides sides_of(Pair pair) { return {static_cast<std::size_t>(pair[0]), static_cast<std::size_t>(pair[1])}; }

Whole3 sides_of(const Shape& shape) {
    return {static_cast<std::int64_t>(shape.height), static_cast<std::int64_t>(shape.width),
            static_cast<std::int64_t>(shape.channels)};
}

// An image, or a row where the input is one, of so many places and channels.
Shape sized(const Shape& in, const Whole3& sides) {
    const auto side = [&](std::size_t i) { return static_cast<std::uint64_t>(sides[i]); };
    return in.image ? image_of(side(0), side(1), side(2)) : row_of(side(2));
}

Triple triple_of(const Whole3& sides) {
    Triple out{};
    std::copy(sides.begin(), sides.end(), out.begin());
    return out;
}

// Of a side, what all its pixels leave: checked before it is multiplied.
std::uint64_t reach(std::uint64_t side, std::int64_t stride, std::int64_t dilation, std::uint64_t kernel,
                    std::int64_t more) {
    return (side - 1) * static_cast<std::uint64_t>(stride) + static_cast<std::uint64_t>(dilation) * (kernel - 1) + 1 +
           static_cast<std::uint64_t>(more);
}

}  // namespace

Made slice(Builder& b) {
    b.takes(1, 1);
    const Shape in = b.input(Kind::floats);
    const Whole3 start = b.triple("start", 0, most_elements, Whole3{0, 0, 0});
    const Whole3 stop = b.triple("stop", 1, most_elements), step = b.triple("step", 1, most_elements, Whole3{1, 1, 1});
    const Whole3 sides = sides_of(in);
    Whole3 count{};
    for (std::size_t i = 0; i < 3; ++i) {
        if (start[i] >= stop[i] || stop[i] > sides[i])
            refuse("takes ", start[i], "..", stop[i], " of ", sides[i], ", of shape ", shown(in));
        count[i] = (stop[i] - start[i] + step[i] - 1) / step[i];
    }
    const Shape out = sized(in, count);
    return {out, add_part(b.engine(), b.number(0), {triple_of(start), triple_of(step), triple_of(count)})};
}

Made pad(Builder& b) {
    b.takes(1, 1);
    const Shape in = b.input(Kind::floats);
    const Whole3 before = b.triple("before", 0, most_places, Whole3{0, 0, 0});
    const Whole3 after = b.triple("after", 0, most_places, Whole3{0, 0, 0});
    const std::string mode = b.choice("mode", {"circular", "constant", "reflect", "replicate"}, "constant");
    const double value = b.real("value", -1e30, 1e30, 0.0);
    const Whole3 sides = sides_of(in);
    Part part;
    part.value = static_cast<float>(value);
    part.beyond = mode == "circular"    ? Beyond::circular
                  : mode == "reflect"   ? Beyond::reflect
                  : mode == "replicate" ? Beyond::replicate
                                        : Beyond::constant;
    Whole3 count{};
    for (std::size_t i = 0; i < 3; ++i) {
        const std::int64_t pads = std::max(before[i], after[i]);
        if ((mode == "reflect" && pads > sides[i] - 1) || (mode == "circular" && pads > sides[i]))
            refuse("pads ", pads, " places of ", sides[i], " by ", mode);
        count[i] = sides[i] + before[i] + after[i];
        part.start[i] = -before[i];
    }
    if (!in.image && (count[0] != 1 || count[1] != 1)) refuse("pads places of a row of features");
    const Shape out = sized(in, count);
    part.count = triple_of(count);
    return {out, add_part(b.engine(), b.number(0), part)};
}

Made resize(Builder& b) {
    b.takes(1, 1);
    const Shape& in = b.input(Kind::floats, Builder::Size::image);
    const Pair size = b.pair("size", 1, most_places);
    const auto step = b.reals("step", 0, most_places);
    const std::string mode = b.choice("mode", {"bilinear", "bilinear_corners", "nearest", "nearest_exact"});
    const Resize how = mode == "bilinear"           ? Resize::bilinear
                       : mode == "bilinear_corners" ? Resize::bilinear_corners
                       : mode == "nearest"          ? Resize::nearest
                                                    : Resize::nearest_exact;
    const auto [height, width] = sides_of(size);
    const Shape out = image_of(height, width, in.channels);
    b.works(out, 1);
    const std::array<float, 2> steps{static_cast<float>(step[0]), static_cast<float>(step[1])};
    return {out, add_resize(b.engine(), b.number(0), height, width, steps, how)};
}

Made adaptive_pool2d(Builder& b) {
    b.takes(1, 1);
    const Shape& in = b.input(Kind::floats, Builder::Size::image);
    const auto [height, width] = sides_of(b.pair("size", 1, 256));
    const bool average = b.choice("mode", {"average", "max"}) == "average";
    const Shape out = image_of(height, width, in.channels);
    // the parts overlap by at most a row and a column
    const auto all = static_cast<double>((in.height + height) * (in.width + width));
    b.works(out, all / static_cast<double>(height * width));
    return {out, add_adaptive_pool(b.engine(), b.number(0), height, width, average)};
}

Made conv_transpose2d(Builder& b) {
    b.takes(1, 2);
    const Shape& in = b.input(Kind::floats, Builder::Size::image);
    const Pair one{1, 1}, none{0, 0};
    const Pair stride = b.pair("stride", 1, most_kernel, one), padding = b.pair("padding", 0, most_kernel, none);
    const Pair more = b.pair("output_padding", 0, most_kernel, none);
    const Pair dilation = b.pair("dilation", 1, most_kernel, one);
    const auto groups = static_cast<std::uint64_t>(b.whole("groups", 1, 1 << 20, 1));
    const Tensor& weight = b.tensor("weight", Dtype::f32);
    const std::vector<std::uint64_t>& shape = weight.shape;
    if (shape.size() != 4 || std::find(shape.begin(), shape.end(), 0u) != shape.end() || shape[0] != in.channels ||
        in.channels % groups)
        refuse("weight must be (", in.channels, ", kernel_h, kernel_w, out / groups) in ", groups, " groups, got ",
               tuple_text(shape));
    for (const std::uint64_t side : shape)
        if (side > std::uint64_t{1} << 32) refuse("a kernel of ", tuple_text(shape), " is far too large");
    for (std::size_t i = 0; i < 2; ++i)
        if (more[i] >= std::max(stride[i], dilation[i])) refuse("output_padding must be less than stride or dilation");
    const std::uint64_t outputs = shape[3] * groups;
    const Shape whole = image_of(reach(in.height, stride[0], dilation[0], shape[1], more[0]),
                                 reach(in.width, stride[1], dilation[1], shape[2], more[1]), outputs);
    // what a row of the kernel leaves
    image_of(in.places(), shape[2], outputs);
    const auto down = 2 * static_cast<std::uint64_t>(padding[0]), across = 2 * static_cast<std::uint64_t>(padding[1]);
    if (down >= whole.height || across >= whole.width)
        refuse("cuts ", padding[0], "x", padding[1], " off an image of ", whole.height, "x", whole.width);
    const Shape out = image_of(whole.height - down, whole.width - across, outputs);
    b.check_added(out);
    const TransposedShape made{in.channels,
                               outputs,
                               groups,
                               {in.height, in.width},
                               {shape[1], shape[2]},
                               sides_of(stride),
                               sides_of(padding),
                               sides_of(dilation),
                               {out.height, out.width}};
    b.works(out, static_cast<double>(in.places()) * static_cast<double>(weight.bytes.size() / sizeof(float)) /
                     static_cast<double>(out.elements()));
    b.reserve(made.floats() * sizeof(float));
    auto layer = std::make_unique<TransposedConvLayer>(weight.values<float>().data(), made);
    auto epilogue = b.epilogue(outputs);
    return {out, add_transposed_conv(b.engine(), b.numbers(), std::move(layer), std::move(epilogue))};
}

}  // namespace leveret::lvr
