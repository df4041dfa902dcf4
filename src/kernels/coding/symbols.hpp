// Matrices of small whole numbers, of which many are 0 and some more frequent than others, in nearly as few bits as their
// statistics allow: an adaptive binary arithmetic coder. docs/lvr-format.md says what is coded under which model, and
// leveret.runtime.reference.symbols says it again in Python.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace leveret {

constexpr std::size_t most_levels = 65536;

struct SymbolGrid {
    std::size_t rows, columns;
    std::size_t levels;  // symbols are 0..levels - 1
    std::size_t line;    // how far back in its row a symbol's second neighbour is; 0 if it has none
};

std::vector<std::uint8_t> encode_symbols(const std::uint16_t* symbols, const SymbolGrid& grid);

// Gives false where the bytes can't come from `encode_symbols`: too few, too many, or a symbol that there isn't.
bool decode_symbols(std::span<const std::uint8_t> bytes, const SymbolGrid& grid, std::uint16_t* symbols);

}  // namespace leveret
