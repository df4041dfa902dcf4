#include "engine/bind.hpp"

#include "binding/binding.hpp"
#include "engine/engine.hpp"

namespace leveret {
namespace {

using Row = std::array<std::int64_t, 12>;

using MaybeFloats = Maybe<Floats>;

EpilogueValues epilogue(const MaybeFloats& scale, const MaybeFloats& shift, const MaybeFloats& before,
                        const MaybeFloats& slope, const MaybeFloats& after) {
    return {vector_of(scale), vector_of(shift), vector_of(before), vector_of(slope), vector_of(after)};
}

Value output_of(const Window& w, std::size_t channels, bool bits = false) {
    return {static_cast<std::size_t>(w.out_h), static_cast<std::size_t>(w.out_w), channels, bits};
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
                 Value out = self.value(input);
                 out.bits = true;
                 return self.add(bits_node(self.value(input), vector_of(threshold), vector_of(flip)), {input}, out);
             },
             nb::arg("input"), nb::arg("threshold").none(), nb::arg("flip").none())
        .def("affine",
             [](Engine& self, std::size_t input, Maybe<std::size_t> add, MaybeFloats scale, MaybeFloats shift,
                MaybeFloats before, MaybeFloats slope, MaybeFloats after) {
                 const Value in = self.value(input);
                 return self.add(affine_node(in, epilogue(scale, shift, before, slope, after)), inputs_of(input, add), in);
             },
             nb::arg("input"), nb::arg("add").none(), nb::arg("scale").none(), nb::arg("shift").none(),
             nb::arg("before").none(), nb::arg("slope").none(), nb::arg("after").none())
        .def("conv",
             [](Engine& self, std::size_t input, Maybe<std::size_t> add, Floats weight, const Row& row,
                std::size_t groups, bool exact, MaybeFloats scale, MaybeFloats shift, MaybeFloats before,
                MaybeFloats slope, MaybeFloats after) {
                 const Value in = self.value(input);
                 const Window window = window_of(row);
                 auto layer = std::make_unique<FloatConvLayer>(weight.data(), weight.shape(0), weight.shape(1),
                                                               in.channels, groups, exact);
                 return self.add(conv_node(in, window, std::move(layer), epilogue(scale, shift, before, slope, after)),
                                 inputs_of(input, add), output_of(window, weight.shape(0)));
             },
             nb::arg("input"), nb::arg("add").none(), nb::arg("weight"), nb::arg("window"), nb::arg("groups"),
             nb::arg("exact"), nb::arg("scale").none(), nb::arg("shift").none(), nb::arg("before").none(),
             nb::arg("slope").none(), nb::arg("after").none())
        .def("bit_conv",
             [](Engine& self, std::size_t input, Maybe<std::size_t> add, Words weight, const Row& row,
                std::size_t groups, MaybeFloats scale, MaybeFloats shift, MaybeFloats before, MaybeFloats slope,
                MaybeFloats after) {
                 const Value in = self.value(input);
                 const Window window = window_of(row);
                 auto layer = std::make_unique<BitConvLayer>(weight.data(), weight.shape(0), weight.shape(1),
                                                             in.channels, groups);
                 return self.add(
                     bitconv_node(in, window, std::move(layer), epilogue(scale, shift, before, slope, after)),
                     inputs_of(input, add), output_of(window, weight.shape(0)));
             },
             nb::arg("input"), nb::arg("add").none(), nb::arg("weight"), nb::arg("window"), nb::arg("groups"),
             nb::arg("scale").none(), nb::arg("shift").none(), nb::arg("before").none(), nb::arg("slope").none(),
             nb::arg("after").none())
        .def("bit_conv_to_bits",
             [](Engine& self, std::size_t input, Words weight, const Row& row, Floats threshold, Bytes flip) {
                 const Value in = self.value(input);
                 const Window window = window_of(row);
                 auto layer = std::make_unique<BitConvLayer>(weight.data(), weight.shape(0), weight.shape(1),
                                                             in.channels, 1);
                 return self.add(bitconv_to_bits_node(in, window, std::move(layer), vector_of(threshold),
                                                      vector_of(flip)),
                                 {input}, output_of(window, weight.shape(0), true));
             })
        .def("pool",
             [](Engine& self, std::size_t input, const Row& row, bool average, bool count_padding) {
                 const Value in = self.value(input);
                 const Window window = window_of(row);
                 return self.add(pool_node(in, window, average, count_padding), {input},
                                 output_of(window, in.channels));
             })
        .def("bit_pool",
             [](Engine& self, std::size_t input, const Row& row, Maybe<Bytes> flip) {
                 const Value in = self.value(input);
                 const Window window = window_of(row);
                 return self.add(bit_pool_node(in, window, vector_of(flip)), {input},
                                 output_of(window, in.channels, true));
             },
             nb::arg("input"), nb::arg("window"), nb::arg("flip").none())
        .def("bit_flatten",
             [](Engine& self, std::size_t input) {
                 const Value in = self.value(input);
                 Value out = in;
                 out.height = out.width = 1;
                 out.channels = in.elements();
                 return self.add(bit_flatten_node(in), {input}, out);
             })
        .def("global_max",
             [](Engine& self, std::size_t input) {
                 const Value in = self.value(input);
                 return self.add(global_max_node(in), {input}, {1, 1, in.channels});
             })
        .def("global_mean",
             [](Engine& self, std::size_t input) {
                 const Value in = self.value(input);
                 return self.add(global_mean_node(in), {input}, {1, 1, in.channels});
             })
        .def("channel_mean",
             [](Engine& self, std::size_t input) {
                 const Value in = self.value(input);
                 return self.add(channel_mean_node(in), {input}, {in.height, in.width, 1});
             })
        .def("concat",
             [](Engine& self, const std::vector<std::size_t>& inputs) {
                 std::vector<Value> parts;
                 Value out = self.value(inputs.at(0));
                 out.channels = 0;
                 for (const std::size_t i : inputs) {
                     parts.push_back(self.value(i));
                     out.channels += parts.back().channels;
                 }
                 return self.add(concat_node(parts), inputs, out);
             })
        .def("multiply",
             [](Engine& self, std::size_t first, std::size_t second) {
                 const Value in = self.value(first);
                 return self.add(multiply_node(in, self.value(second)), {first, second}, in);
             })
        .def("clip",
             [](Engine& self, std::size_t input, float low, float high) {
                 const Value in = self.value(input);
                 return self.add(clip_node(in, low, high), {input}, in);
             })
        .def("function",
             [](Engine& self, std::size_t input, const std::string& name) {
                 const Value in = self.value(input);
                 return self.add(function_node(in, name.c_str()), {input}, in);
             })
        .def("flatten",
             [](Engine& self, std::size_t input) {
                 const Value in = self.value(input);
                 return self.add(copy_node(in), {input}, {1, 1, in.elements()});
             })
        .def("reshape",
             [](Engine& self, std::size_t input, std::size_t height, std::size_t width) {
                 const Value in = self.value(input);
                 return self.add(copy_node(in), {input}, {height, width, in.elements() / (height * width)});
             })
        .def("plan", &Engine::plan)
        .def("arena_bytes", &Engine::arena_bytes)
        .def("run",
             [](const Engine& self, Floats images, Array<float> out, int threads) {
                 nb::gil_scoped_release release;
                 self.run(images.data(), images.shape(0), out.data(), threads);
             })
        .def("run",
             [](const Engine& self, Bytes images, Array<float> out, int threads) {
                 nb::gil_scoped_release release;
                 self.run(images.data(), images.shape(0), out.data(), threads);
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
