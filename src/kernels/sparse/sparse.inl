// Products with pruned weights, 64 rows (pixels) at a time.
//
// Rows are turned so that a weight meets its input of many rows in few registers. A few rows alone are computed one by one,
// for four outputs at once. Both add in the order of the weights, so that a row's sums don't depend on its company.

#if defined(__AVX512F__)
typedef float RowsOf __attribute__((vector_size(64)));
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

// Up to 64 rows, turned: turned[input][registers * lanes].
template <std::size_t registers>
inline void sparse_rows(const SparseProduct& job, std::size_t row, std::size_t count, const RowsOf* turned) {
    alignas(64) float sums[sparse_outputs][registers * sparse_lanes];
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
        for (std::size_t p = 0; p < count; ++p) {
            float out[sparse_outputs];
            for (std::size_t o = 0; o < outputs; ++o) out[o] = sums[o][p];
            finish(out, outputs, job.epilogue, first, (row + p) * job.outputs + first, job.out);
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
    for (std::size_t p = 0; p < count; ++p)
        for (std::size_t c = 0; c < job.inputs; ++c) turned[c * width + p] = job.x[(row + p) * job.inputs + c];
    for (std::size_t p = count; p < width; ++p)
        for (std::size_t c = 0; c < job.inputs; ++c) turned[c * width + p] = 0;
    sparse_rows<registers>(job, row, count, reinterpret_cast<const RowsOf*>(turned));
}

void sparse_product(const SparseProduct& job, std::size_t begin, std::size_t end) {
    float* turned = nullptr;
    while (begin < end) {
        const std::size_t count = end - begin < 64 ? end - begin : 64;
        if (count <= sparse_alone) {
            sparse_row(job, begin++);
            continue;
        }
        if (!turned) {
            const std::size_t bytes = job.inputs * 64 * sizeof(float);
            turned = static_cast<float*>(::operator new(bytes, std::align_val_t{64}));
        }
        sparse_turn<sparse_registers>(job, begin, count, turned);
        begin += count;
    }
    ::operator delete(turned, std::align_val_t{64});
}
