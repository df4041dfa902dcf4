// Floats to whole numbers of one byte.

void quantize(const float* x, std::size_t count, float step, std::int32_t low, std::int32_t high, std::uint8_t* out) {
    const auto least = static_cast<float>(low), most = static_cast<float>(high);
    // what is added to this has its unit in the last bit: adding rounds, ties to even
    constexpr float rounder = 12582912.0f;  // 1.5 * 2^23
    for (std::size_t i = 0; i < count; ++i) {
        float v = x[i] / step;
        v = v > least ? v : least;
        v = v < most ? v : most;
        out[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>((v + rounder) - rounder));
    }
}
