// Binary convolution by xor and population count, for AVX-512 with VPOPCNTDQ: 32 channels of 16 filters to a register.
//
// Each half word of a pixel is broadcast against 32 filters; for a tile of up to 8 pixels the counts of signs that differ
// stay in registers from the first tap to the epilogue. For pixels at the border, what the padding's zeros differ from the
// filters is taken off again.

constexpr std::size_t count_lanes = 32;   // filters at once: two registers
constexpr std::size_t count_tile = 8;     // pixels at once, at most

#include "bitconv/padded_lines.inl"

inline __m512 sum_of(__m512i counts, std::int32_t inside) {
    return _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_set1_epi32(inside), _mm512_slli_epi32(counts, 1)));
}

// The epilogue of 32 filters, held in registers while a tile's pixels pass. Steps that are missing change nothing: a
// product with 1 and a sum with 0 round to what they were given.
struct CountSteps {
    __m512 scale[2], shift[2], before[2], slope[2], after[2];
    bool none, norm_alone;

    CountSteps(const Epilogue& e, std::size_t o) {
        const bool more = e.add || e.before || e.slope || e.after;
        none = !(more || e.scale || e.shift);
        norm_alone = !more;
        for (int i = 0; i < 2; ++i) {
            const std::size_t c = o + 16 * i;
            const auto given = [&](const float* values, float missing) {
                return values ? _mm512_loadu_ps(values + c) : _mm512_set1_ps(missing);
            };
            scale[i] = given(e.scale, 1), shift[i] = given(e.shift, 0), before[i] = given(e.before, 0);
            slope[i] = given(e.slope, 1), after[i] = given(e.after, 0);
        }
    }

    __m512 norm(__m512 sum, int i) const { return _mm512_fmadd_ps(sum, scale[i], shift[i]); }

    __m512 all(__m512 sum, int i, const float* add) const {
        __m512 v = norm(sum, i);
        if (add) v = _mm512_add_ps(v, _mm512_loadu_ps(add));
        v = _mm512_add_ps(v, before[i]);
        const __mmask16 positive = _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_GT_OQ);
        v = _mm512_mask_blend_ps(positive, _mm512_mul_ps(v, slope[i]), v);
        return _mm512_add_ps(v, after[i]);
    }
};

// The signs of 32 sums against their thresholds.
struct CountSigns {
    __m512 threshold[2];
    __mmask16 flip[2];

    CountSigns(const BitConv& job, std::size_t o) {
        for (int i = 0; i < 2; ++i) {
            threshold[i] = _mm512_loadu_ps(job.threshold + o + 16 * i);
            const __m128i f = _mm_loadu_si128(reinterpret_cast<const __m128i*>(job.flip + o + 16 * i));
            flip[i] = _mm_test_epi8_mask(f, f);
        }
    }

    std::uint64_t operator()(__m512 sum, int i) const {
        const __mmask16 reach = _mm512_cmp_ps_mask(sum, threshold[i], _CMP_GE_OQ);
        if (flip[i] == 0) return reach;
        const __mmask16 below = _mm512_cmp_ps_mask(sum, threshold[i], _CMP_LE_OQ);
        return static_cast<__mmask16>((reach & ~flip[i]) | (below & flip[i]));
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

// The counts of `size` pixels for a block of 32 filters, and what becomes of them: through the epilogue, or as signs put
// into each pixel's word. All counts stay in registers, hence the one long function.
template <int size>
inline void count_block(const BitConv& job, const CountShape& s, const CountTile& tile, const std::uint32_t* filters,
                        const std::uint32_t* ones, std::size_t o, std::uint64_t* signs) {
    __m512i n[size][2];
#pragma GCC unroll 8
    for (int p = 0; p < size; ++p) n[p][0] = n[p][1] = _mm512_setzero_si512();
    const std::uint32_t* row = tile.image;
    const std::uint32_t* filter_row = filters + tile.rows.first * s.filter_row;
    for (std::ptrdiff_t ky = tile.rows.first; ky < tile.rows.last; ++ky, row += s.line, filter_row += s.filter_row)
        for (std::size_t run = 0; run < s.runs; ++run) {
            const std::uint32_t* x = row + run * s.between;
            const std::uint32_t* w = filter_row + run * s.filter_run;
            for (std::size_t i = 0; i < s.run; ++i, ++x, w += count_lanes) {
                const __m512i w0 = _mm512_load_si512(w), w1 = _mm512_load_si512(w + 16);
#pragma GCC unroll 8
                for (int p = 0; p < size; ++p) {
                    const __m512i half = _mm512_set1_epi32(static_cast<int>(x[p * s.step]));
                    n[p][0] = _mm512_add_epi32(n[p][0], _mm512_popcnt_epi32(_mm512_xor_si512(half, w0)));
                    n[p][1] = _mm512_add_epi32(n[p][1], _mm512_popcnt_epi32(_mm512_xor_si512(half, w1)));
                }
            }
        }
    // What follows indexes `n` by constants alone, else all counts would have to go to memory.
    if (tile.at_border) {  // take off what the zeros beside the image differ from the filters
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
#pragma GCC unroll 8
        for (int p = 0; p < size; ++p)
            for (int i = 0; i < 2; ++i) signs[p] |= sign(sum_of(n[p][i], tile.inside[p]), i) << (o % 64 + 16 * i);
        return;
    }
    float* out = job.out + tile.pixel * job.out_stride + o;
    const float* add = job.epilogue.add ? job.epilogue.add + tile.pixel * job.out_stride + o : nullptr;
    const std::size_t stride = job.out_stride;
    const CountSteps steps(job.epilogue, o);
#pragma GCC unroll 8
    for (int p = 0; p < size; ++p)
        for (int i = 0; i < 2; ++i) {
            const std::size_t at = p * stride + 16 * i;
            __m512 v = sum_of(n[p][i], tile.inside[p]);
            if (!steps.none) v = steps.norm_alone ? steps.norm(v, i) : steps.all(v, i, add ? add + at : nullptr);
            _mm512_storeu_ps(out + at, v);
        }
}

#include "bitconv/count_tiles.inl"
