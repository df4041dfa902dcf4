// Products with pruned weights, 64 rows (pixels) at a time.
//
// Rows are turned so that a weight meets its input of many rows in few registers. A few rows alone are computed one by one,
// for four outputs at once. Both add in the order of the weights, so that a row's sums don't depend on its company.

#if defined(__AVX512F__)
typedef float RowsOf __attribute__((vector_size(64)));
#elif defined(LEVERET_NEON)
struct RowsOf {
    float32x4_t low, high;
};
#else
typedef Float8 RowsOf;
#endif
constexpr std::size_t sparse_lanes = sizeof(RowsOf) / 4;
constexpr std::size_t sparse_registers = 64 / sparse_lanes;
constexpr std::size_t sparse_alone = 3;    // as few rows
constexpr std::size_t sparse_outputs = 16;  // between turning sums back

inline RowsOf sparse_add(RowsOf x, float weight, RowsOf sum) {
#if defined(__AVX512F__)
    return (RowsOf)_mm512_fmadd_ps((__m512)x, _mm512_set1_ps(weight), (__m512)sum);
#elif defined(LEVERET_NEON)
    return {vfmaq_n_f32(sum.low, x.low, weight), vfmaq_n_f32(sum.high, x.high, weight)};
#else
    return muladd8(x, weight - RowsOf{}, sum);
#endif
}

inline float sparse_add(float x, float weight, float sum) {
#if defined(__FMA__) || defined(__aarch64__)
    return fma1(x, weight, sum);
#else
    return x * weight + sum;
#endif
}

// Eight rows of eight floats to eight columns.
inline void turn8(const float* from, std::size_t from_stride, float* to, std::size_t to_stride) {
#if defined(__AVX2__)
    __m256 r[8], pairs[8], fours[8];
    for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(from + i * from_stride);
    for (int i = 0; i < 8; i += 2) {
        pairs[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int half = 0; half < 2; ++half) {
            fours[i + 2 * half] = _mm256_shuffle_ps(pairs[i + half], pairs[i + 2 + half], 0x44);
            fours[i + 2 * half + 1] = _mm256_shuffle_ps(pairs[i + half], pairs[i + 2 + half], 0xEE);
        }
    for (int i = 0; i < 4; ++i) {
        _mm256_storeu_ps(to + i * to_stride, _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x20));
        _mm256_storeu_ps(to + (i + 4) * to_stride, _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x31));
    }
#else
    for (std::size_t i = 0; i < 8; ++i)
        for (std::size_t j = 0; j < 8; ++j) to[j * to_stride + i] = from[i * from_stride + j];
#endif
}

// Up to 64 rows, turned: turned[input][registers * lanes].
template <std::size_t registers>
inline void sparse_rows(const SparseProduct& job, std::size_t row, std::size_t count, const RowsOf* turned) {
    alignas(64) float sums[sparse_outputs][registers * sparse_lanes] = {};
    for (std::size_t first = 0; first < job.outputs; first += sparse_outputs) {
        const std::size_t outputs = job.outputs - first < sparse_outputs ? job.outputs - first : sparse_outputs;
        for (std::size_t o = 0; o < outputs; ++o) {
            RowsOf sum[registers] = {};
            for (std::size_t i = job.starts[first + o]; i < job.starts[first + o + 1]; ++i) {
                const RowsOf* x = turned + job.columns[i] * registers;
#pragma GCC unroll 8
                for (std::size_t r = 0; r < registers; ++r) sum[r] = sparse_add(x[r], job.values[i], sum[r]);
            }
            std::memcpy(sums[o], sum, sizeof sum);
        }
        for (std::size_t p = 0; p < count; p += 8) {
            alignas(64) float out[8][sparse_outputs];
            for (std::size_t o = 0; o < outputs; o += 8)
                turn8(sums[o] + p, registers * sparse_lanes, out[0] + o, sparse_outputs);
            for (std::size_t i = 0; i < 8 && p + i < count; ++i)
                finish(out[i], outputs, job.epilogue, first, (row + p + i) * job.outputs + first, job.out);
        }
    }
}

inline void sparse_row(const SparseProduct& job, std::size_t row) {
    const float* x = job.x + row * job.inputs;
    for (std::size_t first = 0; first < job.outputs; first += 4) {
        const std::size_t outputs = job.outputs - first < 4 ? job.outputs - first : 4;
        float sums[4] = {};
        std::size_t at[4] = {}, common = ~std::size_t{0};  // weights that all four have
        for (std::size_t o = 0; o < outputs; ++o) {
            at[o] = job.starts[first + o];
            const std::size_t own = job.starts[first + o + 1] - at[o];
            common = own < common ? own : common;
        }
        if (outputs < 4) common = 0;
        for (std::size_t i = 0; i < common; ++i)
            for (std::size_t o = 0; o < 4; ++o)
                sums[o] = sparse_add(x[job.columns[at[o] + i]], job.values[at[o] + i], sums[o]);
        for (std::size_t o = 0; o < outputs; ++o)
            for (std::size_t i = at[o] + common; i < job.starts[first + o + 1]; ++i)
                sums[o] = sparse_add(x[job.columns[i]], job.values[i], sums[o]);
        finish(sums, outputs, job.epilogue, first, row * job.outputs + first, job.out);
    }
}

template <std::size_t registers>
inline void sparse_turn(const SparseProduct& job, std::size_t row, std::size_t count, float* turned) {
    constexpr std::size_t width = registers * sparse_lanes;
    if constexpr (registers > 1)
        if (count <= width - sparse_lanes) return sparse_turn<registers - 1>(job, row, count, turned);
    const float* x = job.x + row * job.inputs;
    const std::size_t whole = job.inputs / 8 * 8;
    for (std::size_t p = 0; p < width; p += 8) {
        const std::size_t rows = p >= count ? 0 : count - p < 8 ? count - p : 8;
        if (rows == 8)
            for (std::size_t c = 0; c < whole; c += 8)
                turn8(x + p * job.inputs + c, job.inputs, turned + c * width + p, width);
        for (std::size_t c = rows == 8 ? whole : 0; c < job.inputs; ++c)
            for (std::size_t i = 0; i < 8; ++i)
                turned[c * width + p + i] = i < rows ? x[(p + i) * job.inputs + c] : 0.0f;
    }
    sparse_rows<registers>(job, row, count, reinterpret_cast<const RowsOf*>(turned));
}

void sparse_product(const SparseProduct& job, std::size_t begin, std::size_t end) {
    // the first rows are the most
    const std::size_t most = end - begin < 64 ? end - begin : 64;
    const std::size_t lanes = (most + sparse_lanes - 1) / sparse_lanes * sparse_lanes;
    const Held<float> turned(most <= sparse_alone ? 0 : job.inputs * lanes);
    while (begin < end) {
        const std::size_t count = end - begin < 64 ? end - begin : 64;
        if (count <= sparse_alone) {
            sparse_row(job, begin++);
            continue;
        }
        sparse_turn<sparse_registers>(job, begin, count, turned.data);
        begin += count;
    }
}
