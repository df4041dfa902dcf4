// The Python face of the kernels: leveret.runtime._kernels.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

NB_MODULE(_kernels, m) { m.doc() = "Leveret's kernels."; }
