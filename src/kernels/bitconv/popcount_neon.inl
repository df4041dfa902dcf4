// Binary convolution by xor and population count, for NEON: 32 channels of 4 filters to a register.
//
// Each half word of a pixel is broadcast against 16 filters in four registers, and a tile of up to 4 pixels shares them:
// sixteen registers of sums, four of filters, four of pixels. NEON counts ones by the byte, so that sums stay in bytes for
// the 31 steps that a byte holds, and only then become 32 bits a filter. For pixels at the border, what the padding's zeros
// differ from the filters is taken off again.

constexpr std::size_t count_lanes = 16;  // filters at once: four registers
constexpr std::size_t count_tile = 4;    // pixels at once, at most
constexpr int count_registers = count_lanes / 4;
constexpr std::size_t count_steps = 31;  // of at most 8 to a byte

#include "bitconv/padded_lines.inl"

// Moves the sums of each pixel and register from bytes to 32 bits.
template <int size>
inline void widen_counts(uint8x16_t (*bytes)[count_registers], uint32x4_t (*n)[count_registers]) {
#pragma GCC unroll 4
    for (int p = 0; p < size; ++p)
#pragma GCC unroll 4
        for (int i = 0; i < count_registers; ++i) {
            n[p][i] = vpadalq_u16(n[p][i], vpaddlq_u8(bytes[p][i]));
            bytes[p][i] = vdupq_n_u8(0);
        }
}

// How many signs differ: `size` pixels and a block of 16 filters.
template <int size>
inline void differing(const CountShape& s, const CountTile& tile, const std::uint32_t* filters,
                      uint32x4_t (*n)[count_registers]) {
    uint8x16_t bytes[size][count_registers];
#pragma GCC unroll 4
    for (int p = 0; p < size; ++p)
#pragma GCC unroll 4
        for (int i = 0; i < count_registers; ++i) {
            bytes[p][i] = vdupq_n_u8(0);
            n[p][i] = vdupq_n_u32(0);
        }
    const std::uint32_t* row = tile.image;
    const std::uint32_t* filter_row = filters + tile.rows.first * s.filter_row;
    std::size_t room = count_steps;
    for (std::ptrdiff_t ky = tile.rows.first; ky < tile.rows.last; ++ky, row += s.line, filter_row += s.filter_row)
        for (std::size_t run = 0; run < s.runs; ++run) {
            const std::uint32_t* x = row + run * s.between;
            const std::uint32_t* w = filter_row + run * s.filter_run;
            for (std::size_t left = s.run; left > 0;) {
                if (room == 0) {
                    widen_counts<size>(bytes, n);
                    room = count_steps;
                }
                const std::size_t steps = left < room ? left : room;
                left -= steps;
                room -= steps;
                for (const std::uint32_t* end = x + steps; x < end; ++x, w += count_lanes) {
                    uint8x16_t filter[count_registers];
#pragma GCC unroll 4
                    for (int i = 0; i < count_registers; ++i) filter[i] = vreinterpretq_u8_u32(vld1q_u32(w + 4 * i));
#pragma GCC unroll 4
                    for (int p = 0; p < size; ++p) {
                        const uint8x16_t half = vreinterpretq_u8_u32(vld1q_dup_u32(x + p * s.step));
#pragma GCC unroll 4
                        for (int i = 0; i < count_registers; ++i)
                            bytes[p][i] = vaddq_u8(bytes[p][i], vcntq_u8(veorq_u8(half, filter[i])));
                    }
                }
            }
        }
    widen_counts<size>(bytes, n);
}

// The counts of `size` pixels for a block of 16 filters, and what becomes of them: through the epilogue, or as signs put
// into each pixel's word.
template <int size>
inline void count_block(const BitConv& job, const CountShape& s, const CountTile& tile, const std::uint32_t* filters,
                        const std::uint32_t* ones, std::size_t o, std::uint64_t* signs) {
    uint32x4_t n[size][count_registers];
    differing<size>(s, tile, filters, n);
    const std::size_t lanes = job.outputs - o < count_lanes ? job.outputs - o : count_lanes;
    const std::ptrdiff_t kernel_w = job.window.kernel_w;
    for (int p = 0; p < size; ++p) {
        const Span columns = tile.columns[p];
        if (tile.at_border && columns.last - columns.first < kernel_w)
            for (std::ptrdiff_t ky = tile.rows.first; ky < tile.rows.last; ++ky)
                for (std::ptrdiff_t kx = 0; kx < kernel_w; ++kx) {
                    if (kx >= columns.first && kx < columns.last) continue;
                    const std::uint32_t* outside = ones + (ky * kernel_w + kx) * count_lanes;
                    for (int i = 0; i < count_registers; ++i)
                        n[p][i] = vsubq_u32(n[p][i], vld1q_u32(outside + 4 * i));
                }
        float sums[count_lanes];
        const int32x4_t inside = vdupq_n_s32(tile.inside[p]);
        for (int i = 0; i < count_registers; ++i) {
            const int32x4_t twice = vreinterpretq_s32_u32(vshlq_n_u32(n[p][i], 1));
            vst1q_f32(sums + 4 * i, vcvtq_f32_s32(vsubq_s32(inside, twice)));
        }
        if (job.out)
            finish(sums, lanes, job.epilogue, o, (tile.pixel + p) * job.out_stride + o, job.out);
        else
            signs[p] |= pack_word(sums, lanes, job.threshold + o, job.flip + o) << o % 64;
    }
}

#include "bitconv/count_tiles.inl"
