// Sums of four filters under one plane at one pixel: two filters to a register. Ones are counted by the byte; sums stay in
// bytes for the 31 steps that a byte holds.
inline void plane_sums(const std::uint8_t* const* taps, std::size_t tap_count, std::size_t words, std::size_t bits,
                       const std::uint64_t* weights, std::int64_t* sums) {
    for (std::size_t k = 0; k < bits; ++k) {
        uint64x2_t n[2] = {vdupq_n_u64(0), vdupq_n_u64(0)};
        uint8x16_t bytes[2] = {vdupq_n_u8(0), vdupq_n_u8(0)};
        const auto widen = [&] {
            for (int i = 0; i < 2; ++i) {
                n[i] = vpadalq_u32(n[i], vpaddlq_u16(vpaddlq_u8(bytes[i])));
                bytes[i] = vdupq_n_u8(0);
            }
        };
        const std::uint64_t* w = weights;
        std::size_t room = 31;
        for (std::size_t tap = 0; tap < tap_count; ++tap) {
            const auto* pixel = reinterpret_cast<const std::uint64_t*>(taps[tap]) + k * words;
            for (std::size_t i = 0; i < words; ++i, w += plane_block) {
                if (room-- == 0) {
                    widen();
                    room = 30;
                }
                const uint64x2_t level = vld1q_dup_u64(pixel + i);
                bytes[0] = vaddq_u8(bytes[0], vcntq_u8(vreinterpretq_u8_u64(vandq_u64(level, vld1q_u64(w)))));
                bytes[1] = vaddq_u8(bytes[1], vcntq_u8(vreinterpretq_u8_u64(vandq_u64(level, vld1q_u64(w + 2)))));
            }
        }
        widen();
        for (int i = 0; i < 2; ++i) {
            sums[2 * i] += static_cast<std::int64_t>(vgetq_lane_u64(n[i], 0)) << k;
            sums[2 * i + 1] += static_cast<std::int64_t>(vgetq_lane_u64(n[i], 1)) << k;
        }
    }
}
