#include "lvr/container.hpp"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "lvr/json.hpp"
#include "lvr/sha256.hpp"
#include "lvr/text.hpp"
#include "lvr/unicode.hpp"

namespace leveret::lvr {
namespace {

static_assert(std::endian::native == std::endian::little, "a file's numbers are little-endian, and read as they are");
static_assert(sizeof(std::size_t) >= 8, "sizes up to the bounds that are checked need 64 bits");

constexpr std::uint64_t largest_header = std::uint64_t{64} << 20;
constexpr std::size_t most_dimensions = 16;
constexpr std::string_view mark = "leveret", major_version = "1", our_version = "1.4";

struct Known {
    Dtype dtype;
    std::string_view in_file, name, numpy;
    std::uint64_t bytes;
};
constexpr Known known[] = {{Dtype::f32, "F32", "float32", "<f4", 4},
                           {Dtype::u64, "U64", "uint64", "<u8", 8},
                           {Dtype::u32, "U32", "uint32", "<u4", 4},
                           {Dtype::u8, "U8", "uint8", "|u1", 1},
                           {Dtype::i8, "I8", "int8", "|i1", 1}};

const Known& known_of(Dtype dtype) {
    return *std::find_if(std::begin(known), std::end(known), [&](const Known& k) { return k.dtype == dtype; });
}

// A length of the header: whole, from 0 on.
std::uint64_t length_of(const Json& value, std::string_view tensor) {
    const auto whole = value.whole();
    if (!whole || *whole < 0) refuse("tensor ", quoted(tensor), " has a size or place that is not valid: ", value.shown());
    return static_cast<std::uint64_t>(*whole);
}

std::vector<std::uint64_t> lengths_of(const Json& list, std::size_t most, std::string_view tensor) {
    if (!list.is_list() || list.size() > most) refuse("tensor ", quoted(tensor), " has no valid shape or place");
    std::vector<std::uint64_t> out;
    for (const Json& item : list.items()) out.push_back(length_of(item, tensor));
    return out;
}

// a times b, where 64 bits hold it.
std::optional<std::uint64_t> product(std::uint64_t a, std::uint64_t b) {
    if (b != 0 && a > UINT64_MAX / b) return std::nullopt;
    return a * b;
}

struct Placed {
    std::uint64_t begin, end;
    const std::string* name;
};

// A tensor's entry of the header, without its bytes yet.
Placed entry(const std::string& name, const Json& value, Tensor& tensor) {
    if (!value.is_object()) refuse("tensor ", quoted(name), " has no valid entry in the header");
    const Json::Members members = value.members();
    const auto dtype = members.find("dtype"), shape = members.find("shape"), place = members.find("data_offsets");
    if (members.size() != 3 || dtype == members.end() || shape == members.end() || place == members.end())
        refuse("tensor ", quoted(name), " must have a dtype, a shape and data_offsets");
    const std::string dtype_text = dtype->second.is_text() ? dtype->second.text() : dtype->second.shown();
    const auto kind =
        std::find_if(std::begin(known), std::end(known), [&](const Known& k) { return k.in_file == dtype_text; });
    if (kind == std::end(known))
        refuse("tensor ", quoted(name), " is ", quoted(dtype_text), "; known are F32, U64, U32, U8, I8");
    tensor.dtype = kind->dtype;
    tensor.shape = lengths_of(shape->second, most_dimensions, name);
    const auto offsets = lengths_of(place->second, 2, name);
    if (offsets.size() != 2) refuse("tensor ", quoted(name), " has no valid place");
    std::optional<std::uint64_t> bytes = kind->bytes;
    for (const std::uint64_t side : tensor.shape)
        if (bytes) bytes = product(*bytes, side);
    if (offsets[1] < offsets[0] || !bytes || *bytes != offsets[1] - offsets[0])
        refuse("tensor ", quoted(name), " of shape ", tuple_text(tensor.shape), " doesn't fit its place");
    return {offsets[0], offsets[1], &name};
}

// The tensors' places must follow one another without gaps, to the file's end.
void place(Container& container, std::vector<Placed> places, std::span<const std::uint8_t> data) {
    std::sort(places.begin(), places.end(), [](const Placed& a, const Placed& b) {
        return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::uint64_t at = 0;
    for (const Placed& p : places) {
        if (p.begin != at) refuse("tensor ", quoted(*p.name), " leaves a gap or covers another one");
        if (p.end > data.size()) refuse("it is cut off: tensor ", quoted(*p.name), " lies beyond its end");
        container.tensors.find(*p.name)->second.bytes = data.subspan(p.begin, p.end - p.begin);
        at = p.end;
    }
    if (at != data.size()) refuse("it is ", data.size() - at, " bytes longer than its tensors");
}

void read_texts(Container& container, const Json& value) {
    if (!value.is_object()) refuse("the metadata must be an object of texts");
    for (const auto& [key, text] : value.members()) {
        if (!text.is_text()) refuse("the metadata's ", quoted(key), " must be a text");
        container.texts.emplace(key, text.text());
    }
}

bool all_digits(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void verify_version(const Container& container) {
    const auto format = container.texts.find("format");
    if (format == container.texts.end() || format->second != mark)
        refuse("it is a safetensors file, but not a .lvr one: pack a net with leveret.pack");
    const auto found = container.texts.find("version");
    const std::string_view version = found == container.texts.end() ? "" : std::string_view(found->second);
    const std::size_t dot = version.find('.');
    if (dot == std::string_view::npos || !all_digits(version.substr(0, dot)) || !all_digits(version.substr(dot + 1)))
        refuse("it has no valid format version: ", quoted(version));
    std::string_view major = version.substr(0, dot);
    major.remove_prefix(std::min(major.find_first_not_of('0'), major.size() - 1));
    if (major != major_version)
        refuse("it is of format ", version.substr(0, 20), "; this library reads ", major_version, ".x, up to ",
               our_version, ": build a newer one");
}

}  // namespace

std::string_view dtype_name(Dtype dtype) { return known_of(dtype).name; }

std::uint64_t Tensor::elements() const { return bytes.size() / known_of(dtype).bytes; }

const std::string& Container::text(std::string_view key) const {
    const auto found = texts.find(key);
    if (found == texts.end()) refuse("the metadata lack ", quoted(key));
    return found->second;
}

Container read_container(std::span<const std::uint8_t> file) {
    if (file.size() < 8) refuse("it is not a .lvr file: it has only ", file.size(), " bytes");
    std::uint64_t length = 0;
    std::memcpy(&length, file.data(), sizeof length);
    if (length > largest_header) refuse("it is not a .lvr file: its header would be ", length, " bytes long");
    if (length + 8 > file.size())
        refuse("it is cut off: its header says ", length, " bytes, the file has ", file.size());
    const JsonText header(std::string(reinterpret_cast<const char*>(file.data()) + 8, length), "header");
    if (!header.root().is_object()) refuse("its header must be an object");

    Container container;
    std::vector<Placed> places;
    for (const auto& [name, value] : header.root().members()) {
        if (name == "__metadata__") {
            read_texts(container, value);
            continue;
        }
        const auto made = container.tensors.emplace(name, Tensor{}).first;
        places.push_back(entry(made->first, value, made->second));
    }
    place(container, std::move(places), file.subspan(8 + length));
    return container;
}

std::string digest(const Container& container) {
    Sha256 state;
    std::string texts = "{";  // as json.dumps(texts, sort_keys=True) writes them
    for (const auto& [key, text] : container.texts) {
        if (key == "sha256") continue;
        texts += (texts.size() > 1 ? ", " : "") + json_quoted(key) + ": " + json_quoted(text);
    }
    state.add(texts += "}");
    for (const auto& [name, tensor] : container.tensors) {
        state.add(joined("\n", name, "|", known_of(tensor.dtype).numpy, "|", tuple_text(tensor.shape), "|"));
        state.add(tensor.bytes.data(), tensor.bytes.size());
    }
    return state.hex();
}

void verify(const Container& container) {
    verify_version(container);
    const auto given = container.texts.find("sha256");
    if (given == container.texts.end() || given->second != digest(container))
        refuse("it is damaged: its content doesn't match its SHA-256; copy or pack it again");
}

}  // namespace leveret::lvr
