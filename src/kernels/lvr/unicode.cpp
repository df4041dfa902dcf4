#include "lvr/unicode.hpp"

namespace leveret::lvr {
namespace {

struct Code {
    std::uint32_t value;
    std::size_t bytes;  // 0 where it isn't UTF-8
};

// The character that begins at `at`.
Code code_at(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
    const std::uint32_t first = byte(0);
    if (first < 0x80) return {first, 1};
    const std::size_t bytes = first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
    if (bytes == 0 || text.size() - at < bytes) return {0, 0};
    std::uint32_t value = first & (0x7f >> bytes);
    for (std::size_t i = 1; i < bytes; ++i) {
        if (byte(i) >> 6 != 2) return {0, 0};
        value = value << 6 | (byte(i) & 0x3f);
    }
    constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (value < least[bytes] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return {0, 0};
    return {value, bytes};
}

void append_unit(std::string& out, std::uint32_t unit) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += "0123456789abcdef"[unit >> shift & 15];
}

}  // namespace

bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const Code code = code_at(text, i);
        if (code.bytes == 0) return false;
        i += code.bytes;
    }
    return true;
}

void append_utf8(std::string& out, std::uint32_t code) {
    const auto add = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) return add(code);
    if (code < 0x800) {
        add(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            add(0xe0 | code >> 12);
        } else {
            add(0xf0 | code >> 18);
            add(0x80 | (code >> 12 & 0x3f));
        }
        add(0x80 | (code >> 6 & 0x3f));
    }
    add(0x80 | (code & 0x3f));
}

std::string json_quoted(std::string_view text) {
    constexpr std::string_view plain = "\"\\\b\f\n\r\t", names = "\"\\bfnrt";
    std::string out = "\"";
    for (std::size_t i = 0; i < text.size();) {
        const Code code = code_at(text, i);
        const std::size_t which = plain.find(text[i]);
        if (which != std::string_view::npos) {
            out += {'\\', names[which]};
        } else if (code.value >= ' ' && code.value < 127) {
            out += text[i];
        } else if (code.value < 0x10000) {
            append_unit(out, code.value);
        } else {
            append_unit(out, 0xd800 + ((code.value - 0x10000) >> 10));
            append_unit(out, 0xdc00 + ((code.value - 0x10000) & 0x3ff));
        }
        i += code.bytes ? code.bytes : 1;
    }
    return out += '"';
}

}  // namespace leveret::lvr
