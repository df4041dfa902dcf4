// The engine's Python face.
#pragma once

#include <nanobind/nanobind.h>

namespace leveret {
void bind_engine(nanobind::module_& m);
}
