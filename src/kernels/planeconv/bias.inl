// Over levels a sum of w * a = sum of coefficient_j * (levels under plane j) + constant * (all levels) + bias of the filter.

// What `low` and the places outside the image make of every sum of a filter.
inline std::int32_t plane_bias(const PlaneWeights& kind, const std::uint64_t* weights, std::size_t plane_words,
                               std::size_t words, std::size_t values) {
    std::int64_t sum = static_cast<std::int64_t>(kind.constant) * static_cast<std::int64_t>(values);
    for (std::size_t j = 0; j < kind.planes; ++j)
        for (std::size_t i = 0; i < words; ++i)
            sum += static_cast<std::int64_t>(kind.coefficients[j]) * __builtin_popcountll(weights[j * plane_words + i]);
    return static_cast<std::int32_t>(sum * kind.levels.low);
}
