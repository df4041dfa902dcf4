// What went wrong, in words.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace leveret::lvr {

// A file that is damaged, hostile, or beyond this library.
class FormatError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

inline void append(std::string& out, std::string_view text) { out += text; }
inline void append(std::string& out, std::integral auto number) { out += std::to_string(number); }

// Not a stream: those write numbers as the program's locale wants them.
template <typename... Parts>
std::string joined(const Parts&... parts) {
    std::string out;
    (append(out, parts), ...);
    return out;
}

template <typename... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
    throw FormatError(joined(parts...));
}

// A text of a file in quotes: cut where it is long, with anything but printable ASCII escaped.
std::string quoted(std::string_view text);

// As Python writes a tuple: "(16, 3)", "(16,)".
std::string tuple_text(std::span<const std::uint64_t> numbers);

}  // namespace leveret::lvr
