#include "lvr/contract.hpp"

#include <cmath>

#include "lvr/json.hpp"
#include "lvr/text.hpp"

namespace leveret::lvr {
namespace {

constexpr std::int64_t longest_side = 16384;

// A member, without null: the packer leaves out what isn't there, Python takes null for that too.
const Json* member(const Json::Members& members, std::string_view key) {
    const auto found = members.find(key);
    return found == members.end() || found->second.is_null() ? nullptr : &found->second;
}

// A number per channel; in float32, as training has them.
std::vector<float> row(const Json& value, std::string_view name, std::size_t channels) {
    const auto wrong = [&] { refuse("the input's ", name, " must be a number per channel, got ", value.shown()); };
    if (!value.is_list() || value.size() != channels) wrong();
    std::vector<float> out;
    for (const Json& item : value.items()) {
        const auto number = item.number();
        if (!number || std::fabs(*number) >= 1e6) wrong();
        if (name == "std" && *number <= 0) refuse("the input's std must be above 0, got ", value.shown());
        out.push_back(static_cast<float>(*number) * 255.0f);
    }
    return out;
}

}  // namespace

Contract Contract::read(const std::string& text) {
    const JsonText document(text, "input");
    if (!document.root().is_object()) refuse("the input contract must be an object");
    const Json::Members members = document.root().members();
    if (member(members, "vocabulary"))
        refuse("the net takes token ids, which this library doesn't run; leveret.runtime does, in Python");
    const Json* shape = member(members, "shape");
    if (!shape || !shape->is_list() || shape->size() != 3)
        refuse("the input's shape must be (channels, height, width), got ", shape ? shape->shown() : "none");
    std::size_t sides[3] = {};
    std::size_t* side = sides;
    for (const Json& item : shape->items()) {
        const auto whole = item.whole();
        if (!whole || *whole < 1 || *whole > longest_side)
            refuse("the input's shape must be whole numbers in 1..", longest_side, ", got ", item.shown());
        *side++ = static_cast<std::size_t>(*whole);
    }
    Contract contract{sides[0], sides[1], sides[2], {}, {}};
    const Json *mean = member(members, "mean"), *std = member(members, "std");
    if ((mean == nullptr) != (std == nullptr)) refuse("the input must have both mean and std, or neither");
    if (mean) {
        contract.mean = row(*mean, "mean", contract.channels);
        contract.std = row(*std, "std", contract.channels);
    }
    return contract;
}

std::vector<std::string> read_classes(const std::string& text) {
    const JsonText document(text, "classes");
    const Json root = document.root();
    std::vector<std::string> names;
    if (!root.is_list()) refuse("the classes must be a list of names");
    for (const Json& item : root.items()) {
        if (!item.is_text()) refuse("the classes must be a list of names");
        names.push_back(item.text());
    }
    return names;
}

}  // namespace leveret::lvr
