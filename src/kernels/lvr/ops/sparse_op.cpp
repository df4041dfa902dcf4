// Products with pruned weights.
#include <algorithm>

#include "lvr/ops/ops.hpp"
#include "lvr/text.hpp"

namespace leveret::lvr {

Made sparse_linear(Builder& b) {
    b.takes(1, 2);
    const Tensor &values = b.tensor("values", Dtype::f32), &columns = b.tensor("columns", Dtype::u32),
                 &starts = b.tensor("starts", Dtype::u32);
    const Shape& in = b.input(Kind::floats);
    if (values.shape.size() != 1 || columns.shape != values.shape)
        refuse("values and columns must be (kept,), got ", tuple_text(values.shape), " and ",
               tuple_text(columns.shape));
    const std::uint64_t kept = values.shape[0];
    if (starts.shape.size() != 1 || starts.shape[0] < 2) refuse("starts must be (out + 1,), from 0 to ", kept);
    b.reserve(values.bytes.size() + columns.bytes.size() + starts.bytes.size());
    SparseWeights weights{values.values<float>(), columns.values<std::uint32_t>(), starts.values<std::uint32_t>()};
    if (weights.starts.front() != 0 || weights.starts.back() != kept)
        refuse("starts must be (out + 1,), from 0 to ", kept);
    if (!std::is_sorted(weights.starts.begin(), weights.starts.end())) refuse("starts must not fall");
    for (const std::uint32_t column : weights.columns)
        if (column >= in.channels) refuse("columns must be below ", in.channels, ", got ", column);
    const Shape out = like(in, weights.starts.size() - 1);
    b.check_added(out);
    auto epilogue = b.epilogue(out.channels);
    return {out, add_sparse(b.engine(), b.numbers(), std::move(weights), std::move(epilogue))};
}

}  // namespace leveret::lvr
