// The most that this instruction set can do: loops over registers alone, as wide as it has them, with enough sums under
// way to hide how long one takes. Each gives the multiply-accumulates that it did.
//
// An empty asm that claims to change a value keeps the compiler from computing anything ahead of the loop, from
// joining sums that are alike, and from leaving out what nobody reads.

#if defined(__AVX512F__)
#define LEVERET_CHANGES(v) __asm__ volatile("" : "+v"(v))
#elif defined(__x86_64__)
#define LEVERET_CHANGES(v) __asm__ volatile("" : "+x"(v))
#elif defined(__aarch64__)
#define LEVERET_CHANGES(v) __asm__ volatile("" : "+w"(v))
#else
#define LEVERET_CHANGES(v) __asm__ volatile("" : "+m"(v))
#endif

#if defined(__AVX512VPOPCNTDQ__)

// xor, population count, add: 512 products
std::size_t binary_peak(std::size_t rounds) {
    constexpr int sums = 8;
    __m512i pixel = _mm512_set1_epi64(0x5a5a), filter[sums] = {}, sum[sums] = {};
#pragma GCC unroll 8
    for (int i = 0; i < sums; ++i) {
        LEVERET_CHANGES(filter[i]);
        LEVERET_CHANGES(sum[i]);
    }
    for (std::size_t round = 0; round < rounds; ++round) {
        LEVERET_CHANGES(pixel);
#pragma GCC unroll 8
        for (int i = 0; i < sums; ++i)
            sum[i] = _mm512_add_epi64(sum[i], _mm512_popcnt_epi64(_mm512_xor_si512(pixel, filter[i])));
    }
#pragma GCC unroll 8
    for (int i = 0; i < sums; ++i) LEVERET_CHANGES(sum[i]);
    return rounds * sums * 512;
}

#elif defined(__AVX2__)

// a look-up of 32 filters against four channels, and an add: 128 products
std::size_t binary_peak(std::size_t rounds) {
    constexpr int sums = 8;
    __m256i table = _mm256_set1_epi8(1), filter[2] = {}, sum[sums] = {};
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) LEVERET_CHANGES(filter[i]);
#pragma GCC unroll 8
    for (int i = 0; i < sums; ++i) LEVERET_CHANGES(sum[i]);
    for (std::size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 4
        for (int i = 0; i < sums; i += 2) {
            LEVERET_CHANGES(table);  // another pixel's
            sum[i] = _mm256_add_epi8(sum[i], _mm256_shuffle_epi8(table, filter[0]));
            sum[i + 1] = _mm256_add_epi8(sum[i + 1], _mm256_shuffle_epi8(table, filter[1]));
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < sums; ++i) LEVERET_CHANGES(sum[i]);
    return rounds * sums * 128;
}

#elif defined(LEVERET_NEON)

// xor, population count, add: 128 products
std::size_t binary_peak(std::size_t rounds) {
    constexpr int sums = 16;
    uint8x16_t pixel = vdupq_n_u8(0x5a), filter[4] = {}, sum[sums] = {};
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) LEVERET_CHANGES(filter[i]);
#pragma GCC unroll 16
    for (int i = 0; i < sums; ++i) LEVERET_CHANGES(sum[i]);
    for (std::size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
        for (int i = 0; i < sums; ++i) {
            LEVERET_CHANGES(pixel);  // another one, else four sums would be alike
            sum[i] = vaddq_u8(sum[i], vcntq_u8(veorq_u8(pixel, filter[i % 4])));
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < sums; ++i) LEVERET_CHANGES(sum[i]);
    return rounds * sums * 128;
}

#else

// xor, population count, add: 64 products
std::size_t binary_peak(std::size_t rounds) {
    std::uint64_t pixel = 0x5a5a, f0 = 1, f1 = 2, f2 = 3, f3 = 4, s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    __asm__ volatile("" : "+r"(f0), "+r"(f1), "+r"(f2), "+r"(f3));
    for (std::size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
            __asm__ volatile("" : "+r"(pixel));
            s0 += static_cast<std::uint64_t>(__builtin_popcountll(pixel ^ f0));
            s1 += static_cast<std::uint64_t>(__builtin_popcountll(pixel ^ f1));
            s2 += static_cast<std::uint64_t>(__builtin_popcountll(pixel ^ f2));
            s3 += static_cast<std::uint64_t>(__builtin_popcountll(pixel ^ f3));
            __asm__ volatile("" : "+r"(s0), "+r"(s1), "+r"(s2), "+r"(s3));  // one by one, not as a vector
        }
    }
    return rounds * 16 * 64;
}

#endif

// One register of floats.
#if defined(__AVX512F__)
typedef float FloatLanes __attribute__((vector_size(64)));
#elif defined(__AVX2__)
typedef float FloatLanes __attribute__((vector_size(32)));
#else
typedef float FloatLanes __attribute__((vector_size(16)));
#endif
constexpr std::size_t float_peak_lanes = sizeof(FloatLanes) / sizeof(float);

inline FloatLanes muladd_lanes(FloatLanes a, FloatLanes b, FloatLanes c) {
#if defined(__AVX512F__)
    return (FloatLanes)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (FloatLanes)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
    for (std::size_t i = 0; i < float_peak_lanes; ++i) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return c;
#else
    return a * b + c;
#endif
}

// fused multiply-adds, or multiplications and additions where there are none
std::size_t float_peak(std::size_t rounds) {
    constexpr int sums = 12;
    FloatLanes x = {}, weight = {}, sum[sums] = {};
    LEVERET_CHANGES(weight);
#pragma GCC unroll 12
    for (int i = 0; i < sums; ++i) LEVERET_CHANGES(sum[i]);
    for (std::size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
        for (int i = 0; i < sums; ++i) {
            LEVERET_CHANGES(x);  // else one product might serve all sums
            sum[i] = muladd_lanes(x, weight, sum[i]);
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < sums; ++i) LEVERET_CHANGES(sum[i]);
    return rounds * sums * float_peak_lanes;
}

#undef LEVERET_CHANGES
