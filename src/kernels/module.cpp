// The Python face of the kernels: leveret.runtime._kernels. Shapes are checked by leveret.runtime.kernels, once.
#include "binding/binding.hpp"
#include "bitconv/layer.hpp"
#include "engine/bind.hpp"
#include "floatconv/layer.hpp"
#include "isa/choose.hpp"
#include "peaks/measure.hpp"
#include "threads/pool.hpp"

using namespace leveret;

namespace {

void pack(Floats x, std::size_t channels, Maybe<Floats> threshold, Maybe<Bytes> flip, Array<std::uint64_t> out,
          int threads) {
    const std::size_t rows = channels ? x.size() / channels : 0, words = (channels + 63) / 64;
    const float* from = x.data();
    const float* t = pointer(threshold);
    const std::uint8_t* f = pointer(flip);
    std::uint64_t* to = out.data();
    const Kernels& kernels = active();
    nb::gil_scoped_release release;
    parallel_for(rows, grain(channels), threads, [&](std::size_t begin, std::size_t end) {
        kernels.pack(from + begin * channels, end - begin, channels, t, f, to + begin * words);
    });
}

void affine(Floats x, std::size_t channels, Maybe<Floats> scale, Maybe<Floats> shift, Maybe<Floats> add,
            Maybe<Floats> before, Maybe<Floats> slope, Maybe<Floats> after, Array<float> out, int threads) {
    const std::size_t rows = channels ? x.size() / channels : 0;
    const Epilogue whole = epilogue_of(scale, shift, add, before, slope, after);
    const float* from = x.data();
    float* to = out.data();
    const Kernels& kernels = active();
    nb::gil_scoped_release release;
    parallel_for(rows, grain(channels), threads, [&](std::size_t begin, std::size_t end) {
        Epilogue e = whole;
        if (e.add) e.add += begin * channels;
        kernels.affine(from + begin * channels, end - begin, channels, e, to + begin * channels);
    });
}

void pool(Floats x, const std::array<std::int64_t, 12>& window, bool average, bool count_padding, Array<float> out,
          int threads) {
    const Pool2d job{window_of(window), x.shape(3), x.data(), out.data(), count_padding};
    const std::size_t rows = x.shape(0) * job.window.out_h;
    const Kernels& kernels = active();
    nb::gil_scoped_release release;
    parallel_for(rows, grain(job.window.out_w * job.channels), threads, [&](std::size_t begin, std::size_t end) {
        (average ? kernels.avg_pool : kernels.max_pool)(job, begin, end);
    });
}

}  // namespace

NB_MODULE(_kernels, m) {
    m.doc() = "Leveret's kernels; call them through leveret.runtime.kernels, which checks shapes.";
    m.def("available_isas", &available_isas);
    m.def("isa", [] { return std::string(active().name); });
    m.def("set_isa", &set_isa);
    m.def("default_threads", &default_threads);
    m.def("pack", &pack, nb::arg("x"), nb::arg("channels"), nb::arg("threshold").none(), nb::arg("flip").none(),
          nb::arg("out"), nb::arg("threads"));
    m.def("affine", &affine, nb::arg("x"), nb::arg("channels"), nb::arg("scale").none(), nb::arg("shift").none(),
          nb::arg("add").none(), nb::arg("before").none(), nb::arg("slope").none(), nb::arg("after").none(), nb::arg("out"), nb::arg("threads"));
    m.def("pool", &pool);
    m.def("peaks", [](double seconds) {
        nb::gil_scoped_release release;
        const Peaks peaks = measure_peaks(seconds);
        return std::array<double, 2>{peaks.binary_macs, peaks.float_macs};
    });

    bind_engine(m);

    nb::class_<BitConvLayer>(m, "BitConvLayer")
        .def("__init__",
             [](BitConvLayer* self, Words weights, std::size_t channels, std::size_t groups) {
                 new (self) BitConvLayer(weights.data(), weights.shape(0), weights.shape(1), channels, groups);
             })
        .def_prop_ro("isa", [](const BitConvLayer& self) { return std::string(self.isa()); })
        .def(
            "real",
            [](const BitConvLayer& self, Words bits, const std::array<std::int64_t, 12>& window, Maybe<Floats> scale,
               Maybe<Floats> shift, Maybe<Floats> add, Maybe<Floats> before, Maybe<Floats> slope, Maybe<Floats> after,
               Array<float> out, int threads) {
                const Epilogue epilogue = epilogue_of(scale, shift, add, before, slope, after);
                nb::gil_scoped_release release;
                self.run(bits.data(), bits.shape(0), window_of(window), epilogue, out.data(), nullptr, nullptr,
                         nullptr, threads);
            },
            nb::arg("bits"), nb::arg("window"), nb::arg("scale").none(), nb::arg("shift").none(),
            nb::arg("add").none(), nb::arg("before").none(), nb::arg("slope").none(), nb::arg("after").none(), nb::arg("out"),
            nb::arg("threads"))
        .def("bits", [](const BitConvLayer& self, Words bits, const std::array<std::int64_t, 12>& window,
                        Floats threshold, Bytes flip, Array<std::uint64_t> out, int threads) {
            nb::gil_scoped_release release;
            self.run(bits.data(), bits.shape(0), window_of(window), {}, nullptr, threshold.data(), flip.data(),
                     out.data(), threads);
        });

    nb::class_<FloatConvLayer>(m, "FloatConvLayer")
        .def("__init__",
             [](FloatConvLayer* self, Floats weights, std::size_t channels, std::size_t groups, bool exact) {
                 new (self) FloatConvLayer(weights.data(), weights.shape(0), weights.shape(1), channels, groups, exact);
             })
        .def(
            "run",
            [](const FloatConvLayer& self, Floats x, const std::array<std::int64_t, 12>& window, Maybe<Floats> scale,
               Maybe<Floats> shift, Maybe<Floats> add, Maybe<Floats> before, Maybe<Floats> slope, Maybe<Floats> after,
               Array<float> out, int threads) {
                const Epilogue epilogue = epilogue_of(scale, shift, add, before, slope, after);
                nb::gil_scoped_release release;
                self.run(x.data(), x.shape(0), window_of(window), epilogue, out.data(), threads);
            },
            nb::arg("x"), nb::arg("window"), nb::arg("scale").none(), nb::arg("shift").none(), nb::arg("add").none(),
            nb::arg("before").none(), nb::arg("slope").none(), nb::arg("after").none(), nb::arg("out"), nb::arg("threads"));

    bind_coding(m);
    bind_lowbit(m);
}
