#include "lvr/builder.hpp"

#include <algorithm>

#include "lvr/text.hpp"

namespace leveret::lvr {
namespace {

std::string range(std::int64_t low, std::int64_t high) { return joined(low, "..", high); }

std::optional<std::int64_t> whole_in(const Json& value, std::int64_t low, std::int64_t high) {
    const auto whole = value.whole();
    return whole && *whole >= low && *whole <= high ? whole : std::nullopt;
}

}  // namespace

void refuse_attribute(std::string_view name, std::string_view must, const Json& given) {
    refuse("attribute '", name, "' must be ", must, ", got ", given.shown());
}

Builder::Builder(Building& building, const Step& step) : building_(building), step_(step) {}

void Builder::takes(std::size_t low, std::size_t high) const {
    if (count() < low || count() > high) refuse("takes ", low, " to ", high, " inputs, got ", count());
}

Inputs Builder::numbers() const {
    Inputs out;
    for (std::size_t i = 0; i < count(); ++i) out.push_back(number(i));
    return out;
}

const Shape& Builder::input(Kind kind, Size size) const {
    const Shape& first = shape(0);
    if (first.kind != kind) refuse("takes ", shown(kind), ", got ", shown(first.kind));
    for (std::size_t i = 1; i < count(); ++i)
        if (shape(i).kind != Kind::floats) refuse("takes floats beside the first input, got ", shown(shape(i).kind));
    if (size != Size::any && first.image != (size == Size::image))
        refuse("takes ", size == Size::image ? "an image" : "a row of features", ", got shape ", shown(first));
    return first;
}

void Builder::check_added(const Shape& output) const {
    if (count() == 2 && !(shape(1) == output))
        refuse("adds an input of shape ", shown(shape(1)), " to ", shown(output));
}

const Json* Builder::attribute(std::string_view name, bool required) {
    asked_.emplace(name);
    const auto found = step_.attributes.find(name);
    if (found != step_.attributes.end() && !found->second.is_null()) return &found->second;
    if (required || found != step_.attributes.end()) refuse("attribute '", name, "' is missing");
    return nullptr;
}

std::int64_t Builder::whole(std::string_view name, std::int64_t low, std::int64_t high,
                            std::optional<std::int64_t> otherwise) {
    const Json* value = attribute(name, !otherwise);
    if (!value) return *otherwise;
    const auto whole = whole_in(*value, low, high);
    if (!whole) refuse_attribute(name, "a whole number in " + range(low, high), *value);
    return *whole;
}

double Builder::real(std::string_view name, double low, double high, std::optional<double> otherwise) {
    const Json* value = attribute(name, !otherwise);
    if (!value) return *otherwise;
    const auto number = value->number();
    if (!number || *number < low || *number > high) refuse_attribute(name, "a number in its range", *value);
    return *number;
}

std::array<double, 2> Builder::reals(std::string_view name, double low, double high) {
    const Json* value = attribute(name, true);
    std::array<double, 2> out{};
    const auto wrong = [&] { refuse_attribute(name, "a pair of numbers in its range", *value); };
    if (!value->is_list() || value->size() != out.size()) wrong();
    const std::vector<Json> items = value->items();
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto number = items[i].number();
        if (!number || *number < low || *number > high) wrong();
        out[i] = *number;
    }
    return out;
}

template <std::size_t length>
std::array<std::int64_t, length> Builder::several(std::string_view name, std::string_view words, std::int64_t low,
                                                 std::int64_t high,
                                                 std::optional<std::array<std::int64_t, length>> otherwise) {
    const Json* value = attribute(name, !otherwise);
    if (!value) return *otherwise;
    std::array<std::int64_t, length> out{};
    const auto wrong = [&] { refuse_attribute(name, joined(words, " whole numbers in ", range(low, high)), *value); };
    if (!value->is_list() || value->size() != length) wrong();
    const std::vector<Json> items = value->items();
    for (std::size_t i = 0; i < length; ++i) {
        const auto whole = whole_in(items[i], low, high);
        if (!whole) wrong();
        out[i] = *whole;
    }
    return out;
}

Pair Builder::pair(std::string_view name, std::int64_t low, std::int64_t high, std::optional<Pair> otherwise) {
    return several<2>(name, "a pair of", low, high, otherwise);
}

Whole3 Builder::triple(std::string_view name, std::int64_t low, std::int64_t high, std::optional<Whole3> otherwise) {
    return several<3>(name, "three", low, high, otherwise);
}

bool Builder::flag(std::string_view name, bool otherwise) {
    const Json* value = attribute(name, false);
    if (!value) return otherwise;
    const auto truth = value->truth();
    if (!truth) refuse_attribute(name, "true or false", *value);
    return *truth;
}

std::string Builder::choice(std::string_view name, std::initializer_list<std::string_view> words,
                            std::optional<std::string> otherwise) {
    const Json* value = attribute(name, !otherwise);
    if (!value) return *otherwise;
    const std::string word = value->is_text() ? value->text() : "";
    if (std::find(words.begin(), words.end(), word) == words.end()) {
        std::string known = "one of";
        for (const std::string_view each : words) known += joined(each == *words.begin() ? " " : ", ", each);
        refuse_attribute(name, known, *value);
    }
    return word;
}

const Tensor* Builder::maybe(std::string_view role, Dtype dtype) {
    roles_.emplace(role);
    const auto named = step_.tensors.find(role);
    if (named == step_.tensors.end()) return nullptr;
    const auto found = building_.container.tensors.find(named->second);
    if (found == building_.container.tensors.end()) refuse("tensor ", quoted(named->second), " is not in the file");
    if (found->second.dtype != dtype)
        refuse("tensor '", role, "' must be ", dtype_name(dtype), ", got ", dtype_name(found->second.dtype));
    building_.used.insert(found->first);
    return &found->second;
}

const Tensor& Builder::tensor(std::string_view role, Dtype dtype) {
    const Tensor* found = maybe(role, dtype);
    if (!found) refuse("tensor '", role, "' is missing");
    return *found;
}

const Tensor* Builder::row(std::string_view role, Dtype dtype, std::uint64_t channels) {
    const Tensor* found = maybe(role, dtype);
    if (!found) return nullptr;
    if (found->shape.size() != 1 || found->shape[0] != channels)
        refuse("tensor '", role, "' must be (", channels, ",), got ", tuple_text(found->shape));
    reserve(found->bytes.size());
    return found;
}

Channels Builder::per_channel(std::string_view role, std::uint64_t channels) {
    const Tensor* found = row(role, Dtype::f32, channels);
    return found ? found->values<float>() : Channels{};
}

Flips Builder::flips(std::string_view role, std::uint64_t channels) {
    const Tensor* found = row(role, Dtype::u8, channels);
    return found ? found->values<std::uint8_t>() : Flips{};
}

EpilogueValues Builder::epilogue(std::uint64_t channels) {
    const auto values = [&](std::string_view role) { return per_channel(role, channels); };
    return {values("scale"), values("shift"), values("before"), values("slope"), values("after")};
}

void Builder::reserve(std::uint64_t bytes) {
    if (bytes > building_.most_weights - building_.weights)
        refuse("its weights, laid out for this CPU, would take more memory than the ", building_.most_weights >> 20,
               " MB that are allowed");
    building_.weights += bytes;
}

void Builder::works(const Shape& output, double each) {
    building_.work += static_cast<double>(output.elements()) * each;
    if (building_.work > static_cast<double>(most_work))
        refuse("with it one sample would take more than the ", most_work, " operations that are allowed");
}

void Builder::finish() const {
    for (const auto& [name, value] : step_.attributes)
        if (!asked_.contains(name)) refuse("has an unknown attribute: ", quoted(name));
    for (const auto& [role, name] : step_.tensors)
        if (!roles_.contains(role)) refuse("has an unknown tensor: ", quoted(role));
}

}  // namespace leveret::lvr
