// The file's outside: texts and tensors, as safetensors holds them, and the hash over both. See docs/lvr-format.md.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace leveret::lvr {

enum class Dtype { f32, u64, u32, u8, i8 };

// As users know it: "float32".
std::string_view dtype_name(Dtype dtype);

// Where a tensor lies in the file, perhaps on no boundary of its type.
struct Tensor {
    Dtype dtype;
    std::vector<std::uint64_t> shape;
    std::span<const std::uint8_t> bytes;

    std::uint64_t elements() const;

    template <typename T>
    std::vector<T> values() const {
        std::vector<T> out(bytes.size() / sizeof(T));
        if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
        return out;
    }
};

struct Container {
    std::map<std::string, std::string, std::less<>> texts;
    std::map<std::string, Tensor, std::less<>> tensors;  // views of the bytes that were read, or of `decoded`
    std::deque<std::vector<std::uint8_t>> decoded;       // see codings.hpp

    // Throws a FormatError where a text is missing.
    const std::string& text(std::string_view key) const;
};

// Takes a file apart: lengths, offsets, gaps, sizes and dtypes are checked, nothing else is. Throws FormatError.
Container read_container(std::span<const std::uint8_t> file);

// The SHA-256 that a file of these texts and tensors must name, in lower-case hexadecimal digits.
std::string digest(const Container& container);

// Checks what the texts say of themselves: the format's name, its version, and the hash. Throws FormatError.
void verify(const Container& container);

}  // namespace leveret::lvr
