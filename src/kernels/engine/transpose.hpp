// A matrix transposed: what lay row by row lies column by column, as images do that come channels first and are read
// channels last.
#pragma once

#include <cstddef>
#include <cstring>

#include "threads/pool.hpp"

namespace leveret {

using Four = float __attribute__((vector_size(16)));

inline Four four(const float* from) {
    Four values;
    std::memcpy(&values, from, sizeof values);
    return values;
}

// Four rows of four.
inline void transpose_4x4(const float* from, std::size_t from_stride, float* to, std::size_t to_stride) {
#if defined(__has_builtin) && __has_builtin(__builtin_shufflevector)
    const Four a = four(from), b = four(from + from_stride), c = four(from + 2 * from_stride),
               d = four(from + 3 * from_stride);
    const Four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), ba = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const Four cd = __builtin_shufflevector(c, d, 0, 4, 1, 5), dc = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    const Four transposed[4] = {
        __builtin_shufflevector(ab, cd, 0, 1, 4, 5),
        __builtin_shufflevector(ab, cd, 2, 3, 6, 7),
        __builtin_shufflevector(ba, dc, 0, 1, 4, 5),
        __builtin_shufflevector(ba, dc, 2, 3, 6, 7),
    };
    for (std::size_t i = 0; i < 4; ++i) std::memcpy(to + i * to_stride, &transposed[i], sizeof transposed[i]);
#else  // GCC before 12
    for (std::size_t r = 0; r < 4; ++r)
        for (std::size_t c = 0; c < 4; ++c) to[c * to_stride + r] = from[r * from_stride + c];
#endif
}

// to[column * to_stride + row] = from[row * from_stride + column]
inline void transpose(const float* from, std::size_t rows, std::size_t columns, std::size_t from_stride, float* to,
                 std::size_t to_stride) {
    constexpr std::size_t block = 16;  // rows at once: a line of the cache, as it is written
    for (std::size_t first = 0; first < rows; first += block) {
        const std::size_t last = rows - first < block ? rows : first + block, whole = first + (last - first) / 4 * 4;
        std::size_t c = 0;
        for (; c + 4 <= columns; c += 4) {
            for (std::size_t r = first; r < whole; r += 4)
                transpose_4x4(from + r * from_stride + c, from_stride, to + c * to_stride + r, to_stride);
            for (std::size_t r = whole; r < last; ++r)
                for (std::size_t i = c; i < c + 4; ++i) to[i * to_stride + r] = from[r * from_stride + i];
        }
        for (; c < columns; ++c)
            for (std::size_t r = first; r < last; ++r) to[c * to_stride + r] = from[r * from_stride + c];
    }
}

// Maps, batch x places x channels, as batch x channels x places.
inline void to_channels_first(const float* maps, std::size_t batch, std::size_t places, std::size_t channels, float* to,
                              int threads) {
    constexpr std::size_t some = 512;  // places, a piece of work
    const std::size_t pieces = (places + some - 1) / some;
    parallel_for(batch * pieces, 1 + 32 / channels, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            const std::size_t sample = i / pieces * places * channels, place = i % pieces * some;
            transpose(maps + sample + place * channels, places - place < some ? places - place : some, channels, channels,
                 to + sample + place, places);
        }
    });
}

}  // namespace leveret
