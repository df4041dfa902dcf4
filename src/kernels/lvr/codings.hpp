// Tensors that a file stores smaller than kernels take them: Python's leveret.runtime.codings. See docs/lvr-format.md.
#pragma once

#include "lvr/container.hpp"

namespace leveret::lvr {

// Puts the tensors that the metadata's "codings" describe in the place of the parts that they are stored as. Throws
// FormatError.
void decode(Container& container);

}  // namespace leveret::lvr
