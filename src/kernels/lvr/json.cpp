#include "lvr/json.hpp"

#include <charconv>
#include <cmath>
#include <utility>

#include "lvr/text.hpp"
#include "lvr/unicode.hpp"

#if !defined(__cpp_lib_to_chars)
#include <locale>
#include <sstream>
#endif

namespace leveret::lvr {
namespace {

constexpr int deepest = 128;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Four digits at p, which are there: checked when the text was read.
std::uint32_t unit_at(const char* p) {
    std::uint32_t unit = 0;
    for (int i = 0; i < 4; ++i) unit = unit << 4 | static_cast<std::uint32_t>(hex_digit(p[i]));
    return unit;
}

bool is_high(std::uint32_t unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool is_low(std::uint32_t unit) { return unit >= 0xdc00 && unit < 0xe000; }

// Not strtod, which reads numbers as the program's locale writes them.
std::optional<double> double_of(std::string_view text) {
    double value = 0;
#if defined(__cpp_lib_to_chars)
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
#else
    std::istringstream stream{std::string(text)};
    stream.imbue(std::locale::classic());
    if (!(stream >> value)) return std::nullopt;
#endif
    if (!std::isfinite(value)) return std::nullopt;
    return value;
}

}  // namespace

class JsonReader {
public:
    JsonReader(JsonText& to) : text_(to.text_), what_(to.what_), nodes_(to.nodes_) {}

    void read() {
        value(0);
        space();
        if (at_ != text_.size()) fail("something follows its end");
    }

private:
    using Kind = JsonText::Kind;

    [[noreturn]] void fail(std::string_view why) const {
        refuse("the ", what_, " is not valid JSON: ", why, " (byte ", at_, ")");
    }

    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }  // no text holds a 0 that it allows

    void space() {
        while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    }

    void expect(std::string_view word) {
        if (std::string_view(text_).substr(at_, word.size()) != word) fail(joined("'", word, "' is missing"));
        at_ += word.size();
    }

    void value(int depth) {
        space();
        const std::size_t node = nodes_.size();
        nodes_.push_back({Kind::null, static_cast<std::uint32_t>(at_), 0, 0});
        const Kind kind = body(depth);
        nodes_[node].kind = kind;
        nodes_[node].end = static_cast<std::uint32_t>(at_);
        nodes_[node].after = static_cast<std::uint32_t>(nodes_.size());
    }

    Kind body(int depth) {
        if (depth > deepest) fail(joined("it nests deeper than ", deepest));
        switch (peek()) {
            case '{': return held('}', depth), Kind::object;
            case '[': return held(']', depth), Kind::list;
            case '"': return quoted_text(), Kind::text;
            case 't': return expect("true"), Kind::truth;
            case 'f': return expect("false"), Kind::truth;
            case 'n': return expect("null"), Kind::null;
            default: return number();
        }
    }

    // What a list or an object holds, up to its end.
    void held(char end, int depth) {
        ++at_;
        space();
        if (peek() == end) {
            ++at_;
            return;
        }
        for (;;) {
            if (end == '}') {
                space();
                if (peek() != '"') fail("an object's name is missing");
                value(depth + 1);
                space();
                expect(":");
            }
            value(depth + 1);
            space();
            if (peek() == end) break;
            expect(",");
        }
        ++at_;
    }

    void quoted_text() {
        ++at_;
        for (;; ++at_) {
            if (at_ >= text_.size()) fail("a text doesn't end");
            const char c = text_[at_];
            if (c == '"') break;
            if (static_cast<unsigned char>(c) < ' ') fail("a text holds a control character");
            if (c == '\\') escape();
        }
        ++at_;
    }

    // From the backslash to the escape's last character.
    void escape() {
        ++at_;
        const char c = peek();
        if (c != 'u') {
            if (c == '\0' || std::string_view("\"\\/bfnrt").find(c) == std::string_view::npos) fail("a wrong escape");
            return;
        }
        const std::uint32_t first = unit();
        if (is_low(first)) fail("half a surrogate pair");
        if (!is_high(first)) return;
        ++at_;
        if (std::string_view(text_).substr(at_, 2) != "\\u") fail("half a surrogate pair");
        ++at_;
        if (!is_low(unit())) fail("half a surrogate pair");
    }

    // From the u to the last of four digits.
    std::uint32_t unit() {
        if (text_.size() - at_ < 5) fail("a text doesn't end");
        for (int i = 1; i <= 4; ++i)
            if (hex_digit(text_[at_ + i]) < 0) fail("a wrong escape");
        at_ += 4;
        return unit_at(text_.data() + at_ - 3);
    }

    Kind number() {
        if (peek() == '-') ++at_;
        if (!is_digit(peek())) fail("a value is missing");
        if (peek() == '0')
            ++at_;
        else
            digits();
        Kind kind = Kind::whole;
        if (peek() == '.') {
            ++at_;
            digits();
            kind = Kind::fraction;
        }
        if (peek() == 'e' || peek() == 'E') {
            ++at_;
            if (peek() == '+' || peek() == '-') ++at_;
            digits();
            kind = Kind::fraction;
        }
        return kind;
    }

    void digits() {
        if (!is_digit(peek())) fail("a digit is missing");
        while (is_digit(peek())) ++at_;
    }

    const std::string& text_;
    const std::string& what_;
    std::vector<JsonText::Node>& nodes_;
    std::size_t at_ = 0;
};

JsonText::JsonText(std::string text, std::string_view what) : text_(std::move(text)), what_(what) {
    if (text_.size() > UINT32_MAX) refuse("the ", what_, " is far too long");
    if (!is_utf8(text_)) refuse("the ", what_, " is not UTF-8");
    JsonReader(*this).read();
}

Json JsonText::root() const { return {*this, 0}; }

std::optional<std::int64_t> Json::whole() const {
    if (node().kind != JsonText::Kind::whole) return std::nullopt;
    std::int64_t value = 0;
    const std::string_view text = source();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<double> Json::number() const {
    if (node().kind != JsonText::Kind::whole && node().kind != JsonText::Kind::fraction) return std::nullopt;
    return double_of(source());
}

std::optional<bool> Json::truth() const {
    if (node().kind != JsonText::Kind::truth) return std::nullopt;
    return source() == "true";
}

std::string Json::text() const {
    const std::string_view inner = source().substr(1, source().size() - 2);
    std::string out;
    for (std::size_t i = 0; i < inner.size(); ++i) {
        if (inner[i] != '\\') {
            out += inner[i];
            continue;
        }
        const char c = inner[++i];
        constexpr std::string_view names = "bfnrt", meant = "\b\f\n\r\t";
        if (c != 'u') {
            const std::size_t which = names.find(c);
            out += which == std::string_view::npos ? c : meant[which];
            continue;
        }
        std::uint32_t code = unit_at(inner.data() + i + 1);
        i += 4;
        if (is_high(code)) {
            code = 0x10000 + ((code - 0xd800) << 10) + (unit_at(inner.data() + i + 3) - 0xdc00);
            i += 6;
        }
        append_utf8(out, code);
    }
    return out;
}

std::size_t Json::size() const {
    std::size_t count = 0;
    for (std::uint32_t i = at_ + 1; i < node().after; i = text_->nodes_[i].after) ++count;
    return count;
}

std::vector<Json> Json::items() const {
    std::vector<Json> out;
    out.reserve(size());
    for (std::uint32_t i = at_ + 1; i < node().after; i = text_->nodes_[i].after) out.push_back({*text_, i});
    return out;
}

Json::Members Json::members() const {
    Members out;
    for (std::uint32_t i = at_ + 1; i < node().after;) {
        const Json name{*text_, i}, value{*text_, i + 1};
        if (!out.emplace(name.text(), value).second)
            refuse("the ", text_->what_, " has ", quoted(name.text()), " twice in one object");
        i = value.node().after;
    }
    return out;
}

std::string_view Json::source() const {
    return std::string_view(text_->text_).substr(node().begin, node().end - node().begin);
}

std::string Json::shown() const {
    const std::string text = quoted(source());
    return text.substr(1, text.size() - 2);
}

std::vector<Json> Json::all() const {
    std::vector<Json> out;
    for (std::uint32_t i = at_; i < node().after; ++i) out.push_back({*text_, i});
    return out;
}

}  // namespace leveret::lvr
