#include "lvr/graph.hpp"

#include <algorithm>

#include "lvr/text.hpp"

namespace leveret::lvr {
namespace {

constexpr std::size_t most_steps = 20000, most_inputs = 64, longest_name = 200;

bool is_name(std::string_view text) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
               c == ':' || c == '-';
    };
    return !text.empty() && text.size() <= longest_name && std::all_of(text.begin(), text.end(), fits);
}

using Numbers = std::map<std::string, std::size_t, std::less<>>;

// The value's number by name; how many there are is the next one's.
Step step_of(const Json& row, const Numbers& known) {
    const std::string where = joined("step ", known.size() - 1, " of the graph");
    if (!row.is_object()) refuse(where, " must be an object, got ", row.shown());
    const Json::Members members = row.members();
    const auto member = [&](std::string_view key) {
        const auto found = members.find(key);
        return found == members.end() ? nullptr : &found->second;
    };
    const auto name = [&](std::string_view key) {
        const Json* value = member(key);
        std::string text = value && value->is_text() ? value->text() : "";
        if (!is_name(text)) refuse(where, " has no valid ", key);
        return text;
    };
    Step step{name("name"), name("op"), {}, {}, {}};
    const Json* inputs = member("inputs");
    if (!inputs || !inputs->is_list() || inputs->size() > most_inputs)
        refuse(where, " (", step.name, ") must list its inputs' names, at most ", most_inputs);
    for (const Json& input : inputs->items()) {
        if (!input.is_text()) refuse(where, " (", step.name, ") must list its inputs' names");
        const auto found = known.find(input.text());
        if (found == known.end())
            refuse("step '", step.name, "' takes ", quoted(input.text()), ", which no earlier step gives");
        step.inputs.push_back(found->second);
    }
    const Json *attributes = member("attributes"), *tensors = member("tensors");
    if ((attributes && !attributes->is_object()) || (tensors && !tensors->is_object()))
        refuse(where, " (", step.name, ") must have attributes and tensors as objects");
    if (attributes) step.attributes = attributes->members();
    if (tensors)
        for (const auto& [role, tensor] : tensors->members()) {
            if (!tensor.is_text()) refuse(where, " (", step.name, ") must name its tensors");
            step.tensors.emplace(role, tensor.text());
        }
    return step;
}

}  // namespace

Graph Graph::read(const std::string& text) {
    Graph graph;
    graph.text = std::make_unique<JsonText>(text, "graph");
    const Json root = graph.text->root();
    const Json::Members members = root.is_object() ? root.members() : Json::Members{};
    const auto rows = members.find("steps");
    if (rows == members.end() || !rows->second.is_list() || rows->second.size() < 1 || rows->second.size() > most_steps)
        refuse("the graph must be a list of 1 to ", most_steps, " steps");
    Numbers known{{"input", 0}};
    for (const Json& row : rows->second.items()) {
        Step step = step_of(row, known);
        if (!known.emplace(step.name, known.size()).second) refuse("two steps are called '", step.name, "'");
        graph.steps.push_back(std::move(step));
    }
    return graph;
}

}  // namespace leveret::lvr
