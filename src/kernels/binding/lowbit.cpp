// The Python face of the kernels on few bits and on few weights.
#include "binding/binding.hpp"
#include "engine/build.hpp"
#include "intconv/layer.hpp"
#include "isa/choose.hpp"
#include "planeconv/layer.hpp"
#include "threads/pool.hpp"

namespace leveret {
namespace {

// scale, shift, add, before, slope, after
using AllSteps = std::array<Maybe<Floats>, 6>;

// those that a node owns: scale, shift, before, slope, after
using OwnSteps = std::array<Maybe<Floats>, 5>;
using Wholes = Array<const std::uint32_t>;

EpilogueValues values_of(const OwnSteps& v) {
    const auto all = [&](std::size_t i) { return vector_of(v[i]); };
    return {all(0), all(1), all(2), all(3), all(4)};
}

Epilogue all_of(const AllSteps& s) { return epilogue_of(s[0], s[1], s[2], s[3], s[4], s[5]); }

void quantize(Floats x, float step, std::int32_t low, std::int32_t high, Array<std::uint8_t> out, int threads) {
    const float* from = x.data();
    std::uint8_t* to = out.data();
    const std::size_t count = x.size();
    const Kernels& kernels = active();
    nb::gil_scoped_release release;
    parallel_for(count, grain(1), threads, [&](std::size_t begin, std::size_t end) {
        kernels.quantize(from + begin, end - begin, step, low, high, to + begin);
    });
}

void sparse_product(Floats values, Wholes columns, Wholes starts, Floats x, const AllSteps& steps, Array<float> out,
                    int threads) {
    SparseProduct job{};
    job.inputs = x.shape(1);
    job.outputs = starts.size() - 1;
    job.values = values.data();
    job.columns = columns.data();
    job.starts = starts.data();
    job.x = x.data();
    job.out = out.data();
    job.epilogue = all_of(steps);
    const std::size_t rows = x.shape(0);
    const Kernels& kernels = active();
    nb::gil_scoped_release release;
    parallel_for(rows, 64, threads,
                 [&](std::size_t begin, std::size_t end) { kernels.sparse_product(job, begin, end); });
}

}  // namespace

void bind_lowbit(nb::module_& m) {
    m.def("quantize", &quantize);
    m.def("sparse_product", &sparse_product);

    m.def("planes_pay", [](std::size_t planes, std::int32_t low, std::int32_t high) {
        return active().planes_pay({planes, nullptr, 0, {low, high}});
    });

    nb::class_<WholeConvLayer>(m, "WholeConvLayer")
        .def(
            "run",
            [](const WholeConvLayer& self, Bytes image, const std::array<std::int64_t, 12>& window, const AllSteps& steps,
               Array<float> out, int threads) {
                const Epilogue epilogue = all_of(steps);
                nb::gil_scoped_release release;
                self.run(image.data(), image.shape(0), window_of(window), epilogue, out.data(), threads);
            },
            nb::arg("image"), nb::arg("window"), nb::arg("steps"), nb::arg("out"), nb::arg("threads"))
        .def("held", [](const WholeConvLayer& self, const std::array<std::int64_t, 12>& window) {
            return self.held(window_of(window));
        });

    nb::class_<PlaneConvLayer, WholeConvLayer>(m, "PlaneConvLayer")
        .def("__init__",
             [](PlaneConvLayer* self, Words weights, const std::vector<std::int32_t>& coefficients,
                std::int32_t constant, std::int32_t low, std::int32_t high, std::size_t channels, std::size_t groups) {
                 new (self) PlaneConvLayer(weights.data(), coefficients, constant, {low, high}, weights.shape(1),
                                           weights.shape(2), channels, groups);
             });

    nb::class_<IntConvLayer, WholeConvLayer>(m, "IntConvLayer")
        .def("__init__",
             [](IntConvLayer* self, Array<const std::int8_t> weights, std::int32_t low, std::int32_t high,
                std::size_t channels, std::size_t groups) {
                 new (self) IntConvLayer(weights.data(), {low, high}, weights.shape(0), weights.shape(1), channels,
                                         groups);
             });

    // Nodes of an engine; `add` is the number of a value that is added, or None.
    m.def("engine_quantize", [](Engine& engine, std::size_t input, float step, std::int32_t low, std::int32_t high) {
        return add_quantize(engine, input, step, {low, high});
    });
    m.def(
        "engine_whole_conv",
        [](Engine& engine, std::size_t input, Maybe<std::size_t> add, std::shared_ptr<WholeConvLayer> layer,
           const std::array<std::int64_t, 12>& row, const OwnSteps& steps) {
            return add_whole_conv(engine, inputs_of(input, add), std::move(layer), window_of(row), values_of(steps));
        },
        nb::arg("engine"), nb::arg("input"), nb::arg("add").none(), nb::arg("layer"), nb::arg("window"),
        nb::arg("steps"));
    m.def(
        "engine_sparse",
        [](Engine& engine, std::size_t input, Maybe<std::size_t> add, Floats values, Wholes columns, Wholes starts,
           const OwnSteps& steps) {
            SparseWeights weights{vector_of(values), vector_of(columns), vector_of(starts)};
            return add_sparse(engine, inputs_of(input, add), std::move(weights), values_of(steps));
        },
        nb::arg("engine"), nb::arg("input"), nb::arg("add").none(), nb::arg("values"), nb::arg("columns"),
        nb::arg("starts"), nb::arg("steps"));
}

}  // namespace leveret
