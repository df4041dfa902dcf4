// Binary convolution by table look-up, for AVX2.
//
// Four channels of a pixel (a nibble a) against the same four of 32 filters (32 nibbles w) give 32 partial sums
// 4 - 2 popcount(a ^ w), even numbers: one vpshufb of the table T_a[w] = 2 - popcount(a ^ w) gives their halves, one
// vpaddb adds them. Places outside the image use a 17th table of zeros, which makes borders exact. A nibble costs one
// broadcast per 32 or 64 filters; xor, popcount and widening would cost several instructions each.
//
// Layouts
//   image:   per pixel one byte per nibble: twice the nibble, so that it scales to a table's offset (x 8 = 16 bytes)
//   weights: [block of 64 outputs][tap][nibble][64 bytes]; a last block of up to 32 outputs holds 32 bytes
// Channels that don't fill a nibble have 0 on both sides: they match, and finish() takes their count off again.

struct NibbleTables {
    alignas(64) std::int8_t table[17 * 16];
    constexpr NibbleTables() : table{} {
        for (int a = 0; a < 16; ++a)
            for (int w = 0; w < 16; ++w) {
                int differ = 0;
                for (int bit = 0; bit < 4; ++bit) differ += ((a ^ w) >> bit) & 1;
                table[a * 16 + w] = static_cast<std::int8_t>(2 - differ);
            }
    }
};
constexpr NibbleTables nibble_tables;

constexpr std::size_t lookup_tile = 4;      // output pixels at once
constexpr std::size_t lookup_limit = 63;    // additions of at most 2 that an int8 holds
constexpr std::size_t lookup_chunk = 32;    // nibbles between looks at that limit

inline std::size_t nibbles_of(std::size_t channels) { return (channels + 3) / 4; }

std::size_t expanded_bytes(const Window& w, std::size_t channels) { return w.width * nibbles_of(channels); }

void expand(const std::uint64_t* bits, std::size_t rows, const Window& w, std::size_t channels, void* out) {
    const std::size_t pixels = rows * w.width, words = (channels + 63) / 64, nibbles = nibbles_of(channels);
    auto* to = static_cast<std::uint8_t*>(out);
    const __m128i low = _mm_set1_epi8(15);
    for (std::size_t pixel = 0; pixel < pixels; ++pixel)
        for (std::size_t word = 0; word < words; ++word) {
            const __m128i bytes = _mm_cvtsi64_si128(static_cast<long long>(*bits++));
            const __m128i lows = _mm_and_si128(bytes, low);
            const __m128i highs = _mm_and_si128(_mm_srli_epi16(bytes, 4), low);
            const __m128i both = _mm_unpacklo_epi8(lows, highs);
            const __m128i twice = _mm_add_epi8(both, both);
            const std::size_t count = nibbles - word * 16 < 16 ? nibbles - word * 16 : 16;
            if (count == 16) {
                _mm_storeu_si128(reinterpret_cast<__m128i*>(to), twice);
            } else {
                alignas(16) std::uint8_t part[16];
                _mm_store_si128(reinterpret_cast<__m128i*>(part), twice);
                std::memcpy(to, part, count);
            }
            to += count;
        }
}

inline std::size_t lookup_lanes(std::size_t outputs) {  // bytes per tap and nibble, over all blocks
    const std::size_t rest = outputs % 64;
    return outputs / 64 * 64 + (rest == 0 ? 0 : rest <= 32 ? 32 : 64);
}

std::size_t bitconv_bytes(std::size_t outputs, std::size_t taps, std::size_t channels) {
    return lookup_lanes(outputs) * taps * nibbles_of(channels);
}

void bitconv_prepare(const std::uint64_t* weights, std::size_t outputs, std::size_t taps, std::size_t channels,
                     void* out) {
    const std::size_t words = (channels + 63) / 64, nibbles = nibbles_of(channels);
    auto* to = static_cast<std::uint8_t*>(out);
    for (std::size_t block = 0; block < outputs; block += 64) {
        const std::size_t width = outputs - block <= 32 ? 32 : 64;
        for (std::size_t tap = 0; tap < taps; ++tap)
            for (std::size_t nibble = 0; nibble < nibbles; ++nibble)
                for (std::size_t lane = 0; lane < width; ++lane) {
                    const std::size_t o = block + lane;
                    std::uint64_t word = 0;
                    if (o < outputs) word = weights[(o * taps + tap) * words + nibble / 16];
                    *to++ = static_cast<std::uint8_t>(word >> (nibble % 16 * 4)) & 15;
                }
    }
}

// Adds int8 sums of 32 outputs to int16 ones, and clears them.
inline void widen(__m256i& sums, std::int16_t* wide) {
    auto* to = reinterpret_cast<__m256i*>(wide);
    const __m256i low = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(sums));
    const __m256i high = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(sums, 1));
    _mm256_store_si256(to, _mm256_add_epi16(_mm256_load_si256(to), low));
    _mm256_store_si256(to + 1, _mm256_add_epi16(_mm256_load_si256(to + 1), high));
    sums = _mm256_setzero_si256();
}

// Half sums of `lookup_tile` pixels for one block of 32 * blocks outputs. `taps[t * tile + p]` points at the nibbles of
// pixel p under tap t.
template <int blocks>
inline void lookup_sums(const std::uint8_t* const* taps, std::size_t tap_count, std::size_t nibbles,
                        const std::uint8_t* weights, std::int16_t (*wide)[64]) {
    __m256i sums[lookup_tile][blocks];
    for (auto& pixel : sums)
        for (auto& sum : pixel) sum = _mm256_setzero_si256();
    const std::int8_t* tables = nibble_tables.table;
    std::size_t added = 0;
    for (std::size_t tap = 0; tap < tap_count; ++tap) {
        const std::uint8_t* p0 = taps[tap * lookup_tile];
        const std::uint8_t* p1 = taps[tap * lookup_tile + 1];
        const std::uint8_t* p2 = taps[tap * lookup_tile + 2];
        const std::uint8_t* p3 = taps[tap * lookup_tile + 3];
        for (std::size_t start = 0; start < nibbles; start += lookup_chunk) {
            const std::size_t stop = start + lookup_chunk < nibbles ? start + lookup_chunk : nibbles;
            if (added + (stop - start) > lookup_limit) {
                for (std::size_t p = 0; p < lookup_tile; ++p)
                    for (int b = 0; b < blocks; ++b) widen(sums[p][b], wide[p] + 32 * b);
                added = 0;
            }
            added += stop - start;
            for (std::size_t i = start; i < stop; ++i) {
                __m256i w[blocks];
                for (int b = 0; b < blocks; ++b)
                    w[b] = _mm256_load_si256(reinterpret_cast<const __m256i*>(weights) + b);
                weights += 32 * blocks;
                const std::uint8_t* pixels[lookup_tile] = {p0, p1, p2, p3};
#pragma GCC unroll 4
                for (std::size_t p = 0; p < lookup_tile; ++p) {
                    const __m256i table = _mm256_broadcastsi128_si256(_mm_load_si128(
                        reinterpret_cast<const __m128i*>(tables + 8 * static_cast<std::size_t>(pixels[p][i]))));
#pragma GCC unroll 2
                    for (int b = 0; b < blocks; ++b)
                        sums[p][b] = _mm256_add_epi8(sums[p][b], _mm256_shuffle_epi8(table, w[b]));
                }
            }
        }
    }
    for (std::size_t p = 0; p < lookup_tile; ++p)
        for (int b = 0; b < blocks; ++b) widen(sums[p][b], wide[p] + 32 * b);
}

// Where the nibbles under each tap of `count` pixels from (oy, ox) on lie; `inside` counts a pixel's taps in the image.
inline void lookup_taps(const Window& w, const std::uint8_t* image, std::size_t nibbles, const std::uint8_t* zeros,
                        std::ptrdiff_t oy, std::ptrdiff_t ox, std::size_t count, const std::uint8_t** taps,
                        std::int32_t* inside) {
    for (std::size_t p = 0; p < lookup_tile; ++p) inside[p] = 0;
    for (std::ptrdiff_t ky = 0; ky < w.kernel_h; ++ky) {
        const std::ptrdiff_t y = oy * w.stride_h - w.pad_h + ky * w.dilation_h;
        const bool row_inside = y >= 0 && y < w.height;
        for (std::ptrdiff_t kx = 0; kx < w.kernel_w; ++kx)
            for (std::size_t p = 0; p < lookup_tile; ++p) {
                const std::ptrdiff_t x =
                    (ox + static_cast<std::ptrdiff_t>(p)) * w.stride_w - w.pad_w + kx * w.dilation_w;
                const bool is_inside = row_inside && p < count && x >= 0 && x < w.width;
                inside[p] += is_inside;
                *taps++ = is_inside ? image + (y * w.width + x) * nibbles : zeros;
            }
    }
}

inline void lookup_store(const BitConv& job, const std::int16_t* wide, std::int32_t spare, std::size_t pixel,
                         std::size_t o, std::size_t count) {
    alignas(32) float sums[64];
    const __m256i off = _mm256_set1_epi32(spare);
    for (std::size_t i = 0; i < count; i += 8) {
        const __m256i half = _mm256_cvtepi16_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(wide + i)));
        const __m256i sum = _mm256_sub_epi32(_mm256_add_epi32(half, half), off);
        _mm256_store_ps(sums + i, _mm256_cvtepi32_ps(sum));
    }
    if (job.out)
        finish(sums, count, job.epilogue, o, pixel * job.out_stride + o, job.out);
    else
        job.out_bits[pixel * ((job.outputs + 63) / 64) + o / 64] =
            pack_word(sums, count, job.threshold + o, job.flip + o);
}

void bitconv(const BitConv& job, std::size_t begin, std::size_t end) {
    const Window& w = job.window;
    const std::size_t nibbles = nibbles_of(job.channels), tap_count = w.kernel_h * w.kernel_w;
    const std::int32_t spare = static_cast<std::int32_t>(nibbles * 4 - job.channels);
    const Held<std::uint8_t> outside(nibbles);
    std::uint8_t* const zeros = outside.data;
    std::memset(zeros, 32, nibbles);  // 2 * 16: the 17th table
    const Held<const std::uint8_t*> places(tap_count * lookup_tile);
    const std::uint8_t** const taps = places.data;
    std::int32_t inside[lookup_tile];
    for (std::size_t row = begin; row < end; ++row) {
        const std::size_t n = row / w.out_h, oy = row % w.out_h;
        const std::uint8_t* image = static_cast<const std::uint8_t*>(job.image) + n * w.height * w.width * nibbles;
        for (std::ptrdiff_t ox = 0; ox < w.out_w; ox += lookup_tile) {
            const std::size_t left = w.out_w - ox;
            const std::size_t count = left < lookup_tile ? left : lookup_tile;
            lookup_taps(w, image, nibbles, zeros, oy, ox, count, taps, inside);
            const auto* weights = static_cast<const std::uint8_t*>(job.weights);
            weights += job.first * tap_count * nibbles;
            for (std::size_t o = job.first; o < job.last; o += 64) {
                const std::size_t outputs = job.outputs - o < 64 ? job.outputs - o : 64;
                alignas(32) std::int16_t wide[lookup_tile][64] = {};
                if (outputs > 32)
                    lookup_sums<2>(taps, tap_count, nibbles, weights, wide);
                else
                    lookup_sums<1>(taps, tap_count, nibbles, weights, wide);
                weights += (outputs > 32 ? 64 : 32) * tap_count * nibbles;
                for (std::size_t p = 0; p < count; ++p)
                    lookup_store(job, wide[p], spare * inside[p], row * w.out_w + ox + p, o, outputs);
            }
        }
    }
}
