// Binary convolution by xor and population count, for AVX-512 with VPOPCNTDQ: 32 channels of 16 filters to a register.
//
// Each half word of a pixel is broadcast against 32 filters; for a tile of up to 8 pixels the counts of signs that differ
// stay in registers from the first tap to the epilogue. At a border of one pixel, the column outside is left out; at wider
// ones, what the padding's zeros differ from the filters is taken off again.

constexpr std::size_t count_lanes = 32;   // filters at once: two registers
constexpr std::size_t count_tile = 8;     // pixels at once, at most

#include "bitconv/padded_lines.inl"

// sum += more, in the sum's own register: GCC 12 writes such sums elsewhere and moves them back, a fourth instruction
// beside xor, count and add, and a seventh of the time.
inline void add_to(__m512i& sum, __m512i more) { __asm__("vpaddd %1, %0, %0" : "+v"(sum) : "v"(more)); }

inline __m512 sum_of(__m512i counts, std::int32_t inside) {
    return _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_set1_epi32(inside), _mm512_slli_epi32(counts, 1)));
}

// The epilogue of 32 filters, held in registers while a tile's pixels pass. Steps that are missing change nothing: a
// product with 1 and a sum with 0 round to what they were given.
struct CountNorm {
    __m512 scale[2], shift[2];

    CountNorm(const Epilogue& e, std::size_t o) {
        for (int i = 0; i < 2; ++i) {
            scale[i] = e.scale ? _mm512_loadu_ps(e.scale + o + 16 * i) : _mm512_set1_ps(1);
            shift[i] = e.shift ? _mm512_loadu_ps(e.shift + o + 16 * i) : _mm512_setzero_ps();
        }
    }

    __m512 operator()(__m512 sum, int i) const { return _mm512_fmadd_ps(sum, scale[i], shift[i]); }
};

struct CountRest {
    __m512 before[2], slope[2], after[2];

    CountRest(const Epilogue& e, std::size_t o) {
        for (int i = 0; i < 2; ++i) {
            before[i] = e.before ? _mm512_loadu_ps(e.before + o + 16 * i) : _mm512_setzero_ps();
            slope[i] = e.slope ? _mm512_loadu_ps(e.slope + o + 16 * i) : _mm512_set1_ps(1);
            after[i] = e.after ? _mm512_loadu_ps(e.after + o + 16 * i) : _mm512_setzero_ps();
        }
    }

    __m512 operator()(__m512 v, int i, const float* add) const {
        if (add) v = _mm512_add_ps(v, _mm512_loadu_ps(add));
        v = _mm512_add_ps(v, before[i]);
        const __mmask16 positive = _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_GT_OQ);
        v = _mm512_mask_blend_ps(positive, _mm512_mul_ps(v, slope[i]), v);
        return _mm512_add_ps(v, after[i]);
    }
};

// The signs of 32 sums against their thresholds, told by the counts: sum >= threshold is count <= (inside - least) / 2,
// rounded down, where `least` is the least whole number that reaches the threshold. A flipped sign is what lies above it.
struct CountSigns {
    __m512i least[2];
    __mmask16 flip[2];

    CountSigns(const BitConv& job, std::size_t o) {
        constexpr float most = 1 << 30;  // beyond any sum, and halved differences stay within 32 bits
        for (int i = 0; i < 2; ++i) {
            const __m512 t = _mm512_loadu_ps(job.threshold + o + 16 * i);
            const __m128i f = _mm_loadu_si128(reinterpret_cast<const __m128i*>(job.flip + o + 16 * i));
            const __mmask16 known = _mm512_cmp_ps_mask(t, t, _CMP_ORD_Q);  // what isn't a number is never reached
            flip[i] = _mm_test_epi8_mask(f, f) & known;
            const __m512 held = _mm512_max_ps(_mm512_min_ps(t, _mm512_set1_ps(most)), _mm512_set1_ps(-most));
            const __m512i up = _mm512_cvt_roundps_epi32(held, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
            const __m512i down = _mm512_cvt_roundps_epi32(held, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
            const __m512i above = _mm512_add_epi32(down, _mm512_set1_epi32(1));
            least[i] = _mm512_mask_mov_epi32(_mm512_set1_epi32(1 << 30), known, _mm512_mask_mov_epi32(up, flip[i], above));
        }
    }

    // The most that a count may be, of pixels with so many products.
    __m512i most(std::int32_t inside, int i) const {
        return _mm512_srai_epi32(_mm512_sub_epi32(_mm512_set1_epi32(inside), least[i]), 1);
    }

    std::uint64_t operator()(const __m512i* counts, const __m512i* most) const {
        const __mmask16 low = _mm512_cmple_epi32_mask(counts[0], most[0]) ^ flip[0];
        const __mmask16 high = _mm512_cmple_epi32_mask(counts[1], most[1]) ^ flip[1];
        return _mm512_kunpackw(high, low);
    }
};

// The filters' ones under those taps of a tile's pixel that lie left and right of the image.
inline void ones_outside(const Window& w, const CountTile& tile, std::size_t pixel, const std::uint32_t* ones,
                         __m512i* over) {
    over[0] = over[1] = _mm512_setzero_si512();
    const Span columns = tile.columns[pixel];
    if (columns.last - columns.first == w.kernel_w) return;
    for (std::ptrdiff_t ky = tile.rows.first; ky < tile.rows.last; ++ky)
        for (std::ptrdiff_t kx = 0; kx < w.kernel_w; ++kx) {
            if (kx >= columns.first && kx < columns.last) continue;
            const auto* outside = ones + (ky * w.kernel_w + kx) * count_lanes;
            over[0] = _mm512_add_epi32(over[0], _mm512_load_si512(outside));
            over[1] = _mm512_add_epi32(over[1], _mm512_load_si512(outside + 16));
        }
}

// Adds to the counts of pixels from..to-1 what `steps` half words differ from their filters; x and w move on.
template <int from, int to, int size>
__attribute__((always_inline)) inline void count_steps(const std::uint32_t*& x, const std::uint32_t*& w,
                                                       std::size_t steps, std::size_t step, __m512i (&n)[size][2]) {
    for (const std::uint32_t* end = x + steps; x < end; ++x, w += count_lanes) {
        const __m512i w0 = _mm512_load_si512(w), w1 = _mm512_load_si512(w + 16);
#pragma GCC unroll 8
        for (int p = from; p < to; ++p) {
            const __m512i half = _mm512_set1_epi32(static_cast<int>(x[p * step]));
            add_to(n[p][0], _mm512_popcnt_epi32(_mm512_xor_si512(half, w0)));
            add_to(n[p][1], _mm512_popcnt_epi32(_mm512_xor_si512(half, w1)));
        }
    }
}

// The counts of `size` pixels for a block of 32 filters, and what becomes of them: through the epilogue, or as signs put
// into each pixel's word. All counts stay in registers, hence the one long function. The first pixel leaves the kernel's
// first column out, where `left`, and the last one its last, where `right`.
template <int size, bool left, bool right>
inline void count_block_of(const BitConv& job, const CountShape& s, const CountTile& tile, const std::uint32_t* filters,
                           const std::uint32_t* ones, std::size_t o, std::uint64_t* signs) {
    __m512i n[size][2];
#pragma GCC unroll 8
    for (int p = 0; p < size; ++p) n[p][0] = n[p][1] = _mm512_setzero_si512();
    const std::uint32_t *row = tile.image, *w = filters + tile.rows.first * s.filter_row;
    // filters lie one after the other in the order in which they are met
    const std::size_t step = s.step, line = s.line, column = left || right ? s.column : 0;
    const std::size_t middle = s.run - (left ? column : 0) - (right ? column : 0), next = s.between;
    for (std::ptrdiff_t ky = tile.rows.first; ky < tile.rows.last; ++ky, row += line) {
        const std::uint32_t* x = row;
        if constexpr (left) count_steps<1, size>(x, w, column, step, n);
        count_steps<0, size>(x, w, middle, step, n);
        if constexpr (right) count_steps<0, size - 1>(x, w, column, step, n);
        if (!left && !right && s.runs > 1)
            for (std::size_t run = 1; run < s.runs; ++run) {
                x = row + run * next;
                count_steps<0, size>(x, w, middle, step, n);
            }
    }
    // What follows indexes `n` by constants alone, else all counts would have to go to memory.
    if (tile.at_border && !left && !right) {  // take off what the zeros beside the image differ from the filters
        __m512i over[size][2];
        for (int p = 0; p < size; ++p) ones_outside(job.window, tile, p, ones, over[p]);
#pragma GCC unroll 8
        for (int p = 0; p < size; ++p)
            for (int i = 0; i < 2; ++i) n[p][i] = _mm512_sub_epi32(n[p][i], over[p][i]);
    }
    const std::size_t lanes = job.outputs - o < count_lanes ? job.outputs - o : count_lanes;
    if (lanes < count_lanes) {
        alignas(64) float sums[size][count_lanes];
#pragma GCC unroll 8
        for (int p = 0; p < size; ++p)
            for (int i = 0; i < 2; ++i) _mm512_store_ps(sums[p] + 16 * i, sum_of(n[p][i], tile.inside[p]));
        for (int p = 0; p < size; ++p)
            if (job.out)
                finish(sums[p], lanes, job.epilogue, o, (tile.pixel + p) * job.out_stride + o, job.out);
            else
                signs[p] |= pack_word(sums[p], lanes, job.threshold + o, job.flip + o) << o % 64;
        return;
    }
    if (!job.out) {
        const CountSigns sign(job, o);
        if (tile.at_border) {
#pragma GCC unroll 8
            for (int p = 0; p < size; ++p) {
                const __m512i most[2] = {sign.most(tile.inside[p], 0), sign.most(tile.inside[p], 1)};
                signs[p] |= sign(n[p], most) << o % 64;
            }
            return;
        }
        const __m512i most[2] = {sign.most(tile.inside[0], 0), sign.most(tile.inside[0], 1)};
#pragma GCC unroll 8
        for (int p = 0; p < size; ++p) signs[p] |= sign(n[p], most) << o % 64;
        return;
    }
    float* out = job.out + tile.pixel * job.out_stride + o;
    const std::size_t stride = job.out_stride;
    const Epilogue& e = job.epilogue;
    const CountNorm norm(e, o);
    if (!(e.add || e.before || e.slope || e.after)) {
#pragma GCC unroll 8
        for (int p = 0; p < size; ++p)
            for (int i = 0; i < 2; ++i)
                _mm512_storeu_ps(out + p * stride + 16 * i, norm(sum_of(n[p][i], tile.inside[p]), i));
        return;
    }
    const CountRest rest(e, o);
    const float* add = e.add ? e.add + tile.pixel * stride + o : nullptr;
#pragma GCC unroll 8
    for (int p = 0; p < size; ++p)
        for (int i = 0; i < 2; ++i) {
            const std::size_t at = p * stride + 16 * i;
            _mm512_storeu_ps(out + at, rest(norm(sum_of(n[p][i], tile.inside[p]), i), i, add ? add + at : nullptr));
        }
}

template <int size>
inline void count_block(const BitConv& job, const CountShape& s, const CountTile& tile, const std::uint32_t* filters,
                        const std::uint32_t* ones, std::size_t o, std::uint64_t* signs) {
    if (tile.left && tile.right) return count_block_of<size, true, true>(job, s, tile, filters, ones, o, signs);
    if (tile.left) return count_block_of<size, true, false>(job, s, tile, filters, ones, o, signs);
    if (tile.right) return count_block_of<size, false, true>(job, s, tile, filters, ones, o, signs);
    count_block_of<size, false, false>(job, s, tile, filters, ones, o, signs);
}

#include "bitconv/count_tiles.inl"
