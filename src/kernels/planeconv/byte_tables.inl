// Sums over few channels in tables of bytes, for levels up to 15; higher ones are cut into two parts of four bits.
//
//   pixel:   [part][group of channels][sums]
//   weights: a byte per filter and group
//
// AVX-512 looks 64 filters' sums over 6 channels up with one vpermb, AVX2 32 filters' over 4 with one vpshufb. Sums stay
// bytes as long as they fit, then 16 bits, then 32.

#if defined(__AVX512VBMI__)
constexpr std::size_t byte_group = 6, byte_lanes = 64;
#else
constexpr std::size_t byte_group = 4, byte_lanes = 32;
#endif
constexpr std::size_t byte_sums = 1 << byte_group;

// How a table is made: which level each addition takes to a sum; 128 or, of a vpermb, 63 takes none. AVX2 loads 16
// levels and makes two tables at once, of the first eight or of the others.
struct ByteMakers {
#if defined(__AVX512VBMI__)
    alignas(64) std::uint8_t takes[1][byte_group][64];
    static constexpr int none = 63;
#else
    alignas(64) std::uint8_t takes[2][byte_group][32];
    static constexpr int none = 128;
#endif
    constexpr ByteMakers() : takes{} {
        const int tables = static_cast<int>(sizeof takes[0][0] / byte_sums);
        for (int part = 0; part < static_cast<int>(sizeof takes / sizeof takes[0]); ++part)
            for (int b = 0; b < static_cast<int>(byte_group); ++b)
                for (int i = 0; i < tables * static_cast<int>(byte_sums); ++i) {
                    const int table = part * tables + i / static_cast<int>(byte_sums);
                    const int level = table * static_cast<int>(byte_group) + b;
                    takes[part][b][i] = static_cast<std::uint8_t>(i >> b & 1 ? level : none);
                }
    }
};
constexpr ByteMakers byte_makers;

typedef std::uint8_t Bytes __attribute__((vector_size(byte_lanes)));
typedef std::uint16_t Halves __attribute__((vector_size(byte_lanes)));
typedef std::uint32_t Wholes __attribute__((vector_size(byte_lanes)));

struct ByteTables {
    static constexpr std::size_t group = byte_group, lanes = byte_lanes, sums = byte_sums;
    static constexpr std::size_t most_pixels = lanes == 64 ? 4 : 2;
    static constexpr std::size_t weight_bytes = lanes;  // of a unit and group
    static constexpr std::size_t widenings = 256;       // of bytes that 16 bits hold

    static std::size_t parts(const PlaneWeights& kind) { return kind.levels.high - kind.levels.low > 15 ? 2 : 1; }

    // AVX2 lays the tables of two groups out at once.
    static std::size_t part_bytes(std::size_t channels) {
        constexpr std::size_t at_once = lanes == 64 ? 1 : 2;
        return (channels + at_once * group - 1) / (at_once * group) * at_once * sums;
    }

    // Additions that a byte holds.
    static std::size_t additions(const PlaneWeights& kind) {
        const std::size_t most = kind.levels.high - kind.levels.low > 15 ? 15 : kind.levels.high - kind.levels.low;
        return most ? 255 / (group * most) : 255;
    }

    // Which filter of a block has its sum at i, after widening: sums of a 4th of the bytes each.
    static std::size_t filter_at(std::size_t i) { return i % 4 * (lanes / 4) + i / 4; }

    // `choice(filter)`: a bit per channel of a group.
    template <typename Choice>
    static void lay_weights(const Choice& choice, std::uint8_t* out) {
        for (std::size_t i = 0; i < lanes; ++i) out[i] = static_cast<std::uint8_t>(choice(filter_at(i)));
    }

    // A pixel's tables; levels past its channels are 0.
    static void lay_pixel(const PlaneWeights& kind, const std::uint8_t* levels, std::size_t channels,
                          std::uint8_t* out) {
        for (std::size_t part = 0; part < parts(kind); ++part, out += part_bytes(channels)) {
            std::uint8_t* to = out;
#if defined(__AVX512VBMI__)
            for (std::size_t c = 0; c < channels; c += group, to += sums) {
                const __m512i v = _mm512_zextsi128_si512(
                    _mm_loadu_si128(reinterpret_cast<const __m128i*>(levels + c)));
                __m512i table = _mm512_permutexvar_epi8(_mm512_load_si512(byte_makers.takes[0][0]), v);
#pragma GCC unroll 5
                for (std::size_t b = 1; b < group; ++b)
                    table = _mm512_add_epi8(
                        table, _mm512_permutexvar_epi8(_mm512_load_si512(byte_makers.takes[0][b]), v));
                _mm512_store_si512(to, table);
            }
#else
            const __m256i low = _mm256_set1_epi8(15);
            for (std::size_t c = 0; c < channels; c += 16)
                for (std::size_t half = 0; half < 2 && c + 8 * half < channels; ++half, to += 32) {
                    __m256i v = _mm256_broadcastsi128_si256(
                        _mm_loadu_si128(reinterpret_cast<const __m128i*>(levels + c)));
                    v = _mm256_and_si256(part ? _mm256_srli_epi16(v, 4) : v, low);
                    const auto* takes = reinterpret_cast<const __m256i*>(byte_makers.takes[half]);
                    const __m256i first = _mm256_add_epi8(_mm256_shuffle_epi8(v, takes[0]),
                                                          _mm256_shuffle_epi8(v, takes[1]));
                    const __m256i second = _mm256_add_epi8(_mm256_shuffle_epi8(v, takes[2]),
                                                           _mm256_shuffle_epi8(v, takes[3]));
                    _mm256_store_si256(reinterpret_cast<__m256i*>(to), _mm256_add_epi8(first, second));
                }
#endif
        }
    }

    static Bytes look_up(const std::uint8_t* table, Bytes which) {
#if defined(__AVX512VBMI__)
        return (Bytes)_mm512_permutexvar_epi8((__m512i)which, _mm512_load_si512(table));
#else
        const __m128i few = _mm_load_si128(reinterpret_cast<const __m128i*>(table));
        return (Bytes)_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(few), (__m256i)which);
#endif
    }

    // Adds what `even` (sums of all bytes by twos, mod 2^16) and `odd` hold to `totals`, and clears them.
    static void spill(Halves& even, Halves& odd, std::int32_t* totals) {
        auto* to = reinterpret_cast<Wholes*>(totals);
        const Wholes e = (Wholes)(even - (odd << 8)), o = (Wholes)odd;
        to[0] += e & 0xFFFF;
        to[1] += o & 0xFFFF;
        to[2] += e >> 16;
        to[3] += o >> 16;
        even = Halves{};
        odd = Halves{};
    }

    // totals[p][unit][filter] += sums of `units` units at `pixels` pixels; taps[t * pixels + p].
    template <int pixels, int units>
    static void add(const PlaneWeights& kind, const std::uint8_t* const* taps, std::size_t offset,
                    std::size_t tap_count, std::size_t groups, const std::uint8_t* weights,
                    std::int32_t (*totals)[2][lanes]) {
        const std::size_t chunk = additions(kind);
        Bytes some[pixels][units] = {};
        Halves even[pixels][units] = {}, odd[pixels][units] = {};
        std::size_t added = 0, widened = 0;
        const auto widen = [&] {
#pragma GCC unroll 4
            for (int p = 0; p < pixels; ++p)
#pragma GCC unroll 2
                for (int u = 0; u < units; ++u) {
                    even[p][u] += (Halves)some[p][u];
                    odd[p][u] += (Halves)some[p][u] >> 8;
                    some[p][u] = Bytes{};
                }
            added = 0;
        };
        const auto spill_all = [&] {
            for (int p = 0; p < pixels; ++p)
                for (int u = 0; u < units; ++u) spill(even[p][u], odd[p][u], totals[p][u]);
            widened = 0;
        };
        for (std::size_t tap = 0; tap < tap_count; ++tap) {
            const std::uint8_t* tables[pixels];
            for (int p = 0; p < pixels; ++p) tables[p] = taps[tap * pixels + p] + offset;
            for (std::size_t g = 0; g < groups; ++g, weights += units * weight_bytes) {
                Bytes which[units];
                for (int u = 0; u < units; ++u)
                    which[u] = *reinterpret_cast<const Bytes*>(weights + u * weight_bytes);
#pragma GCC unroll 4
                for (int p = 0; p < pixels; ++p)
#pragma GCC unroll 2
                    for (int u = 0; u < units; ++u) some[p][u] += look_up(tables[p] + g * sums, which[u]);
                if (++added == chunk) {
                    widen();
                    if (++widened == widenings) spill_all();
                }
            }
        }
        widen();
        spill_all();
    }
};
