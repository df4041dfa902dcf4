// The coder of weights' symbols, as leveret.runtime._symbols calls it.
#include "binding/binding.hpp"
#include "coding/symbols.hpp"

namespace leveret {
namespace {

using Symbols = Array<const std::uint16_t>;

nb::bytes encode(Symbols symbols, std::size_t levels, std::size_t line) {
    const SymbolGrid grid{symbols.shape(0), symbols.shape(1), levels, line};
    std::vector<std::uint8_t> coded;
    {
        nb::gil_scoped_release release;
        coded = encode_symbols(symbols.data(), grid);
    }
    return nb::bytes(coded.data(), coded.size());
}

// `out` holds zeros.
bool decode(Bytes coded, std::size_t levels, std::size_t line, Array<std::uint16_t> out) {
    const SymbolGrid grid{out.shape(0), out.shape(1), levels, line};
    nb::gil_scoped_release release;
    return decode_symbols({coded.data(), coded.size()}, grid, out.data());
}

}  // namespace

void bind_coding(nb::module_& m) {
    m.def("encode_symbols", &encode);
    m.def("decode_symbols", &decode);
}

}  // namespace leveret
