// Signs of floats as bits, 64 to a word; spare bits are 0.

// bits of x[0..count) with count <= 64
inline std::uint64_t pack_word(const float* x, std::size_t count, const float* threshold, const std::uint8_t* flip) {
    std::uint64_t word = 0;
    std::size_t i = 0;
#if defined(__AVX512BW__) && defined(__AVX512VL__)
    for (; i + 16 <= count; i += 16) {
        const __m512 v = _mm512_loadu_ps(x + i);
        const __m512 t = threshold ? _mm512_loadu_ps(threshold + i) : _mm512_setzero_ps();
        unsigned bits = _mm512_cmp_ps_mask(v, t, _CMP_GE_OQ);
        if (flip) {
            const __m128i f = _mm_loadu_si128(reinterpret_cast<const __m128i*>(flip + i));
            const unsigned which = _mm_test_epi8_mask(f, f);
            bits = (bits & ~which) | (_mm512_mask_cmp_ps_mask(which, v, t, _CMP_LE_OQ));
        }
        word |= static_cast<std::uint64_t>(bits) << i;
    }
#endif
#if defined(__AVX2__)
    for (; i + 8 <= count; i += 8) {
        const __m256 v = _mm256_loadu_ps(x + i);
        const __m256 t = threshold ? _mm256_loadu_ps(threshold + i) : _mm256_setzero_ps();
        unsigned bits = _mm256_movemask_ps(_mm256_cmp_ps(v, t, _CMP_GE_OQ));
        if (flip) {
            const unsigned low = _mm256_movemask_ps(_mm256_cmp_ps(v, t, _CMP_LE_OQ));
            const __m256i f = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(flip + i)));
            const unsigned which =
                _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(f, _mm256_setzero_si256())));
            bits = (bits & ~which) | (low & which);
        }
        word |= static_cast<std::uint64_t>(bits) << i;
    }
#endif
#if defined(LEVERET_NEON)
    constexpr std::uint16_t places[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    for (; i + 8 <= count; i += 8) {
        uint32x4_t reach[2], below[2];
        for (int h = 0; h < 2; ++h) {
            const float32x4_t v = vld1q_f32(x + i + 4 * h);
            const float32x4_t t = threshold ? vld1q_f32(threshold + i + 4 * h) : vdupq_n_f32(0);
            reach[h] = vcgeq_f32(v, t);
            below[h] = vcleq_f32(v, t);
        }
        uint16x8_t bits = vcombine_u16(vmovn_u32(reach[0]), vmovn_u32(reach[1]));
        if (flip) {
            const uint16x8_t f = vmovl_u8(vld1_u8(flip + i));
            bits = vbslq_u16(vtstq_u16(f, f), vcombine_u16(vmovn_u32(below[0]), vmovn_u32(below[1])), bits);
        }
        word |= static_cast<std::uint64_t>(vaddvq_u16(vandq_u16(bits, vld1q_u16(places)))) << i;
    }
#endif
    for (; i < count; ++i) {
        const float t = threshold ? threshold[i] : 0.0f;
        const bool bit = flip && flip[i] ? x[i] <= t : x[i] >= t;
        word |= static_cast<std::uint64_t>(bit) << i;
    }
    return word;
}

#if defined(__AVX512BW__)
// Whether each of 64 values reaches 0.
inline std::uint64_t pack_signs(const float* x) {
    const __m512 zero = _mm512_setzero_ps();
    const auto reach = [&](int i) { return _mm512_cmp_ps_mask(_mm512_loadu_ps(x + 16 * i), zero, _CMP_GE_OQ); };
    const __mmask32 low = _mm512_kunpackw(reach(1), reach(0)), high = _mm512_kunpackw(reach(3), reach(2));
    return _mm512_kunpackd(high, low);
}
#endif

void pack(const float* x, std::size_t rows, std::size_t channels, const float* threshold, const std::uint8_t* flip,
          std::uint64_t* out) {
#if defined(__AVX512BW__)
    if (!threshold && !flip && channels % 64 == 0) {
        for (std::size_t i = 0; i < rows * channels; i += 64) *out++ = pack_signs(x + i);
        return;
    }
#endif
    for (std::size_t row = 0; row < rows; ++row)
        for (std::size_t c = 0; c < channels; c += 64) {
            const std::size_t count = channels - c < 64 ? channels - c : 64;
            *out++ = pack_word(x + row * channels + c, count, threshold ? threshold + c : nullptr,
                               flip ? flip + c : nullptr);
        }
}
