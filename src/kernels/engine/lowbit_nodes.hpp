// Nodes on values of few bits and on few weights.
#pragma once

#include <memory>
#include <vector>

#include "engine/node.hpp"
#include "strip/layer.hpp"

namespace leveret {

std::unique_ptr<Node> quantize_node(const Value& input, float step, Levels levels);
std::unique_ptr<Node> whole_conv_node(const Value& input, const Window& window,
                                      std::shared_ptr<const WholeConvLayer> layer, EpilogueValues epilogue);

// Pruned weights; see sparse/job.hpp.
struct SparseWeights {
    std::vector<float> values;
    std::vector<std::uint32_t> columns, starts;
};
std::unique_ptr<Node> sparse_node(const Value& input, SparseWeights weights, EpilogueValues epilogue);

}  // namespace leveret
