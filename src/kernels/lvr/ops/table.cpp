#include <algorithm>

#include "lvr/ops/ops.hpp"
#include "lvr/text.hpp"

namespace leveret::lvr {
namespace {

struct Known {
    std::string_view name;
    Build build;
};

constexpr Known known[] = {
    {"adaptive_pool2d", adaptive_pool2d},
    {"affine", affine},
    {"avg_pool2d", avg_pool2d},
    {"binary_weight_conv2d", binary_weight_conv2d},
    {"binary_weight_linear", binary_weight_linear},
    {"bit_conv2d", bit_conv2d},
    {"bit_conv2d_to_bits", bit_conv2d_to_bits},
    {"bit_flatten", bit_flatten},
    {"bit_linear", bit_linear},
    {"bit_linear_to_bits", bit_linear_to_bits},
    {"bit_max_pool2d", bit_max_pool2d},
    {"bits", bits},
    {"byte_conv2d", byte_conv2d},
    {"byte_linear", byte_linear},
    {"channel_mean", channel_mean},
    {"channel_norm", channel_norm},
    {"clip", clip},
    {"concat", concat},
    {"conv2d", conv2d},
    {"conv_transpose2d", conv_transpose2d},
    {"divide", divide},
    {"flatten", flatten},
    {"function", function},
    {"global_avg_pool", global_avg_pool},
    {"global_max_pool", global_max_pool},
    {"int8_conv2d", int8_conv2d},
    {"int8_linear", int8_linear},
    {"linear", linear},
    {"max_pool2d", max_pool2d},
    {"multiply", multiply},
    {"pad", pad},
    {"plane_conv2d", plane_conv2d},
    {"plane_linear", plane_linear},
    {"quantize", quantize},
    {"reshape", reshape},
    {"resize", resize},
    {"slice", slice},
    {"sparse_linear", sparse_linear},
};

// without a node of the engine, as yet: leveret.runtime runs them step by step
constexpr std::string_view of_python[] = {
    "channel_max", "clip_gradient",  "embedding",        "function_gradient", "group_norm",
    "layer_norm",  "leaky_gradient", "linear_transpose", "log_softmax",       "logits_gradient",
    "max_pool_gradient", "pixel_shuffle", "softmax", "transpose",
};

}  // namespace

Build build_of(std::string_view op) {
    const auto found = std::find_if(std::begin(known), std::end(known), [&](const Known& k) { return k.name == op; });
    if (found != std::end(known)) return found->build;
    if (std::find(std::begin(of_python), std::end(of_python), op) != std::end(of_python))
        refuse("this library doesn't run ", op, "; leveret.runtime does, in Python");
    refuse("unknown operation ", quoted(op));
}

}  // namespace leveret::lvr
