// JSON (RFC 8259), read strictly. Of our own, because a device has no package manager, and because what a hostile text may
// cost must be known: nothing is built but 16 bytes for each value, which is at most eight times the text, and nothing nests
// deeper than `deepest`.
//
// Refused beyond the standard: names that an object has twice (when they are asked for) and halves of surrogate pairs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leveret::lvr {

class Json;

// A text that was read. It must outlive its values.
class JsonText {
public:
    // what: for errors, such as "graph".
    JsonText(std::string text, std::string_view what);
    JsonText(const JsonText&) = delete;
    JsonText& operator=(const JsonText&) = delete;

    Json root() const;
    const std::string& text() const { return text_; }

private:
    friend class Json;
    friend class JsonReader;

    enum class Kind : std::uint8_t { null, truth, whole, fraction, text, list, object };

    // One value; those that it holds come right after it, an object's as name, value, name, value.
    struct Node {
        Kind kind;
        std::uint32_t begin, end;  // in the text
        std::uint32_t after;       // the node after it and all that it holds
    };

    std::string text_, what_;
    std::vector<Node> nodes_;
};

// One value of a text.
class Json {
public:
    using Members = std::map<std::string, Json, std::less<>>;

    bool is_list() const { return node().kind == JsonText::Kind::list; }
    bool is_object() const { return node().kind == JsonText::Kind::object; }
    bool is_text() const { return node().kind == JsonText::Kind::text; }
    bool is_null() const { return node().kind == JsonText::Kind::null; }

    // Without what it doesn't hold: another kind, a fraction ("1.0" is one), what 64 bits or a double don't hold.
    std::optional<std::int64_t> whole() const;
    std::optional<double> number() const;
    std::optional<bool> truth() const;

    std::string text() const;  // of a text
    std::size_t size() const;  // of a list
    std::vector<Json> items() const;
    Members members() const;  // of an object

    // As the file has it, and so cut and escaped that it can be shown.
    std::string_view source() const;
    std::string shown() const;

    // Every value in it, itself the first.
    std::vector<Json> all() const;

private:
    friend class JsonText;

    Json(const JsonText& text, std::uint32_t at) : text_(&text), at_(at) {}
    const JsonText::Node& node() const { return text_->nodes_[at_]; }

    const JsonText* text_;
    std::uint32_t at_;
};

}  // namespace leveret::lvr
