// Convolution of bytes with bytes, sums of 32 bits.
//
// A few channels of a pixel make 32 bits that are multiplied with the same channels of a register full of filters and
// added to their sums by one instruction: four bytes on AVX-512 VNNI, where pixels must be unsigned, as levels are, and on
// arm64 with dot products, where both must be signed, so that a level counts from -128 and the bias makes it good; two times
// 16 bits elsewhere, where products of bytes can't saturate as they would by vpmaddubsw. Plain NEON takes those two one
// after the other.
//
// Layouts
//   pixel:   levels, as many 32-bit pieces as hold the channels
//   weights: [block of filters][tap][piece][filter][channel of the piece]; plain NEON: [..][channel of the piece][filter]

#if defined(__AVX512VNNI__)
typedef std::uint8_t IntLevel;
typedef std::int8_t IntWeight;
constexpr std::size_t int_lanes = 16, int_most_pixels = 6, int_most_blocks = 4;
#elif defined(LEVERET_NEON) && defined(__ARM_FEATURE_DOTPROD)
typedef std::int8_t IntLevel;
typedef std::int8_t IntWeight;
constexpr std::size_t int_lanes = 4, int_most_pixels = 6, int_most_blocks = 4;
#else
typedef std::int16_t IntLevel;
typedef std::int16_t IntWeight;
#if defined(__AVX2__)
constexpr std::size_t int_lanes = 8, int_most_pixels = 6, int_most_blocks = 2;
#elif defined(LEVERET_NEON)
constexpr std::size_t int_lanes = 4, int_most_pixels = 4, int_most_blocks = 4;
#else
constexpr std::size_t int_lanes = 4, int_most_pixels = 4, int_most_blocks = 2;
#endif
#endif
constexpr std::size_t int_piece = 4 / sizeof(IntLevel);  // channels
#if defined(LEVERET_NEON) && defined(__ARM_FEATURE_DOTPROD)
constexpr std::int32_t int_zero = 128;  // the level that is laid out as 0
#else
constexpr std::int32_t int_zero = 0;
#endif
#if defined(LEVERET_NEON) && !defined(__ARM_FEATURE_DOTPROD)
constexpr bool int_filters_last = true;
#else
constexpr bool int_filters_last = false;
#endif

typedef std::int32_t Sums __attribute__((vector_size(4 * int_lanes)));
typedef std::int16_t Pairs __attribute__((vector_size(4 * int_lanes)));

inline Sums int_dot(Sums sums, const std::uint8_t* piece, Sums weights) {
#if defined(LEVERET_NEON)
    // multiplied by lane: one load for all the blocks
    const int32x2_t all = vld1_dup_s32(reinterpret_cast<const std::int32_t*>(piece));
#else
    std::int32_t levels;
    std::memcpy(&levels, piece, 4);
    const Sums all = levels - Sums{};
#endif
#if defined(__AVX512VNNI__)
    return (Sums)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)all, (__m512i)weights);
#elif defined(__AVX2__)
    return sums + (Sums)_mm256_madd_epi16((__m256i)all, (__m256i)weights);
#elif defined(LEVERET_NEON) && defined(__ARM_FEATURE_DOTPROD)
    return (Sums)vdotq_lane_s32((int32x4_t)sums, (int8x16_t)weights, vreinterpret_s8_s32(all), 0);
#elif defined(LEVERET_NEON)
    const int16x8_t w = (int16x8_t)weights;
    const int16x4_t two = vreinterpret_s16_s32(all);
    return (Sums)vmlal_high_lane_s16(vmlal_lane_s16((int32x4_t)sums, vget_low_s16(w), two, 0), w, two, 1);
#elif defined(__SSE2__)
    return sums + (Sums)__builtin_ia32_pmaddwd128((Pairs)all, (Pairs)weights);
#else
    const Pairs a = (Pairs)all, w = (Pairs)weights;
    for (std::size_t i = 0; i < int_lanes; ++i) sums[i] += a[2 * i] * w[2 * i] + a[2 * i + 1] * w[2 * i + 1];
    return sums;
#endif
}

inline std::size_t int_pieces(std::size_t channels) { return (channels + int_piece - 1) / int_piece; }

std::size_t intconv_bytes(std::size_t outputs, std::size_t taps, std::size_t channels) {
    return (outputs + int_lanes - 1) / int_lanes * int_lanes * taps * int_pieces(channels) * 4;
}

void intconv_prepare(const Levels& levels, const std::int8_t* weights, std::size_t outputs, std::size_t taps,
                     std::size_t channels, void* out, std::int32_t* bias) {
    auto* to = static_cast<IntWeight*>(out);
    for (std::size_t o = 0; o < outputs; ++o) {
        std::int64_t sum = 0;
        for (std::size_t i = 0; i < taps * channels; ++i) sum += weights[o * taps * channels + i];
        bias[o] = static_cast<std::int32_t>(sum * (levels.low + int_zero));
    }
    for (std::size_t block = 0; block < outputs; block += int_lanes)
        for (std::size_t tap = 0; tap < taps; ++tap)
            for (std::size_t c = 0; c < channels; c += int_piece)
                for (std::size_t place = 0; place < int_lanes * int_piece; ++place) {
                    const std::size_t o = block + (int_filters_last ? place % int_lanes : place / int_piece);
                    const std::size_t i = c + (int_filters_last ? place / int_lanes : place % int_piece);
                    *to++ = o < outputs && i < channels ? weights[(o * taps + tap) * channels + i] : 0;
                }
}

// All filters of `blocks` blocks from output o on, at `pixels` pixels from `at` on.
template <int pixels, int blocks>
inline void int_tile(const IntConv& job, const std::uint8_t* const* taps, std::size_t o, std::size_t at) {
    const std::size_t tap_count = job.window.kernel_h * job.window.kernel_w, pieces = int_pieces(job.channels);
    const std::size_t block_size = tap_count * pieces;
    const auto* weights = static_cast<const Sums*>(job.weights) + o / int_lanes * block_size;
    Sums sums[pixels][blocks] = {};
    for (std::size_t tap = 0; tap < tap_count; ++tap) {
        const std::uint8_t* pixel[pixels];
        for (int p = 0; p < pixels; ++p) pixel[p] = taps[tap * pixels + p];
        for (std::size_t i = 0; i < pieces; ++i, ++weights) {
            Sums w[blocks];
            for (int b = 0; b < blocks; ++b) w[b] = weights[b * block_size];
#pragma GCC unroll 6
            for (int p = 0; p < pixels; ++p)
#pragma GCC unroll 4
                for (int b = 0; b < blocks; ++b) sums[p][b] = int_dot(sums[p][b], pixel[p] + 4 * i, w[b]);
        }
    }
    for (int p = 0; p < pixels; ++p)
        for (int b = 0; b < blocks; ++b) {
            const std::size_t first = o + b * int_lanes;
            const std::size_t count = job.outputs - first < int_lanes ? job.outputs - first : int_lanes;
            float out[int_lanes];
            for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<float>(sums[p][b][i] + job.bias[first + i]);
            finish(out, count, job.epilogue, first, (at + p) * job.out_stride + first, job.out);
        }
}

template <int pixels>
inline void int_pixels(const IntConv& job, std::size_t count, const std::uint8_t* const* taps, std::size_t at) {
    if constexpr (pixels > 1)
        if (count < pixels) return int_pixels<pixels - 1>(job, count, taps, at);
    std::size_t o = 0;
    const auto left = [&] { return job.outputs > o ? (job.outputs - o + int_lanes - 1) / int_lanes : 0; };
    if constexpr (int_most_blocks == 4)
        for (; left() >= 4; o += 4 * int_lanes) int_tile<pixels, 4>(job, taps, o, at);
    for (; left() >= 2; o += 2 * int_lanes) int_tile<pixels, 2>(job, taps, o, at);
    if (left() == 1) int_tile<pixels, 1>(job, taps, o, at);
}

std::size_t intconv_held(const Window& window, std::size_t channels) {
    return strip_held(window, int_pieces(channels) * 4, int_most_pixels);
}

void intconv(const IntConv& job, std::size_t begin, std::size_t end) {
    const std::size_t channels = int_pieces(job.channels) * int_piece;
    walk_strips<int_most_pixels>(
        job, job.levels, int_pieces(job.channels) * 4, channels, begin, end,
        [&](const std::uint8_t* levels, std::uint8_t* to) {
            auto* out = reinterpret_cast<IntLevel*>(to);
            for (std::size_t c = 0; c < channels; ++c) out[c] = static_cast<IntLevel>(levels[c] - int_zero);
        },
        [&](std::size_t count, const std::uint8_t* const* taps, const std::int32_t*, std::size_t at) {
            int_pixels<int_most_pixels>(job, count, taps, at);
        });
}
