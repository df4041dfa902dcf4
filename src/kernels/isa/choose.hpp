// Which instruction set runs.
#pragma once

#include <string>
#include <vector>

#include "isa/table.hpp"

namespace leveret {

// Names of the sets that this CPU has, the best first.
std::vector<std::string> available_isas();

// The set in use: LEVERET_ISA, or the best. Throws std::invalid_argument for an unknown or missing one.
const Kernels& active();

// Use another set from now on; objects that were made keep theirs.
void set_isa(const std::string& name);

}  // namespace leveret
