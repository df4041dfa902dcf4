// Mutants of .lvr files, in the manner of src/leveret/experiments/_fuzz.py: some are damaged anywhere, most lie: the graph,
// the contract or a tensor is changed and the hash made right again, so that every check behind it has to hold.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace fuzz {

using Bytes = std::vector<std::uint8_t>;
using Chance = std::mt19937_64;

// Some bytes changed, cut off or put in.
Bytes damaged(Bytes file, Chance& chance);

// Another content, rightly signed; what can't be taken apart is damaged instead.
Bytes lying(std::span<const std::uint8_t> file, Chance& chance);

}  // namespace fuzz
