// Values as levels 0, 1, ...: a value's distance from the lowest one. Sums over levels are never negative, and what `low`
// takes from a sum of products is the same everywhere, as a place outside the image is a 0 like any other.

// Levels of a pixel's values. What lies outside low..high counts as the nearest of both.
inline void levels_of(const Levels& range, const std::uint8_t* pixel, std::size_t channels, std::uint8_t* levels) {
    if (range.low < 0) {
        const auto* values = reinterpret_cast<const std::int8_t*>(pixel);
        const auto low = static_cast<std::int8_t>(range.low), high = static_cast<std::int8_t>(range.high);
        for (std::size_t c = 0; c < channels; ++c) {
            std::int8_t v = values[c];
            v = v < low ? low : v;
            v = v > high ? high : v;
            levels[c] = static_cast<std::uint8_t>(static_cast<std::uint8_t>(v) - static_cast<std::uint8_t>(low));
        }
    } else {
        const auto high = static_cast<std::uint8_t>(range.high);
        for (std::size_t c = 0; c < channels; ++c) levels[c] = pixel[c] < high ? pixel[c] : high;
    }
}

inline std::int32_t sum_of(const std::uint8_t* levels, std::size_t channels) {
    std::int64_t sum = 0;
    std::size_t c = 0;
#if defined(__AVX2__)
    __m256i sums = _mm256_setzero_si256();
    for (; c + 32 <= channels; c += 32) {
        const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(levels + c));
        sums = _mm256_add_epi64(sums, _mm256_sad_epu8(v, _mm256_setzero_si256()));
    }
    alignas(32) std::int64_t parts[4];
    _mm256_store_si256(reinterpret_cast<__m256i*>(parts), sums);
    sum = parts[0] + parts[1] + parts[2] + parts[3];
#endif
    for (; c < channels; ++c) sum += levels[c];
    return static_cast<std::int32_t>(sum);
}
