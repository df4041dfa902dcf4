// A net as a list of steps, in the form that the file has it: names, types and order are checked, not yet what an operation
// needs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lvr/json.hpp"

namespace leveret::lvr {

struct Step {
    std::string name, op;
    std::vector<std::size_t> inputs;  // 0 is the net's input, i + 1 what step i gives
    Json::Members attributes;
    std::map<std::string, std::string, std::less<>> tensors;  // role to name
};

struct Graph {
    std::unique_ptr<JsonText> text;  // which the attributes are part of
    std::vector<Step> steps;

    // Reads the metadata's "graph". Throws FormatError.
    static Graph read(const std::string& text);
};

}  // namespace leveret::lvr
