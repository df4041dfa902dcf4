#include "engine/bind.hpp"

#include "binding/binding.hpp"
#include "engine/build.hpp"

namespace leveret {
namespace {

using Row = std::array<std::int64_t, 12>;

using MaybeFloats = Maybe<Floats>;

EpilogueValues epilogue(const MaybeFloats& scale, const MaybeFloats& shift, const MaybeFloats& before,
                        const MaybeFloats& slope, const MaybeFloats& after) {
    return {vector_of(scale), vector_of(shift), vector_of(before), vector_of(slope), vector_of(after)};
}

using Sides = TransposedShape::Sides;

Beyond beyond_of(const std::string& mode) {
    return mode == "reflect"     ? Beyond::reflect
           : mode == "replicate" ? Beyond::replicate
           : mode == "circular"  ? Beyond::circular
                                 : Beyond::constant;
}

Resize resize_of(const std::string& mode) {
    return mode == "bilinear"           ? Resize::bilinear
           : mode == "bilinear_corners" ? Resize::bilinear_corners
           : mode == "nearest_exact"    ? Resize::nearest_exact
                                        : Resize::nearest;
}

}  // namespace

void bind_engine(nb::module_& m) {
    nb::class_<Engine>(m, "Engine")
        .def("__init__",
             [](Engine* self, std::size_t channels, std::size_t height, std::size_t width, MaybeFloats mean,
                MaybeFloats std) { new (self) Engine({height, width, channels}, vector_of(mean), vector_of(std)); },
             nb::arg("channels"), nb::arg("height"), nb::arg("width"), nb::arg("mean").none(), nb::arg("std").none())
        .def("bits",
             [](Engine& self, std::size_t input, MaybeFloats threshold, Maybe<Bytes> flip) {
                 return add_bits(self, input, vector_of(threshold), vector_of(flip));
             },
             nb::arg("input"), nb::arg("threshold").none(), nb::arg("flip").none())
        .def("affine",
             [](Engine& self, std::size_t input, Maybe<std::size_t> add, MaybeFloats scale, MaybeFloats shift,
                MaybeFloats before, MaybeFloats slope, MaybeFloats after) {
                 return add_affine(self, inputs_of(input, add), epilogue(scale, shift, before, slope, after));
             },
             nb::arg("input"), nb::arg("add").none(), nb::arg("scale").none(), nb::arg("shift").none(),
             nb::arg("before").none(), nb::arg("slope").none(), nb::arg("after").none())
        .def("conv",
             [](Engine& self, std::size_t input, Maybe<std::size_t> add, Floats weight, const Row& row,
                std::size_t groups, bool exact, MaybeFloats scale, MaybeFloats shift, MaybeFloats before,
                MaybeFloats slope, MaybeFloats after) {
                 auto layer = std::make_unique<FloatConvLayer>(weight.data(), weight.shape(0), weight.shape(1),
                                                               self.value(input).channels, groups, exact);
                 return add_conv(self, inputs_of(input, add), std::move(layer), window_of(row),
                                 epilogue(scale, shift, before, slope, after));
             },
             nb::arg("input"), nb::arg("add").none(), nb::arg("weight"), nb::arg("window"), nb::arg("groups"),
             nb::arg("exact"), nb::arg("scale").none(), nb::arg("shift").none(), nb::arg("before").none(),
             nb::arg("slope").none(), nb::arg("after").none())
        .def("bit_conv",
             [](Engine& self, std::size_t input, Maybe<std::size_t> add, Words weight, const Row& row,
                std::size_t groups, MaybeFloats scale, MaybeFloats shift, MaybeFloats before, MaybeFloats slope,
                MaybeFloats after) {
                 auto layer = std::make_unique<BitConvLayer>(weight.data(), weight.shape(0), weight.shape(1),
                                                             self.value(input).channels, groups);
                 return add_bit_conv(self, inputs_of(input, add), std::move(layer), window_of(row),
                                     epilogue(scale, shift, before, slope, after));
             },
             nb::arg("input"), nb::arg("add").none(), nb::arg("weight"), nb::arg("window"), nb::arg("groups"),
             nb::arg("scale").none(), nb::arg("shift").none(), nb::arg("before").none(), nb::arg("slope").none(),
             nb::arg("after").none())
        .def("bit_conv_to_bits",
             [](Engine& self, std::size_t input, Words weight, const Row& row, Floats threshold, Bytes flip) {
                 auto layer = std::make_unique<BitConvLayer>(weight.data(), weight.shape(0), weight.shape(1),
                                                             self.value(input).channels, 1);
                 return add_bit_conv_to_bits(self, input, std::move(layer), window_of(row), vector_of(threshold),
                                             vector_of(flip));
             })
        .def("pool",
             [](Engine& self, std::size_t input, const Row& row, bool average, bool count_padding) {
                 return add_pool(self, input, window_of(row), average, count_padding);
             })
        .def("bit_pool",
             [](Engine& self, std::size_t input, const Row& row, Maybe<Bytes> flip) {
                 return add_bit_pool(self, input, window_of(row), vector_of(flip));
             },
             nb::arg("input"), nb::arg("window"), nb::arg("flip").none())
        .def("bit_flatten", &add_bit_flatten)
        .def("global_max", &add_global_max)
        .def("global_mean", &add_global_mean)
        .def("channel_mean", &add_channel_mean)
        .def("concat", &add_concat)
        .def("channel_norm", &add_channel_norm)
        .def("multiply", &add_multiply)
        .def("divide", &add_divide)
        .def("part",
             [](Engine& self, std::size_t input, const Triple& start, const Triple& step, const Triple& count,
                const std::string& beyond, float value) {
                 return add_part(self, input, {start, step, count, beyond_of(beyond), value});
             })
        .def("resize",
             [](Engine& self, std::size_t input, const Sides& size, const std::array<float, 2>& step,
                const std::string& mode) {
                 return add_resize(self, input, size[0], size[1], step, resize_of(mode));
             })
        .def("adaptive_pool",
             [](Engine& self, std::size_t input, const Sides& size, bool average) {
                 return add_adaptive_pool(self, input, size[0], size[1], average);
             })
        .def("conv_transpose",
             [](Engine& self, std::size_t input, Maybe<std::size_t> add, Floats weight, const Sides& output,
                const Sides& stride, const Sides& padding, const Sides& dilation, std::size_t groups,
                MaybeFloats scale, MaybeFloats shift, MaybeFloats before, MaybeFloats slope, MaybeFloats after) {
                 const Value& in = self.value(input);
                 const TransposedShape shape{in.channels,
                                             weight.shape(3) * groups,
                                             groups,
                                             {in.height, in.width},
                                             {weight.shape(1), weight.shape(2)},
                                             stride,
                                             padding,
                                             dilation,
                                             output};
                 return add_transposed_conv(self, inputs_of(input, add),
                                            std::make_unique<TransposedConvLayer>(weight.data(), shape),
                                            epilogue(scale, shift, before, slope, after));
             },
             nb::arg("input"), nb::arg("add").none(), nb::arg("weight"), nb::arg("output"), nb::arg("stride"),
             nb::arg("padding"), nb::arg("dilation"), nb::arg("groups"), nb::arg("scale").none(),
             nb::arg("shift").none(), nb::arg("before").none(), nb::arg("slope").none(), nb::arg("after").none())
        .def("clip", &add_clip)
        .def("function",
             [](Engine& self, std::size_t input, const std::string& name) {
                 return add_function(self, input, name.c_str());
             })
        .def("flatten", &add_flatten)
        .def("reshape", &add_reshape)
        .def("plan", &Engine::plan)
        .def("arena_bytes", &Engine::arena_bytes)
        .def("run",
             [](const Engine& self, Floats images, Array<float> out, int threads, bool channels_first) {
                 nb::gil_scoped_release release;
                 self.run(images.data(), images.shape(0), out.data(), threads, channels_first);
             })
        .def("run",
             [](const Engine& self, Bytes images, Array<float> out, int threads, bool channels_first) {
                 nb::gil_scoped_release release;
                 self.run(images.data(), images.shape(0), out.data(), threads, channels_first);
             })
        .def("profile",
             [](const Engine& self, Floats images, Array<float> out, int threads) {
                 nb::gil_scoped_release release;
                 return self.profile(images.data(), images.shape(0), out.data(), threads);
             })
        .def("profile", [](const Engine& self, Bytes images, Array<float> out, int threads) {
            nb::gil_scoped_release release;
            return self.profile(images.data(), images.shape(0), out.data(), threads);
        });
}

}  // namespace leveret
