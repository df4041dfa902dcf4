// Binary convolution by xor and population count, for AVX-512 with VPOPCNTDQ: 64 channels of 8 filters to a register.
//
// Each word of a pixel is broadcast against 16 filters; `counts` holds, for a tile of up to 8 pixels, how many signs
// differ. The image lies padded with zero words left and right, so that the words under a row of the kernel follow one
// another and a tile needs no pointers of its own. Those zeros differ from a filter where its bits are 1: for pixels at
// the border, the filters' own counts of ones are taken off again. Rows of the kernel outside the image are skipped.
//
// Layouts
//   image:   [row][column + padding][word]
//   weights: [block of 16 outputs][tap][word][16 words], then the ones of each tap: [block][tap][16 words]

constexpr std::size_t count_lanes = 16;   // filters at once: two registers
constexpr std::size_t count_tile = 8;     // pixels at once, at most

inline std::size_t words_of(std::size_t channels) { return (channels + 63) / 64; }

inline std::size_t padded_width(const Window& w) { return static_cast<std::size_t>(w.width + 2 * w.pad_w); }

std::size_t expanded_bytes(const Window& w, std::size_t channels) { return padded_width(w) * words_of(channels) * 8; }

void expand(const std::uint64_t* bits, std::size_t rows, const Window& w, std::size_t channels, void* out) {
    const std::size_t words = words_of(channels), inside = w.width * words, border = w.pad_w * words;
    auto* to = static_cast<std::uint64_t*>(out);
    for (std::size_t row = 0; row < rows; ++row, bits += inside) {
        std::memset(to, 0, border * 8);
        std::memcpy(to + border, bits, inside * 8);
        std::memset(to + border + inside, 0, border * 8);
        to += inside + 2 * border;
    }
}

inline std::size_t count_blocks(std::size_t outputs) { return (outputs + count_lanes - 1) / count_lanes; }

std::size_t bitconv_bytes(std::size_t outputs, std::size_t taps, std::size_t channels) {
    return count_blocks(outputs) * taps * (words_of(channels) + 1) * count_lanes * 8;
}

void bitconv_prepare(const std::uint64_t* weights, std::size_t outputs, std::size_t taps, std::size_t channels,
                     void* out) {
    const std::size_t words = words_of(channels), blocks = count_blocks(outputs);
    auto* to = static_cast<std::uint64_t*>(out);
    auto* ones = to + blocks * taps * words * count_lanes;
    for (std::size_t block = 0; block < blocks; ++block)
        for (std::size_t tap = 0; tap < taps; ++tap, ones += count_lanes)
            for (std::size_t lane = 0; lane < count_lanes; ++lane) {
                const std::size_t o = block * count_lanes + lane;
                std::uint64_t count = 0;
                for (std::size_t word = 0; word < words; ++word) {
                    const std::uint64_t w = o < outputs ? weights[(o * taps + tap) * words + word] : 0;
                    to[((block * taps + tap) * words + word) * count_lanes + lane] = w;
                    count += __builtin_popcountll(w);
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
    const std::uint64_t* image;     // the first one's words, at the first tap of the first row inside
    Span rows;                      // of the kernel, the same for all
    Span columns[count_tile];
    float inside[count_tile];       // products: channels times taps inside the image
    bool at_border;
};

// How a convolution lies in memory, in words.
struct CountShape {
    std::size_t step, line;                      // from an output pixel's image to the next one's, and to the row below
    std::size_t runs, run, between, filter_run;  // a row of the kernel: pieces, their length, and what lies between
    std::size_t filter_row, filter_block;
};

inline Float8 sum_of(__m512i counts, float inside) {
    return (Float8)_mm256_fnmadd_ps(_mm512_cvtepi64_ps(counts), _mm256_set1_ps(2.0f), _mm256_set1_ps(inside));
}

// The sums of `size` pixels for the 16 filters from `o` on, and what becomes of them: through the epilogue, or as signs
// put into each pixel's word. All counts stay in registers, hence the one long function.
template <int size>
inline void count_block(const BitConv& job, const CountShape& s, const CountTile& tile, const std::uint64_t* filters,
                        const std::uint64_t* ones, std::size_t o, std::uint64_t* signs) {
    __m512i n[size][2];
#pragma GCC unroll 8
    for (int p = 0; p < size; ++p) n[p][0] = n[p][1] = _mm512_setzero_si512();
    const std::uint64_t* row = tile.image;
    const std::uint64_t* filter_row = filters + tile.rows.first * s.filter_row;
    for (std::ptrdiff_t ky = tile.rows.first; ky < tile.rows.last; ++ky, row += s.line, filter_row += s.filter_row)
        for (std::size_t run = 0; run < s.runs; ++run) {
            const std::uint64_t* x = row + run * s.between;
            const std::uint64_t* w = filter_row + run * s.filter_run;
            for (std::size_t i = 0; i < s.run; ++i, ++x, w += count_lanes) {
                const __m512i w0 = _mm512_load_si512(w), w1 = _mm512_load_si512(w + 8);
#pragma GCC unroll 8
                for (int p = 0; p < size; ++p) {
                    const __m512i word = _mm512_set1_epi64(static_cast<long long>(x[p * s.step]));
                    n[p][0] = _mm512_add_epi64(n[p][0], _mm512_popcnt_epi64(_mm512_xor_si512(word, w0)));
                    n[p][1] = _mm512_add_epi64(n[p][1], _mm512_popcnt_epi64(_mm512_xor_si512(word, w1)));
                }
            }
        }
    const std::size_t lanes = job.outputs - o < count_lanes ? job.outputs - o : count_lanes;
    const Epilogue e = job.epilogue;  // a copy, which the stores below can't change
    const bool bare = !(e.scale || e.shift || e.add || e.before || e.slope || e.after);
    float* const out = job.out;
    const float* const threshold = job.threshold;
    const std::uint8_t* const flip = job.flip;
    const std::ptrdiff_t kernel_w = job.window.kernel_w;
#pragma GCC unroll 8
    for (int p = 0; p < size; ++p) {
        const Span columns = tile.columns[p];
        if (tile.at_border && columns.last - columns.first < kernel_w)  // the zeros beside the image
            for (std::ptrdiff_t ky = tile.rows.first; ky < tile.rows.last; ++ky)
                for (std::ptrdiff_t kx = 0; kx < kernel_w; ++kx) {
                    if (kx >= columns.first && kx < columns.last) continue;
                    const auto* outside = ones + (ky * kernel_w + kx) * count_lanes;
                    n[p][0] = _mm512_sub_epi64(n[p][0], _mm512_load_si512(outside));
                    n[p][1] = _mm512_sub_epi64(n[p][1], _mm512_load_si512(outside + 8));
                }
        const Float8 first = sum_of(n[p][0], tile.inside[p]), second = sum_of(n[p][1], tile.inside[p]);
        const std::size_t at = (tile.pixel + p) * job.out_stride + o;
        if (out && lanes == count_lanes) {
            store8(out + at, bare ? first : finish8(first, e, o, e.add ? e.add + at : nullptr));
            store8(out + at + 8, bare ? second : finish8(second, e, o + 8, e.add ? e.add + at + 8 : nullptr));
        } else {
            float sums[count_lanes];
            store8(sums, first);
            store8(sums + 8, second);
            if (out)
                finish(sums, lanes, e, o, at, out);
            else
                signs[p] |= pack_word(sums, lanes, threshold + o, flip + o) << o % 64;
        }
    }
}

// A tile of pixels, all filters.
template <int size>
void count_filters(const BitConv& job, const CountShape& s, const CountTile& tile) {
    const std::size_t taps = job.window.kernel_h * job.window.kernel_w, out_words = (job.outputs + 63) / 64;
    const auto* filters = static_cast<const std::uint64_t*>(job.weights);
    const auto* ones = filters + count_blocks(job.outputs) * s.filter_block;
    std::uint64_t signs[count_tile] = {};
    for (std::size_t o = 0; o < job.outputs; o += count_lanes) {
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
    const std::size_t words = job.words, tap = words * count_lanes;
    // a row of the kernel is one run of words, unless it is dilated: then each tap is a run
    const bool dense = w.dilation_w == 1;
    CountShape s{};
    s.step = w.stride_w * words;
    s.line = w.dilation_h * padded_width(w) * words;
    s.runs = dense ? 1 : w.kernel_w;
    s.run = dense ? w.kernel_w * words : words;
    s.between = w.dilation_w * words;
    s.filter_run = tap;
    s.filter_row = w.kernel_w * tap;
    s.filter_block = w.kernel_h * s.filter_row;
    return s;
}

// Output rows begin..end of all images: a row in tiles of nearly one size, so that none is much narrower than the others.
void bitconv(const BitConv& job, std::size_t begin, std::size_t end) {
    const Window& w = job.window;
    const CountShape s = count_shape(job);
    const std::size_t line = padded_width(w) * job.words, tiles = (w.out_w + count_tile - 1) / count_tile;
    for (std::size_t row = begin; row < end; ++row) {
        const std::size_t n = row / w.out_h;
        const std::ptrdiff_t top = static_cast<std::ptrdiff_t>(row % w.out_h) * w.stride_h - w.pad_h;
        CountTile tile{};
        tile.rows = taps_inside(top, w.kernel_h, w.dilation_h, w.height);
        const std::ptrdiff_t products = (tile.rows.last - tile.rows.first) * static_cast<std::ptrdiff_t>(job.channels);
        const auto* image = static_cast<const std::uint64_t*>(job.image) +
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
