#include "fuzz_files.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "lvr/container.hpp"
#include "lvr/json.hpp"
#include "lvr/text.hpp"
#include "lvr/unicode.hpp"

namespace fuzz {
namespace {

using namespace leveret::lvr;

std::size_t below(std::size_t count, Chance& chance) { return count ? chance() % count : 0; }

template <typename List>
const auto& one_of(const List& list, Chance& chance) {
    return list[below(std::size(list), chance)];
}

constexpr const char* odd[] = {
    "0",          "-1",    "1",     "2",    "3",         "7",       "64",       "4096",     "65536", "2147483648",
    "0.5",        "1e308", "1e400", "true", "null",      "\"\"",    "\"input\"", "[]",       "{}",    "[0,0]",
    "[1,1]",      "-0",    "4095",  "16384", "1048576", "[64,64]", "67108864", "9223372036854775808",
    "-9223372036854775808", "18446744073709551616"};

char kind_of(std::string_view source) {
    const char first = source.front();
    return first == '-' || (first >= '0' && first <= '9') ? '0' : first;
}

// A JSON text with one value in it replaced: by an odd one, by another of its kind, or by a number beside it.
std::string changed(const std::string& text, Chance& chance) {
    const JsonText document(text, "seed");
    const std::vector<Json> all = document.root().all();
    const auto place = [&](std::string_view part) { return static_cast<std::size_t>(part.data() - document.text().data()); };
    // mostly numbers, seldom an object's names: what most checks are about
    std::string_view old = one_of(all, chance).source();
    for (int tries = 0; tries < 6; ++tries) {
        const bool is_name = document.text().substr(place(old) + old.size(), 1) == ":";
        if (kind_of(old) == '0' || (!is_name && below(3, chance) == 0)) break;
        old = one_of(all, chance).source();
    }
    const std::size_t at = place(old);
    std::string other(one_of(odd, chance));
    const std::size_t kind = below(4, chance);
    if (kind < 2)
        for (int tries = 0; tries < 20; ++tries) {
            const std::string_view some = one_of(all, chance).source();
            if (kind_of(some) != kind_of(old) || some == old) continue;
            other = some;
            break;
        }
    if (kind == 2 && old.size() < 10 && kind_of(old) == '0')
        other = std::to_string(std::atoll(std::string(old).c_str()) + static_cast<long long>(below(5, chance)) - 2);
    std::string out = document.text().substr(0, at) + other + document.text().substr(at + old.size());
    // a member or item less, now and then: from a comma to the next
    if (below(16, chance) == 0) {
        const std::size_t comma = out.find(',', below(out.size(), chance));
        const std::size_t next = comma == std::string::npos ? comma : out.find(',', comma + 1);
        if (next != std::string::npos) out.erase(comma, next - comma);
    }
    return out;
}

struct OwnTensor {
    Tensor tensor;
    Bytes bytes;
};

std::uint64_t size_of(Dtype dtype) { return dtype == Dtype::u64 ? 8 : dtype == Dtype::f32 || dtype == Dtype::u32 ? 4 : 1; }

void change(OwnTensor& own, Chance& chance) {
    constexpr Dtype dtypes[] = {Dtype::f32, Dtype::u64, Dtype::u32, Dtype::u8, Dtype::i8};
    Tensor& t = own.tensor;
    switch (below(8, chance)) {
        case 0:
            t.dtype = one_of(dtypes, chance);
            break;
        case 1:
            for (std::uint64_t& side : t.shape)
                if (below(2, chance)) side = one_of(std::vector<std::uint64_t>{0, 1, 2, side, side + 1, 65}, chance);
            break;
        case 2:
            t.shape.push_back(1);
            break;
        case 3:
            if (!t.shape.empty()) t.shape.pop_back();
            break;
        default:
            for (std::uint8_t& byte : own.bytes) byte = static_cast<std::uint8_t>(chance());
            return;
    }
    std::uint64_t count = size_of(t.dtype);
    for (const std::uint64_t side : t.shape) count = std::min<std::uint64_t>(count * side, 1 << 20);
    own.bytes.resize(count, static_cast<std::uint8_t>(chance()));
}

using Own = std::map<std::string, OwnTensor>;

Bytes written(Container container, const Own& tensors) {
    constexpr const char* names[] = {"F32", "U64", "U32", "U8", "I8"};
    container.tensors.clear();
    std::string entries;
    Bytes data;
    for (const auto& [name, own] : tensors) {
        Tensor tensor = own.tensor;
        tensor.bytes = own.bytes;
        container.tensors.emplace(name, tensor);
        std::string shape;
        for (const std::uint64_t side : tensor.shape) shape += (shape.empty() ? "" : ",") + std::to_string(side);
        entries += joined(",", json_quoted(name), ":{\"dtype\":\"", names[static_cast<int>(tensor.dtype)],
                          "\",\"shape\":[", shape, "],\"data_offsets\":[", data.size(), ",",
                          data.size() + own.bytes.size(), "]}");
        data.insert(data.end(), own.bytes.begin(), own.bytes.end());
    }
    container.texts["sha256"] = digest(container);
    std::string texts;
    for (const auto& [key, text] : container.texts)
        texts += (texts.empty() ? "" : ",") + json_quoted(key) + ":" + json_quoted(text);
    const std::string header = "{\"__metadata__\":{" + texts + "}" + entries + "}";
    Bytes out(8);
    const std::uint64_t length = header.size();
    std::memcpy(out.data(), &length, 8);
    out.insert(out.end(), header.begin(), header.end());
    out.insert(out.end(), data.begin(), data.end());
    return out;
}

}  // namespace

Bytes damaged(Bytes file, Chance& chance) {
    if (file.size() < 9) return {static_cast<std::uint8_t>(chance()), static_cast<std::uint8_t>(chance())};
    std::uint64_t header = 0;
    std::memcpy(&header, file.data(), 8);
    header = std::min<std::uint64_t>(header, file.size() - 8);
    const auto anywhere = [&] { return static_cast<std::ptrdiff_t>(below(file.size(), chance)); };
    switch (below(5, chance)) {
        case 0:
            file.resize(below(file.size(), chance));
            break;
        case 1: {
            const std::uint64_t length = chance() >> one_of(std::vector<int>{0, 32, 48, 56}, chance);
            std::memcpy(file.data(), &length, 8);
            break;
        }
        case 2:  // somewhere in the header, where most of the meaning is
            for (std::size_t i = below(4, chance) + 1; i > 0 && header > 0; --i)
                file[8 + below(header, chance)] = static_cast<std::uint8_t>(chance());
            break;
        case 3: {
            const std::ptrdiff_t from = anywhere(), to = std::min<std::ptrdiff_t>(from + 64, std::ssize(file));
            const Bytes piece(file.begin() + from, file.begin() + to);
            file.insert(file.begin() + anywhere(), piece.begin(), piece.end());
            break;
        }
        default:
            for (std::size_t i = below(8, chance) + 1; i > 0; --i)
                file[below(file.size(), chance)] = static_cast<std::uint8_t>(chance());
    }
    return file;
}

Bytes lying(std::span<const std::uint8_t> file, Chance& chance) {
    try {
        Container container = read_container(file);
        Own tensors;
        for (const auto& [name, tensor] : container.tensors)
            tensors[name] = {tensor, Bytes(tensor.bytes.begin(), tensor.bytes.end())};
        for (std::size_t lies = below(3, chance) + 1; lies > 0; --lies) {
            constexpr const char* keys[] = {"graph", "graph", "graph", "graph", "graph", "input", "classes", "", "", ""};
            const std::string key = one_of(keys, chance);
            if (!key.empty()) {
                std::string& text = container.texts[key];
                text = changed(text, chance);
            } else if (!tensors.empty()) {
                change(std::next(tensors.begin(), static_cast<std::ptrdiff_t>(below(tensors.size(), chance)))->second,
                       chance);
            }
        }
        return written(std::move(container), tensors);
    } catch (const FormatError&) {
        return damaged(Bytes(file.begin(), file.end()), chance);
    }
}

}  // namespace fuzz
