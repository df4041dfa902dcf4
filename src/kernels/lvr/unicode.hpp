// UTF-8, and texts as Python's JSON writes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leveret::lvr {

// Whether it is UTF-8 without overlong forms, surrogates and what lies beyond U+10FFFF.
bool is_utf8(std::string_view text);

void append_utf8(std::string& out, std::uint32_t code);

// A text in quotes as Python's json.dumps writes it: everything but printable ASCII escaped. `text` is UTF-8.
std::string json_quoted(std::string_view text);

}  // namespace leveret::lvr
