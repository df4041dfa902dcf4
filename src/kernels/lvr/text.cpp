#include "lvr/text.hpp"

namespace leveret::lvr {

std::string quoted(std::string_view text) {
    constexpr std::size_t most = 80;
    constexpr char digits[] = "0123456789abcdef";
    std::string out = "'";
    for (const char c : text.substr(0, most)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= ' ' && byte < 127)
            out += c;
        else
            out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    }
    return out += text.size() > most ? "…'" : "'";
}

std::string tuple_text(std::span<const std::uint64_t> numbers) {
    std::string out = "(";
    for (std::size_t i = 0; i < numbers.size(); ++i) out += (i ? ", " : "") + std::to_string(numbers[i]);
    return out += numbers.size() == 1 ? ",)" : ")";
}

}  // namespace leveret::lvr
