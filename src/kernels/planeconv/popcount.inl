// Plane convolution by and and population count, 64 channels at a time, for any CPU.
//
// A level of b bits is b planes as a weight is: levels under weight plane j = sum over k of 2^k popcount(level plane k &
// weight plane j). Four filters share what is loaded of a pixel.
//
// Layouts
//   pixel:   [bit][word]
//   weights: [block of 4 outputs][plane][tap][word][4]; a last block is filled up with zeros

constexpr std::size_t plane_block = 4;

inline std::size_t level_bits(const PlaneWeights& kind) {
    std::size_t bits = 1;
    while ((kind.levels.high - kind.levels.low) >> bits) ++bits;
    return bits;
}

// Each plane of the weights meets each of a level; measured against intconv.inl, but for NEON, where its instructions were
// counted.
bool planes_pay([[maybe_unused]] const PlaneWeights& kind) {
#if defined(LEVERET_NEON) && defined(__ARM_FEATURE_DOTPROD)
    return kind.planes * level_bits(kind) <= 2;
#elif defined(LEVERET_NEON)
    return kind.planes * level_bits(kind) <= 6;
#elif defined(__POPCNT__) || defined(__aarch64__)
    return kind.planes * level_bits(kind) <= 4;
#else
    return false;  // counting without an instruction never does
#endif
}

std::size_t planeconv_bytes(const PlaneWeights& kind, std::size_t outputs, std::size_t taps, std::size_t channels) {
    const std::size_t blocks = (outputs + plane_block - 1) / plane_block;
    return blocks * plane_block * kind.planes * taps * ((channels + 63) / 64) * 8;
}

void planeconv_prepare(const PlaneWeights& kind, const std::uint64_t* weights, std::size_t plane_words,
                       std::size_t outputs, std::size_t taps, std::size_t channels, void* out, std::int32_t* bias) {
    const std::size_t words = taps * ((channels + 63) / 64);
    auto* to = static_cast<std::uint64_t*>(out);
    for (std::size_t o = 0; o < outputs; ++o)
        bias[o] = plane_bias(kind, weights + o * words, plane_words, words, taps * channels);
    for (std::size_t block = 0; block < outputs; block += plane_block)
        for (std::size_t j = 0; j < kind.planes; ++j)
            for (std::size_t i = 0; i < words; ++i)
                for (std::size_t o = block; o < block + plane_block; ++o)
                    *to++ = o < outputs ? weights[j * plane_words + o * words + i] : 0;
}

#if defined(LEVERET_NEON)
#include "planeconv/plane_sums_neon.inl"
#else
// Sums of four filters under one plane at one pixel.
inline void plane_sums(const std::uint8_t* const* taps, std::size_t tap_count, std::size_t words, std::size_t bits,
                       const std::uint64_t* weights, std::int64_t* sums) {
    for (std::size_t k = 0; k < bits; ++k) {
        std::int64_t n0 = 0, n1 = 0, n2 = 0, n3 = 0;
        const std::uint64_t* w = weights;
        for (std::size_t tap = 0; tap < tap_count; ++tap) {
            const auto* pixel = reinterpret_cast<const std::uint64_t*>(taps[tap]) + k * words;
            for (std::size_t i = 0; i < words; ++i, w += plane_block) {
                n0 += __builtin_popcountll(pixel[i] & w[0]);
                n1 += __builtin_popcountll(pixel[i] & w[1]);
                n2 += __builtin_popcountll(pixel[i] & w[2]);
                n3 += __builtin_popcountll(pixel[i] & w[3]);
            }
        }
        sums[0] += n0 << k;
        sums[1] += n1 << k;
        sums[2] += n2 << k;
        sums[3] += n3 << k;
    }
}
#endif

// All filters at one pixel.
inline void plane_pixel(const PlaneConv& job, std::size_t bits, const std::uint8_t* const* taps, std::int32_t level_sum,
                        std::size_t at) {
    const std::size_t words = (job.channels + 63) / 64, tap_count = job.window.kernel_h * job.window.kernel_w;
    const auto* weights = static_cast<const std::uint64_t*>(job.weights);
    for (std::size_t o = 0; o < job.outputs; o += plane_block) {
        const std::size_t count = job.outputs - o < plane_block ? job.outputs - o : plane_block;
        std::int64_t totals[plane_block];
        for (std::size_t i = 0; i < plane_block; ++i)
            totals[i] = static_cast<std::int64_t>(job.kind.constant) * level_sum;
        for (std::size_t j = 0; j < job.kind.planes; ++j, weights += plane_block * tap_count * words) {
            std::int64_t sums[plane_block] = {};
            plane_sums(taps, tap_count, words, bits, weights, sums);
            for (std::size_t i = 0; i < plane_block; ++i) totals[i] += job.kind.coefficients[j] * sums[i];
        }
        float out[plane_block];
        for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<float>(totals[i] + job.bias[o + i]);
        finish(out, count, job.epilogue, o, at * job.out_stride + o, job.out);
    }
}

inline std::size_t plane_pixel_bytes(const PlaneWeights& kind, std::size_t channels) {
    return level_bits(kind) * ((channels + 63) / 64) * 8;
}

std::size_t planeconv_held(const PlaneWeights& kind, const Window& window, std::size_t channels) {
    return strip_held(window, plane_pixel_bytes(kind, channels), 1);
}

void planeconv(const PlaneConv& job, std::size_t begin, std::size_t end) {
    const std::size_t words = (job.channels + 63) / 64, bits = level_bits(job.kind);
    walk_strips<1>(
        job, job.kind.levels, plane_pixel_bytes(job.kind, job.channels), words * 64, begin, end,
        [&](const std::uint8_t* levels, std::uint8_t* to) {
            auto* planes = reinterpret_cast<std::uint64_t*>(to);
            std::memset(planes, 0, bits * words * 8);
            for (std::size_t c = 0; c < job.channels; ++c)
                for (std::size_t k = 0; k < bits; ++k)
                    planes[k * words + c / 64] |= static_cast<std::uint64_t>(levels[c] >> k & 1) << (c % 64);
        },
        [&](std::size_t, const std::uint8_t* const* taps, const std::int32_t* level_sums, std::size_t at) {
            plane_pixel(job, bits, taps, *level_sums, at);
        });
}
