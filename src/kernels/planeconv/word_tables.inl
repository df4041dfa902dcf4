// Sums over five channels in tables of 16 bits, for levels up to 255: one vpermw looks 32 filters' sums up.
//
//   pixel:   [group of channels][32 sums]
//   weights: 16 bits per two filters and group: five of the first, five of the second; vpermw ignores what is above

// How a table is made: which level each of five additions takes to a sum; 31 takes none.
struct WordMakers {
    alignas(64) std::uint16_t takes[5][32];
    constexpr WordMakers() : takes{} {
        for (int b = 0; b < 5; ++b)
            for (int i = 0; i < 32; ++i) takes[b][i] = static_cast<std::uint16_t>(i >> b & 1 ? b : 31);
    }
};
constexpr WordMakers word_makers;

struct WordTables {
    static constexpr std::size_t group = 5, lanes = 64, sums = 32, most_pixels = 8;
    static constexpr std::size_t weight_bytes = lanes;

    static std::size_t parts(const PlaneWeights&) { return 1; }

    static std::size_t part_bytes(std::size_t channels) { return (channels + group - 1) / group * sums * 2; }

    // Which filter of a block has its sum in 16 bits i of half h, after widening: those of even i first.
    static std::size_t filter_at(std::size_t h, std::size_t i) { return h * 32 + i % 2 * 16 + i / 2; }

    template <typename Choice>
    static void lay_weights(const Choice& choice, std::uint8_t* out) {
        for (std::size_t i = 0; i < 32; ++i) {
            const auto both = static_cast<std::uint16_t>(choice(filter_at(0, i)) | choice(filter_at(1, i)) << 5);
            std::memcpy(out + 2 * i, &both, 2);
        }
    }

    static void lay_pixel(const PlaneWeights&, const std::uint8_t* levels, std::size_t channels, std::uint8_t* out) {
        for (std::size_t c = 0; c < channels; c += group, out += 2 * sums) {
            const __m512i v = _mm512_zextsi128_si512(
                _mm_cvtepu8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(levels + c))));
            __m512i table = _mm512_permutexvar_epi16(_mm512_load_si512(word_makers.takes[0]), v);
#pragma GCC unroll 4
            for (std::size_t b = 1; b < group; ++b)
                table = _mm512_add_epi16(table, _mm512_permutexvar_epi16(_mm512_load_si512(word_makers.takes[b]), v));
            _mm512_store_si512(out, table);
        }
    }

    template <int pixels, int units>
    static void add(const PlaneWeights& kind, const std::uint8_t* const* taps, std::size_t, std::size_t tap_count,
                    std::size_t groups, const std::uint8_t* weights, std::int32_t (*totals)[2][lanes]) {
        const std::size_t chunk = 65535 / (group * (kind.levels.high > kind.levels.low ? kind.levels.high - kind.levels.low : 1));
        __m512i some[pixels][units][2];
        const auto clear = [&] {
            for (auto& pixel : some)
                for (auto& unit : pixel) unit[0] = unit[1] = _mm512_setzero_si512();
        };
        clear();
        const auto spill = [&] {
            for (int p = 0; p < pixels; ++p)
                for (int u = 0; u < units; ++u) {
                    auto* to = reinterpret_cast<__m512i*>(totals[p][u]);
                    for (int h = 0; h < 2; ++h) {
                        const __m512i even = _mm512_and_si512(some[p][u][h], _mm512_set1_epi32(0xFFFF));
                        const __m512i odd = _mm512_srli_epi32(some[p][u][h], 16);
                        to[2 * h] = _mm512_add_epi32(to[2 * h], even);
                        to[2 * h + 1] = _mm512_add_epi32(to[2 * h + 1], odd);
                    }
                }
            clear();
        };
        std::size_t left = chunk;
        for (std::size_t tap = 0; tap < tap_count; ++tap) {
            const std::uint8_t* tables[pixels];
            for (int p = 0; p < pixels; ++p) tables[p] = taps[tap * pixels + p];
            for (std::size_t g = 0; g < groups;) {
                const std::size_t stop = groups - g < left ? groups : g + left;
                left -= stop - g;
                for (; g < stop; ++g, weights += units * weight_bytes) {
                    __m512i first[units], second[units];
                    for (int u = 0; u < units; ++u) {
                        first[u] = _mm512_load_si512(weights + u * weight_bytes);
                        second[u] = _mm512_srli_epi16(first[u], 5);
                    }
#pragma GCC unroll 8
                    for (int p = 0; p < pixels; ++p) {
                        const __m512i table = _mm512_load_si512(tables[p] + g * 2 * sums);
#pragma GCC unroll 2
                        for (int u = 0; u < units; ++u) {
                            some[p][u][0] =
                                _mm512_add_epi16(some[p][u][0], _mm512_permutexvar_epi16(first[u], table));
                            some[p][u][1] =
                                _mm512_add_epi16(some[p][u][1], _mm512_permutexvar_epi16(second[u], table));
                        }
                    }
                }
                if (left == 0) {
                    spill();
                    left = chunk;
                }
            }
        }
        spill();
    }
};
