// What happens to a sum before it is stored, and the same alone.

// Eight floats that the compiler keeps in whatever registers the instruction set has.
typedef float Float8 __attribute__((vector_size(32)));

inline Float8 load8(const float* p) {
    Float8 v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

inline void store8(float* p, Float8 v) { std::memcpy(p, &v, sizeof v); }

// a * b + c, rounded once on every instruction set. Where there is no such instruction, by way of doubles: they hold the
// product exactly, but not always the sum, and a sum rounded to double and then to float may end on the wrong side of a
// tie. So the double is rounded to odd (Boldo and Melquiond, 2008): where something was lost, its last bit is 1, which keeps
// it off every tie between two floats.
inline float fma1(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
    return __builtin_fmaf(a, b, c);
#else
    const double product = static_cast<double>(a) * b, more = c;
    double sum = product + more;
    const double of_more = sum - product;
    const double lost = (product - (sum - of_more)) + (more - of_more);  // exact (Knuth); NaN where the sum overflowed
    std::int64_t bits;
    std::memcpy(&bits, &sum, sizeof bits);
    if ((lost < 0 || lost > 0) && bits % 2 == 0) bits += (lost > 0) == (sum > 0) ? 1 : -1;
    std::memcpy(&sum, &bits, sizeof sum);
    return static_cast<float>(sum);
#endif
}

inline Float8 fma8(Float8 a, Float8 b, Float8 c) {
#if defined(__FMA__)
    return (Float8)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    Float8 v;
    for (int i = 0; i < 8; ++i) v[i] = fma1(a[i], b[i], c[i]);
    return v;
#endif
}

// a * b + c, fused where that is faster
inline Float8 muladd8(Float8 a, Float8 b, Float8 c) {
#if defined(__FMA__) || defined(__aarch64__)
    return fma8(a, b, c);
#else
    return a * b + c;
#endif
}

// The epilogue of channels c..c+7; `add` points at the output's own place.
inline Float8 finish8(Float8 v, const Epilogue& e, std::size_t c, const float* add) {
    if (e.scale && e.shift)
        v = fma8(v, load8(e.scale + c), load8(e.shift + c));
    else if (e.scale)
        v *= load8(e.scale + c);
    else if (e.shift)
        v += load8(e.shift + c);
    if (add) v += load8(add);
    if (e.before) v += load8(e.before + c);
    if (e.slope) v = v > 0 ? v : v * load8(e.slope + c);
    if (e.after) v += load8(e.after + c);
    return v;
}

inline float finish1(float v, const Epilogue& e, std::size_t c, const float* add) {
    if (e.scale && e.shift)
        v = fma1(v, e.scale[c], e.shift[c]);
    else if (e.scale)
        v *= e.scale[c];
    else if (e.shift)
        v += e.shift[c];
    if (add) v += *add;
    if (e.before) v += e.before[c];
    if (e.slope) v = v > 0 ? v : v * e.slope[c];
    if (e.after) v += e.after[c];
    return v;
}

#if defined(LEVERET_NEON)
#include "elementwise/finish_neon.inl"
#else
// Store `count` finished sums for channels c...; `at` is their place in the output.
inline void finish(const float* sums, std::size_t count, const Epilogue& e, std::size_t c, std::size_t at, float* out) {
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8)
        store8(out + at + i, finish8(load8(sums + i), e, c + i, e.add ? e.add + at + i : nullptr));
    for (; i < count; ++i) out[at + i] = finish1(sums[i], e, c + i, e.add ? e.add + at + i : nullptr);
}
#endif

void affine(const float* x, std::size_t rows, std::size_t channels, const Epilogue& e, float* out) {
    for (std::size_t row = 0; row < rows; ++row)
        finish(x + row * channels, channels, e, 0, row * channels, out);
}
