// Binary convolution by xor and population count, for AVX-512 with VPOPCNTDQ: 32 channels of 16 filters to a register.
//
// Each half word of a pixel is broadcast against 32 filters; for a tile of up to 8 pixels the counts of signs that differ
// stay in registers from the first tap to the epilogue. The image lies padded with zeros left and right, so that the half
// words under a row of the kernel follow one another and a tile needs no pointers of its own. Those zeros differ from a
// filter where its bits are 1: for pixels at the border, the filters' own counts of ones are taken off again. Rows of the
// kernel outside the image are skipped.
//
// Layouts, in half words of 32 bits
//   image:   [row][column + padding][half]
//   weights: [block of 32 outputs][tap][half][32 outputs], then the ones of each tap: [block][tap][32 outputs]

constexpr std::size_t count_lanes = 32;   // filters at once: two registers
constexpr std::size_t count_tile = 8;     // pixels at once, at most

inline std::size_t halves_of(std::size_t channels) { return (channels + 31) / 32; }

inline std::size_t padded_width(const Window& w) { return static_cast<std::size_t>(w.width + 2 * w.pad_w); }

std::size_t expanded_bytes(const Window& w, std::size_t channels) { return padded_width(w) * halves_of(channels) * 4; }

void expand(const std::uint64_t* bits, std::size_t rows, const Window& w, std::size_t channels, void* out) {
    const std::size_t words = (channels + 63) / 64, halves = halves_of(channels), border = w.pad_w * halves;
    auto* to = static_cast<std::uint32_t*>(out);
    for (std::size_t row = 0; row < rows; ++row) {
        std::memset(to, 0, border * 4);
        to += border;
        if (halves == 2 * words) {
            std::memcpy(to, bits, w.width * words * 8);
            to += w.width * halves;
            bits += w.width * words;
        } else {  // the last word's upper half is empty
            for (std::ptrdiff_t x = 0; x < w.width; ++x, to += halves, bits += words)
                std::memcpy(to, bits, halves * 4);
        }
        std::memset(to, 0, border * 4);
        to += border;
    }
}

inline std::size_t count_blocks(std::size_t outputs) { return (outputs + count_lanes - 1) / count_lanes; }

std::size_t bitconv_bytes(std::size_t outputs, std::size_t taps, std::size_t channels) {
    return count_blocks(outputs) * taps * (halves_of(channels) + 1) * count_lanes * 4;
}

void bitconv_prepare(const std::uint64_t* weights, std::size_t outputs, std::size_t taps, std::size_t channels,
                     void* out) {
    const std::size_t words = (channels + 63) / 64, halves = halves_of(channels), blocks = count_blocks(outputs);
    auto* to = static_cast<std::uint32_t*>(out);
    auto* ones = to + blocks * taps * halves * count_lanes;
    for (std::size_t block = 0; block < blocks; ++block)
        for (std::size_t tap = 0; tap < taps; ++tap, ones += count_lanes)
            for (std::size_t lane = 0; lane < count_lanes; ++lane) {
                const std::size_t o = block * count_lanes + lane;
                std::uint32_t count = 0;
                for (std::size_t half = 0; half < halves; ++half) {
                    std::uint64_t word = o < outputs ? weights[(o * taps + tap) * words + half / 2] : 0;
                    const auto w = static_cast<std::uint32_t>(word >> half % 2 * 32);
                    to[((block * taps + tap) * halves + half) * count_lanes + lane] = w;
                    count += static_cast<std::uint32_t>(__builtin_popcount(w));
                }
                ones[lane] = count;
            }
}

// Where in a row of the kernel an output pixel sees the image: taps first..last-1.
struct Span {
    std::ptrdiff_t first, last;
};

inline Span taps_inside(std::ptrdiff_t at, std::ptrdiff_t kernel, std::ptrdiff_t dilation, std::ptrdiff_t size) {
    Span span{0, kernel};
    while (span.first < kernel && at + span.first * dilation < 0) ++span.first;
    while (span.last > span.first && at + (span.last - 1) * dilation >= size) --span.last;
    return span;
}

// A tile of output pixels in one row: what each sees of the image.
struct CountTile {
    std::size_t pixel;              // the first one's place in the output
    const std::uint32_t* image;     // the first one's half words, at the first tap of the first row inside
    Span rows;                      // of the kernel, the same for all
    Span columns[count_tile];
    float inside[count_tile];       // products: channels times taps inside the image
    bool at_border;
};

// How a convolution lies in memory, in half words.
struct CountShape {
    std::size_t step, line;                      // from an output pixel's image to the next one's, and to the row below
    std::size_t runs, run, between, filter_run;  // a row of the kernel: pieces, their length, and what lies between
    std::size_t filter_row, filter_block;
};

inline __m512 sum_of(__m512i counts, float inside) {
    return _mm512_fnmadd_ps(_mm512_cvtepi32_ps(counts), _mm512_set1_ps(2.0f), _mm512_set1_ps(inside));
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
    const std::size_t lanes = job.outputs - o < count_lanes ? job.outputs - o : count_lanes;
    const std::ptrdiff_t kernel_w = job.window.kernel_w;
    if (tile.at_border) {  // take off what the zeros beside the image differ from the filters
#pragma GCC unroll 8
        for (int p = 0; p < size; ++p) {
            const Span columns = tile.columns[p];
            if (columns.last - columns.first == kernel_w) continue;
            for (std::ptrdiff_t ky = tile.rows.first; ky < tile.rows.last; ++ky)
                for (std::ptrdiff_t kx = 0; kx < kernel_w; ++kx) {
                    if (kx >= columns.first && kx < columns.last) continue;
                    const auto* outside = ones + (ky * kernel_w + kx) * count_lanes;
                    n[p][0] = _mm512_sub_epi32(n[p][0], _mm512_load_si512(outside));
                    n[p][1] = _mm512_sub_epi32(n[p][1], _mm512_load_si512(outside + 16));
                }
        }
    }
    if (lanes < count_lanes) {
        for (int p = 0; p < size; ++p) {
            float sums[count_lanes];
            for (int i = 0; i < 2; ++i) _mm512_storeu_ps(sums + 16 * i, sum_of(n[p][i], tile.inside[p]));
            if (job.out)
                finish(sums, lanes, job.epilogue, o, (tile.pixel + p) * job.out_stride + o, job.out);
            else
                signs[p] |= pack_word(sums, lanes, job.threshold + o, job.flip + o) << o % 64;
        }
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

// A tile of pixels, all filters.
template <int size>
void count_filters(const BitConv& job, const CountShape& s, const CountTile& tile) {
    const std::size_t taps = job.window.kernel_h * job.window.kernel_w, out_words = (job.outputs + 63) / 64;
    const auto* filters = static_cast<const std::uint32_t*>(job.weights);
    const auto* ones = filters + count_blocks(job.outputs) * s.filter_block;
    filters += job.first / count_lanes * s.filter_block;
    ones += job.first * taps;
    std::uint64_t signs[count_tile] = {};
    for (std::size_t o = job.first; o < job.last; o += count_lanes) {
        count_block<size>(job, s, tile, filters, ones, o, signs);
        filters += s.filter_block;
        ones += taps * count_lanes;
        if (job.out || (o % 64 + count_lanes < 64 && o + count_lanes < job.outputs)) continue;
        for (int p = 0; p < size; ++p) {
            job.out_bits[(tile.pixel + p) * out_words + o / 64] = signs[p];
            signs[p] = 0;
        }
    }
}

using CountFilters = void (*)(const BitConv&, const CountShape&, const CountTile&);
constexpr CountFilters count_filters_of[count_tile] = {
    count_filters<1>, count_filters<2>, count_filters<3>, count_filters<4>,
    count_filters<5>, count_filters<6>, count_filters<7>, count_filters<8>,
};

inline CountShape count_shape(const BitConv& job) {
    const Window& w = job.window;
    const std::size_t halves = halves_of(job.channels), tap = halves * count_lanes;
    // a row of the kernel is one run of half words, unless it is dilated: then each tap is a run
    const bool dense = w.dilation_w == 1;
    CountShape s{};
    s.step = w.stride_w * halves;
    s.line = w.dilation_h * padded_width(w) * halves;
    s.runs = dense ? 1 : w.kernel_w;
    s.run = dense ? w.kernel_w * halves : halves;
    s.between = w.dilation_w * halves;
    s.filter_run = tap;
    s.filter_row = w.kernel_w * tap;
    s.filter_block = w.kernel_h * s.filter_row;
    return s;
}

// Output rows begin..end of all images: a row in tiles of nearly one size, so that none is much narrower than the others.
void bitconv(const BitConv& job, std::size_t begin, std::size_t end) {
    const Window& w = job.window;
    const CountShape s = count_shape(job);
    const std::size_t line = padded_width(w) * halves_of(job.channels), tiles = (w.out_w + count_tile - 1) / count_tile;
    for (std::size_t row = begin; row < end; ++row) {
        const std::size_t n = row / w.out_h;
        const std::ptrdiff_t top = static_cast<std::ptrdiff_t>(row % w.out_h) * w.stride_h - w.pad_h;
        CountTile tile{};
        tile.rows = taps_inside(top, w.kernel_h, w.dilation_h, w.height);
        const std::ptrdiff_t products = (tile.rows.last - tile.rows.first) * static_cast<std::ptrdiff_t>(job.channels);
        const auto* image = static_cast<const std::uint32_t*>(job.image) +
                            (n * w.height + (top + tile.rows.first * w.dilation_h)) * line;
        for (std::size_t t = 0; t < tiles; ++t) {
            const std::size_t first = t * w.out_w / tiles, size = (t + 1) * w.out_w / tiles - first;
            tile.pixel = row * w.out_w + first;
            tile.image = image + first * s.step;
            tile.at_border = false;
            for (std::size_t p = 0; p < size; ++p) {
                const std::ptrdiff_t left = static_cast<std::ptrdiff_t>(first + p) * w.stride_w - w.pad_w;
                tile.columns[p] = taps_inside(left, w.kernel_w, w.dilation_w, w.width);
                const std::ptrdiff_t taps = tile.columns[p].last - tile.columns[p].first;
                tile.inside[p] = static_cast<float>(products * taps);
                tile.at_border |= taps < w.kernel_w;
            }
            count_filters_of[size - 1](job, s, tile);
        }
    }
}
