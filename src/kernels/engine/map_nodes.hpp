// Nodes of maps, as segmenters have them: borders, parts, other sizes, transposed convolutions.
#pragma once

#include <array>

#include "engine/node.hpp"
#include "transposed/layer.hpp"

namespace leveret {

// What stands beyond an image's border.
enum class Beyond { constant, reflect, replicate, circular };

using Triple = std::array<std::ptrdiff_t, 3>;  // down, across, channels

// The places and channels of an image that another one is made of: `count` from `start` on, every `step`-th. They may
// lie beyond the border, by no more than `beyond` has values for.
struct Part {
    Triple start{0, 0, 0}, step{1, 1, 1}, count{0, 0, 0};
    Beyond beyond = Beyond::constant;
    float value = 0;  // of a constant border
};

std::unique_ptr<Node> part_node(const Value& input, const Part& part);

enum class Resize { bilinear, bilinear_corners, nearest, nearest_exact };

// To so many places down and across; `step`: how many of the input's lie between two of them.
std::unique_ptr<Node> resize_node(const Value& input, std::size_t height, std::size_t width, std::array<float, 2> step,
                                  Resize mode);

// The mean or the largest value of height x width parts, which overlap by a place where they don't divide the image.
std::unique_ptr<Node> adaptive_pool_node(const Value& input, std::size_t height, std::size_t width, bool average);

// Its second input, if it has one, is added.
std::unique_ptr<Node> transposed_node(std::unique_ptr<TransposedConvLayer> layer, EpilogueValues epilogue);

}  // namespace leveret
