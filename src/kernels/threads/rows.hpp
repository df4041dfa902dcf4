// Output rows of a convolution, shared out among threads.
#pragma once

#include <algorithm>
#include <cstddef>

#include "threads/pool.hpp"

namespace leveret {

// Calls work(first row, last row, first filter, last filter) so that all rows of all filters are done. Many rows divide
// evenly enough; few rows, as of small images or of linear layers, are cut across the filters too, 64 or a multiple at a
// time.
template <typename Work>
void parallel_rows(std::size_t rows, std::size_t filters, int threads, const Work& work) {
    const std::size_t count = static_cast<std::size_t>(threads > 0 ? threads : default_threads());
    const std::size_t blocks = (filters + 63) / 64;
    if (count == 1 || blocks == 1 || rows >= 8 * count) {
        parallel_for(rows, 1, threads, [&](std::size_t begin, std::size_t end) { work(begin, end, 0, filters); });
        return;
    }
    const std::size_t parts = std::min(blocks, 4 * count);
    parallel_for(rows * parts, 1, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            const std::size_t row = i / parts, part = i % parts;
            const std::size_t first = part * blocks / parts * 64, last = (part + 1) * blocks / parts * 64;
            work(row, row + 1, first, std::min(last, filters));
        }
    });
}

}  // namespace leveret
