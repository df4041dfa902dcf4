// How arrays of Python come to the kernels.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "isa/table.hpp"

namespace leveret {

namespace nb = nanobind;

template <typename T>
using Array = nb::ndarray<T, nb::c_contig, nb::device::cpu>;
using Floats = Array<const float>;
using Words = Array<const std::uint64_t>;
using Bytes = Array<const std::uint8_t>;
template <typename T>
using Maybe = std::optional<T>;

template <typename A>
auto pointer(const Maybe<A>& array) -> decltype(array->data()) {
    return array ? array->data() : nullptr;
}

// A copy, empty where nothing was given.
template <typename T>
std::vector<T> vector_of(const Array<const T>& array) {
    return std::vector<T>(array.data(), array.data() + array.size());
}
template <typename T>
std::vector<T> vector_of(const Maybe<Array<const T>>& array) {
    return array ? vector_of(*array) : std::vector<T>{};
}

// A node's inputs: one, and another that is added.
inline std::vector<std::size_t> inputs_of(std::size_t input, Maybe<std::size_t> add) {
    return add ? std::vector<std::size_t>{input, *add} : std::vector<std::size_t>{input};
}

// height, width, kernel, stride, padding, dilation, output: each down and across
inline Window window_of(const std::array<std::int64_t, 12>& v) {
    return {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11]};
}

inline Epilogue epilogue_of(const Maybe<Floats>& scale, const Maybe<Floats>& shift, const Maybe<Floats>& add,
                            const Maybe<Floats>& before, const Maybe<Floats>& slope, const Maybe<Floats>& after) {
    return {pointer(scale), pointer(shift), pointer(add), pointer(before), pointer(slope), pointer(after)};
}

// about 32 k elements are worth another thread
inline std::size_t grain(std::size_t per_row) { return std::max<std::size_t>(1, 32768 / std::max<std::size_t>(per_row, 1)); }

// The kernels on values and weights of few bits, and of few weights; see lowbit.cpp.
void bind_coding(nb::module_& m);
void bind_lowbit(nb::module_& m);

}  // namespace leveret
