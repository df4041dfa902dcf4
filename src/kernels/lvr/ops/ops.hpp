// The operations that the engine has, one function each: it checks what the `infer` of Python's class checks
// (leveret/runtime/ops) and adds the node that its `native` adds. Throws FormatError, without the step's name.
#pragma once

#include <string_view>

#include "lvr/builder.hpp"

namespace leveret::lvr {

using Build = Made (*)(Builder&);

// By the operation's name in the file. Throws a FormatError for one that isn't known, or that Python alone runs.
Build build_of(std::string_view op);

Made conv2d(Builder& b);
Made binary_weight_conv2d(Builder& b);
Made linear(Builder& b);
Made binary_weight_linear(Builder& b);

Made bits(Builder& b);
Made bit_conv2d(Builder& b);
Made bit_conv2d_to_bits(Builder& b);
Made bit_linear(Builder& b);
Made bit_linear_to_bits(Builder& b);
Made bit_flatten(Builder& b);

Made quantize(Builder& b);
Made plane_conv2d(Builder& b);
Made plane_linear(Builder& b);
Made byte_conv2d(Builder& b);
Made byte_linear(Builder& b);
Made int8_conv2d(Builder& b);
Made int8_linear(Builder& b);

Made sparse_linear(Builder& b);

Made max_pool2d(Builder& b);
Made avg_pool2d(Builder& b);
Made bit_max_pool2d(Builder& b);
Made global_avg_pool(Builder& b);
Made global_max_pool(Builder& b);

Made adaptive_pool2d(Builder& b);
Made conv_transpose2d(Builder& b);
Made pad(Builder& b);
Made resize(Builder& b);
Made slice(Builder& b);

Made affine(Builder& b);
Made channel_mean(Builder& b);
Made channel_norm(Builder& b);
Made clip(Builder& b);
Made concat(Builder& b);
Made divide(Builder& b);
Made flatten(Builder& b);
Made function(Builder& b);
Made multiply(Builder& b);
Made reshape(Builder& b);

}  // namespace leveret::lvr
