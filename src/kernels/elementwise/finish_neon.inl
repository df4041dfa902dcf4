// The epilogue over registers of four floats. Vectors wider than the registers, as elementwise.inl has them, would go
// through memory here at each step.

// The epilogue of channels c..c+3; `add` points at the output's own place.
inline float32x4_t finish4(float32x4_t v, const Epilogue& e, std::size_t c, const float* add) {
    if (e.scale && e.shift)
        v = vfmaq_f32(vld1q_f32(e.shift + c), v, vld1q_f32(e.scale + c));
    else if (e.scale)
        v = vmulq_f32(v, vld1q_f32(e.scale + c));
    else if (e.shift)
        v = vaddq_f32(v, vld1q_f32(e.shift + c));
    if (add) v = vaddq_f32(v, vld1q_f32(add));
    if (e.before) v = vaddq_f32(v, vld1q_f32(e.before + c));
    if (e.slope) v = vbslq_f32(vcgtzq_f32(v), v, vmulq_f32(v, vld1q_f32(e.slope + c)));
    if (e.after) v = vaddq_f32(v, vld1q_f32(e.after + c));
    return v;
}

// Store `count` finished sums for channels c...; `at` is their place in the output.
inline void finish(const float* sums, std::size_t count, const Epilogue& e, std::size_t c, std::size_t at, float* out) {
    std::size_t i = 0;
    for (; i + 4 <= count; i += 4)
        vst1q_f32(out + at + i, finish4(vld1q_f32(sums + i), e, c + i, e.add ? e.add + at + i : nullptr));
    for (; i < count; ++i) out[at + i] = finish1(sums[i], e, c + i, e.add ? e.add + at + i : nullptr);
}
