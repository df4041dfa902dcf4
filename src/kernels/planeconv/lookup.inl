// Plane convolution by looking sums up, for AVX2 and AVX-512.
//
// The levels of a few channels of a pixel have only so many sums, one for each choice among them. They are worked out
// once per pixel (Wei et al., T-MAC, 2024, section 3.1, does so for language models): a table. A filter's bits under
// these channels say which of its sums to take, so that one instruction looks the sums of 32 or 64 filters up; nothing
// is multiplied. The table serves all filters and all taps. byte_tables.inl and word_tables.inl are two sizes of them.
//
// Weights are laid out [pair of units][tap][group of channels][unit]: a unit is one plane of a block of filters.

#include "planeconv/byte_tables.inl"
#if defined(__AVX512VBMI__)
#include "planeconv/word_tables.inl"

// Above 15 levels bytes would need two look-ups and more widening.
inline bool takes_words(const PlaneWeights& kind) { return kind.levels.high - kind.levels.low > 15; }
#endif

// Each plane costs a look-up, and on AVX2 each half of a level; measured against intconv.inl.
bool planes_pay(const PlaneWeights& kind) {
#if defined(__AVX512VBMI__)
    return kind.planes <= 2;
#else
    return kind.planes * ByteTables::parts(kind) <= 4;
#endif
}

template <typename Tables>
inline std::size_t unit_count(const PlaneWeights& kind, std::size_t outputs) {
    return (outputs + Tables::lanes - 1) / Tables::lanes * kind.planes;
}

template <typename Tables>
inline void lay_units(const PlaneWeights& kind, const std::uint64_t* weights, std::size_t plane_words,
                      std::size_t outputs, std::size_t taps, std::size_t channels, std::uint8_t* to) {
    const std::size_t words = (channels + 63) / 64, units = unit_count<Tables>(kind, outputs);
    for (std::size_t first = 0; first < units; first += 2)
        for (std::size_t tap = 0; tap < taps; ++tap)
            for (std::size_t c = 0; c < channels; c += Tables::group)
                for (std::size_t unit = first; unit < units && unit < first + 2; ++unit, to += Tables::weight_bytes) {
                    const std::uint64_t* plane = weights + unit % kind.planes * plane_words;
                    const std::size_t block = unit / kind.planes * Tables::lanes;
                    const auto choice = [&](std::size_t filter) -> unsigned {
                        const std::size_t o = block + filter;
                        if (o >= outputs) return 0;
                        unsigned bits = 0;
                        const std::uint64_t* row = plane + (o * taps + tap) * words;
                        for (std::size_t b = 0; b < Tables::group && c + b < channels; ++b)
                            bits |= static_cast<unsigned>(row[(c + b) / 64] >> (c + b) % 64 & 1) << b;
                        return bits;
                    };
                    Tables::lay_weights(choice, to);
                }
}

std::size_t planeconv_bytes(const PlaneWeights& kind, std::size_t outputs, std::size_t taps, std::size_t channels) {
    const auto bytes = [&]<typename Tables>(Tables) {
        const std::size_t groups = (channels + Tables::group - 1) / Tables::group;
        return unit_count<Tables>(kind, outputs) * taps * groups * Tables::weight_bytes;
    };
#if defined(__AVX512VBMI__)
    if (takes_words(kind)) return bytes(WordTables{});
#endif
    return bytes(ByteTables{});
}

void planeconv_prepare(const PlaneWeights& kind, const std::uint64_t* weights, std::size_t plane_words,
                       std::size_t outputs, std::size_t taps, std::size_t channels, void* out, std::int32_t* bias) {
    const std::size_t words = taps * ((channels + 63) / 64);
    for (std::size_t o = 0; o < outputs; ++o)
        bias[o] = plane_bias(kind, weights + o * words, plane_words, words, taps * channels);
    auto* to = static_cast<std::uint8_t*>(out);
#if defined(__AVX512VBMI__)
    if (takes_words(kind)) return lay_units<WordTables>(kind, weights, plane_words, outputs, taps, channels, to);
#endif
    lay_units<ByteTables>(kind, weights, plane_words, outputs, taps, channels, to);
}

// The sums of one or two units at `pixels` pixels, all parts together.
template <typename Tables, int pixels, int units>
inline void unit_sums(const PlaneConv& job, const std::uint8_t* const* taps, const std::uint8_t* weights,
                      std::int32_t (*totals)[2][Tables::lanes]) {
    const std::size_t tap_count = job.window.kernel_h * job.window.kernel_w;
    const std::size_t groups = (job.channels + Tables::group - 1) / Tables::group;
    std::memset(totals, 0, sizeof(totals[0]) * pixels);
    const std::size_t parts = Tables::parts(job.kind);
    for (std::size_t part = parts; part-- > 0;) {  // the higher four bits first
        if (part + 1 < parts)
            for (int p = 0; p < pixels; ++p)
                for (int u = 0; u < units; ++u)
                    for (std::size_t i = 0; i < Tables::lanes; ++i) totals[p][u][i] *= 16;
        Tables::template add<pixels, units>(job.kind, taps, part * Tables::part_bytes(job.channels), tap_count, groups,
                                            weights, totals);
    }
}

// One tile: `pixels` outputs of a row from `at` on, all filters.
template <typename Tables, int pixels>
inline void look_up_tile(const PlaneConv& job, const std::uint8_t* const* taps, const std::int32_t* level_sums,
                         std::size_t at) {
    constexpr std::size_t lanes = Tables::lanes;
    const PlaneWeights& kind = job.kind;
    const std::size_t units = unit_count<Tables>(kind, job.outputs);
    const std::size_t groups = (job.channels + Tables::group - 1) / Tables::group;
    const std::size_t unit_bytes = job.window.kernel_h * job.window.kernel_w * groups * Tables::weight_bytes;
    const auto* weights = static_cast<const std::uint8_t*>(job.weights);
    alignas(64) std::int32_t totals[pixels][2][lanes];
    alignas(64) std::int32_t over_planes[pixels][lanes];  // the sums of a block of filters
    for (std::size_t first = 0; first < units; first += 2) {
        const std::size_t count = units - first < 2 ? 1 : 2;
        if (count == 2)
            unit_sums<Tables, pixels, 2>(job, taps, weights, totals);
        else
            unit_sums<Tables, pixels, 1>(job, taps, weights, totals);
        weights += count * unit_bytes;
        for (std::size_t u = 0; u < count; ++u) {
            const std::size_t plane = (first + u) % kind.planes, o = (first + u) / kind.planes * lanes;
            const std::size_t filters = job.outputs - o < lanes ? job.outputs - o : lanes;
            const std::int32_t c = kind.coefficients[plane];
            for (int p = 0; p < pixels; ++p) {
                // whole numbers wrap around on the way, but not in the end: kernels.PlaneConv2d sees to that
                auto* sum = reinterpret_cast<std::uint32_t*>(over_planes[p]);
                if (plane == 0)
                    for (std::size_t i = 0; i < lanes; ++i)
                        sum[i] = static_cast<std::uint32_t>(kind.constant) * static_cast<std::uint32_t>(level_sums[p]);
                for (std::size_t i = 0; i < lanes; ++i)
                    sum[i] += static_cast<std::uint32_t>(c) * static_cast<std::uint32_t>(totals[p][u][i]);
                if (plane + 1 < kind.planes) continue;
                alignas(64) float out[lanes];
                for (std::size_t i = 0; i < filters; ++i)
                    out[i] = static_cast<float>(static_cast<std::int32_t>(
                        sum[i] + static_cast<std::uint32_t>(job.bias[o + i])));
                finish(out, filters, job.epilogue, o, (at + p) * job.out_stride + o, job.out);
            }
        }
    }
}

template <typename Tables, int pixels>
inline void look_up_pixels(const PlaneConv& job, std::size_t count, const std::uint8_t* const* taps,
                           const std::int32_t* level_sums, std::size_t at) {
    if (count == pixels) return look_up_tile<Tables, pixels>(job, taps, level_sums, at);
    if constexpr (pixels > 1) look_up_pixels<Tables, pixels - 1>(job, count, taps, level_sums, at);
}

template <typename Tables>
inline std::size_t pixel_bytes_of(const PlaneWeights& kind, std::size_t channels) {
    return (Tables::parts(kind) * Tables::part_bytes(channels) + 63) / 64 * 64;
}

template <typename Tables>
inline void look_up_rows(const PlaneConv& job, std::size_t begin, std::size_t end) {
    constexpr std::size_t most = Tables::most_pixels;
    walk_strips<most>(
        job, job.kind.levels, pixel_bytes_of<Tables>(job.kind, job.channels),
        job.channels + 16,  // a group may reach past the channels
        begin, end,
        [&](const std::uint8_t* levels, std::uint8_t* to) {
            Tables::lay_pixel(job.kind, levels, job.channels, to);
        },
        [&](std::size_t count, const std::uint8_t* const* taps, const std::int32_t* level_sums, std::size_t at) {
            look_up_pixels<Tables, most>(job, count, taps, level_sums, at);
        });
}

std::size_t planeconv_held(const PlaneWeights& kind, const Window& window, std::size_t channels) {
    const auto held = [&]<typename Tables>(Tables) {
        return strip_held(window, pixel_bytes_of<Tables>(kind, channels), Tables::most_pixels);
    };
#if defined(__AVX512VBMI__)
    if (takes_words(kind)) return held(WordTables{});
#endif
    return held(ByteTables{});
}

void planeconv(const PlaneConv& job, std::size_t begin, std::size_t end) {
#if defined(__AVX512VBMI__)
    if (takes_words(job.kind)) return look_up_rows<WordTables>(job, begin, end);
#endif
    look_up_rows<ByteTables>(job, begin, end);
}
