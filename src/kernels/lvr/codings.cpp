#include "lvr/codings.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "coding/symbols.hpp"
#include "coding/xxh32.hpp"
#include "lvr/json.hpp"
#include "lvr/text.hpp"

namespace leveret::lvr {
namespace {

using Sides = std::vector<std::uint64_t>;

// a small file must not become a large net
constexpr std::uint64_t most_elements = std::uint64_t{1} << 28;
constexpr std::int64_t longest_side = std::int64_t{1} << 30;
constexpr std::size_t most_dimensions = 8;

[[noreturn]] void refuse_elements() { refuse("the coded weights are more than ", most_elements); }

std::uint64_t elements_of(std::span<const std::uint64_t> sides) {
    std::uint64_t count = 1;
    for (const std::uint64_t side : sides)
        if ((count *= side) > most_elements) refuse_elements();  // sides are below 2^31: this can't overflow
    return count;
}

// What a coding's entry in the metadata says, and the parts that it has in the file.
class Entry {
public:
    Entry(Container& container, const std::string& name, const Json& value)
        : container_(container), name_(name), members_(checked(value).members()) {}

    std::string kind() const {
        const auto found = members_.find("coding");
        if (found == members_.end() || !found->second.is_text()) refuse("attribute 'coding' must be there, a text");
        return found->second.text();
    }

    // Throws where an attribute is missing, or one more is there.
    void has(std::initializer_list<std::string_view> keys) const {
        for (const std::string_view key : keys)
            if (!members_.contains(key)) refuse("attribute ", quoted(key), " is missing");
        for (const auto& [key, value] : members_)
            if (key != "coding" && std::find(keys.begin(), keys.end(), key) == keys.end())
                refuse("attribute ", quoted(key), " is not known");
    }

    std::uint64_t whole(std::string_view key, std::int64_t low, std::int64_t high) const {
        const Json& value = members_.find(key)->second;
        const auto number = value.whole();
        if (!number || *number < low || *number > high)
            refuse("attribute ", quoted(key), " must be a whole number in ", low, "..", high, ", got ", value.shown());
        return static_cast<std::uint64_t>(*number);
    }

    bool flag(std::string_view key) const {
        const auto truth = members_.find(key)->second.truth();
        if (!truth) refuse("attribute ", quoted(key), " must be true or false");
        return *truth;
    }

    Sides wholes(std::string_view key, std::int64_t low, std::int64_t high) const {
        const Json& value = members_.find(key)->second;
        if (!value.is_list() || value.size() < 1 || value.size() > most_dimensions)
            refuse("attribute ", quoted(key), " must be a list of 1 to ", most_dimensions, " whole numbers");
        Sides out;
        for (const Json& item : value.items()) {
            const auto number = item.whole();
            if (!number || *number < low || *number > high)
                refuse("attribute ", quoted(key), " must be whole numbers in ", low, "..", high, ", got ", item.shown());
            out.push_back(static_cast<std::uint64_t>(*number));
        }
        return out;
    }

    Sides shape(std::string_view key) const { return wholes(key, 1, longest_side); }

    // Takes a part out of the file's tensors.
    Tensor part(std::string_view role, std::initializer_list<Dtype> dtypes, std::size_t dimensions) {
        const auto found = container_.tensors.find(joined(name_, ":", role));
        if (found == container_.tensors.end()) refuse("tensor ", quoted(joined(name_, ":", role)), " is not in the file");
        const Tensor tensor = found->second;
        container_.tensors.erase(found);
        if (std::find(dtypes.begin(), dtypes.end(), tensor.dtype) == dtypes.end() ||
            tensor.shape.size() != dimensions || tensor.bytes.empty())
            refuse("part ", quoted(role), " must be ", dtype_name(*dtypes.begin()), " of ", dimensions,
                   " dimensions and not empty, got ", dtype_name(tensor.dtype), " ", tuple_text(tensor.shape));
        return tensor;
    }

private:
    static const Json& checked(const Json& value) {
        if (!value.is_object()) refuse("must be an object, got ", value.shown());
        return value;
    }

    Container& container_;
    const std::string& name_;
    Json::Members members_;
};

// A coding that was read, and gives its tensors when all were.
class Coding {
public:
    virtual ~Coding() = default;
    virtual std::uint64_t elements() const = 0;
    virtual void give(Container& container, const std::string& name) const = 0;
};

void put(Container& container, const std::string& name, Dtype dtype, Sides shape, std::vector<std::uint8_t> bytes) {
    container.decoded.push_back(std::move(bytes));
    if (!container.tensors.emplace(name, Tensor{dtype, std::move(shape), container.decoded.back()}).second)
        refuse("tensor ", quoted(name), " is there twice");
}

template <typename T>
void put(Container& container, const std::string& name, Dtype dtype, const std::vector<T>& values, Sides shape = {}) {
    std::vector<std::uint8_t> bytes(values.size() * sizeof(T));
    if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    if (shape.empty()) shape = {values.size()};
    put(container, name, dtype, std::move(shape), std::move(bytes));
}

std::vector<std::uint16_t> symbols_of(const Tensor& coded, const SymbolGrid& grid) {
    std::vector<std::uint16_t> symbols(grid.rows * grid.columns);
    if (!decode_symbols(coded.bytes, grid, symbols.data()))
        refuse("the symbols must be ", grid.rows, " x ", grid.columns, " numbers below ", grid.levels, ", and no more");
    return symbols;
}

// A symbol a weight: which entry of a table it is, or whether it is the next of the values that aren't 0.
class Numbers : public Coding {
public:
    Numbers(Entry& entry, bool table) : table_(table) {
        entry.has({"shape", "line", "rows"});
        rows_ = entry.flag("rows");
        shape_ = entry.shape("shape");
        line_ = entry.whole("line", 0, longest_side);
        if (rows_ && shape_.size() != 2) refuse("attribute 'shape' must have 2 sides");
        symbols_ = entry.part("symbols", {Dtype::u8}, 1);
        if (table && !rows_)
            numbers_ = entry.part("table", {Dtype::f32, Dtype::i8, Dtype::u8}, 1);
        else
            numbers_ = entry.part(table ? "table" : "values", {Dtype::f32}, 1);
        if (table && numbers_.elements() > most_levels)
            refuse("part 'table' must have at most ", most_levels, " entries, got ", numbers_.elements());
    }

    std::uint64_t elements() const override { return elements_of(shape_); }

    void give(Container& container, const std::string& name) const override {
        const std::uint64_t count = elements(), levels = table_ ? numbers_.elements() : 2;
        const auto symbols = symbols_of(symbols_, {shape_[0], count / shape_[0], levels, line_});
        if (numbers_.dtype != Dtype::f32) {
            std::vector<std::uint8_t> bytes(count);
            for (std::uint64_t i = 0; i < count; ++i) bytes[i] = numbers_.bytes[symbols[i]];
            return put(container, name, numbers_.dtype, shape_, std::move(bytes));
        }
        const auto numbers = numbers_.values<float>();
        std::vector<float> weight(count);
        std::uint64_t used = 0;
        for (std::uint64_t i = 0; i < count; ++i) {
            if (table_)
                weight[i] = numbers[symbols[i]];
            else if (symbols[i] != 0 && used++ < numbers.size())
                weight[i] = numbers[used - 1];
        }
        if (!table_ && used != numbers.size())
            refuse(used, " weights are kept, part 'values' has ", numbers.size());
        if (!rows_) return put(container, name, Dtype::f32, weight, shape_);
        give_rows(container, name, weight);
    }

private:
    // The three tensors of sparse_linear.
    void give_rows(Container& container, const std::string& name, const std::vector<float>& weight) const {
        std::vector<float> values;
        std::vector<std::uint32_t> columns, starts{0};
        for (std::uint64_t row = 0; row < shape_[0]; ++row) {
            for (std::uint64_t column = 0; column < shape_[1]; ++column) {
                const float value = weight[row * shape_[1] + column];
                if (value == 0) continue;
                values.push_back(value);
                columns.push_back(static_cast<std::uint32_t>(column));
            }
            starts.push_back(static_cast<std::uint32_t>(values.size()));
        }
        put(container, name + ".values", Dtype::f32, values);
        put(container, name + ".columns", Dtype::u32, columns);
        put(container, name + ".starts", Dtype::u32, starts);
    }

    bool table_, rows_;
    Sides shape_;
    std::uint64_t line_;
    Tensor symbols_, numbers_;
};

// Planes of bits, of which a symbol holds one each.
class Planes : public Coding {
public:
    explicit Planes(Entry& entry) {
        entry.has({"shape", "planes", "channels", "line"});
        shape_ = entry.shape("shape");
        const std::uint64_t counted = entry.whole("planes", 0, 8);
        channels_ = entry.whole("channels", 1, longest_side);
        line_ = entry.whole("line", 0, longest_side);
        const bool fits = shape_.size() >= (counted ? 3 : 2) && shape_.back() == (channels_ + 63) / 64;
        if (!fits || (counted && shape_[0] != counted))
            refuse(counted, " planes of ", channels_, " channels can't be ", tuple_text(shape_));
        planes_ = std::max<std::uint64_t>(counted, 1);
        places_.assign(shape_.begin() + (counted ? 1 : 0), shape_.end() - 1);
        symbols_ = entry.part("symbols", {Dtype::u8}, 1);
    }

    std::uint64_t elements() const override {
        Sides all = places_;
        all.push_back(channels_);
        return elements_of(all);
    }

    void give(Container& container, const std::string& name) const override {
        const std::uint64_t count = elements(), places = count / channels_, words = shape_.back();
        const auto symbols =
            symbols_of(symbols_, {places_[0], count / places_[0], std::size_t{1} << planes_, line_});
        std::vector<std::uint64_t> out(planes_ * places * words);
        for (std::uint64_t i = 0; i < count; ++i)
            for (std::uint64_t j = 0; j < planes_; ++j)
                out[(j * places + i / channels_) * words + i % channels_ / 64] |=
                    std::uint64_t{symbols[i] >> j & 1u} << (i % channels_ % 64);
        put(container, name, Dtype::u64, out, shape_);
    }

private:
    Sides shape_, places_;
    std::uint64_t planes_, channels_, line_;
    Tensor symbols_;
};

// A weight that is coded in another order of its axes than it has.
class Turned : public Coding {
public:
    explicit Turned(Entry& entry) : shape_(entry.shape("shape")), source_(entry.shape("from")) {
        axes_ = entry.wholes("axes", 0, most_dimensions - 1);
        Sides sorted = axes_;
        std::sort(sorted.begin(), sorted.end());
        Sides all(source_.size());
        std::iota(all.begin(), all.end(), 0);
        if (sorted != all || elements_of(shape_) != elements_of(source_))
            refuse("the weight in ", tuple_text(source_), " by these axes can't be ", tuple_text(shape_));
    }

    std::uint64_t elements() const override { return elements_of(source_); }

    void give(Container& container, const std::string& name) const override {
        const std::vector<float> weight = values();
        std::vector<std::uint64_t> stride(source_.size(), 1);
        for (std::size_t i = source_.size() - 1; i > 0; --i) stride[i - 1] = stride[i] * source_[i];
        std::vector<float> out(weight.size());
        Sides at(axes_.size(), 0);
        std::uint64_t from = 0;
        for (float& value : out) {
            value = weight[from];
            for (std::size_t axis = axes_.size(); axis-- > 0;) {
                const std::uint64_t step = stride[axes_[axis]], side = source_[axes_[axis]];
                from += step;
                if (++at[axis] < side) break;
                at[axis] = 0;
                from -= step * side;
            }
        }
        put(container, name, Dtype::f32, out, shape_);
    }

protected:
    // In the order of `source`.
    virtual std::vector<float> values() const = 0;

    Sides shape_, source_, axes_;
};

// Product quantisation: each row is runs, and each place of a run has a table of runs.
class Product : public Turned {
public:
    explicit Product(Entry& entry) : Turned(entry) {
        entry.has({"shape", "from", "axes"});
        symbols_ = entry.part("symbols", {Dtype::u8}, 1);
        table_ = entry.part("table", {Dtype::f32}, 3);
        const Sides row(source_.begin() + 1, source_.end());
        if (table_.shape[1] > most_levels || table_.shape[0] * table_.shape[2] != elements_of(row))
            refuse("part 'table' of shape ", tuple_text(table_.shape), " doesn't fit a weight in ", tuple_text(source_));
    }

protected:
    std::vector<float> values() const override {
        const std::uint64_t tables = table_.shape[0], entries = table_.shape[1], length = table_.shape[2];
        const auto table = table_.values<float>();
        const auto symbols = symbols_of(symbols_, {source_[0], tables, entries, 0});
        std::vector<float> out;
        out.reserve(elements());
        for (std::uint64_t i = 0; i < symbols.size(); ++i) {
            const auto run = table.begin() + static_cast<std::ptrdiff_t>((i % tables * entries + symbols[i]) * length);
            out.insert(out.end(), run, run + static_cast<std::ptrdiff_t>(length));
        }
        return out;
    }

private:
    Tensor symbols_, table_;
};

// Few values, and a hash that says which of them a weight is, and with which sign.
class Hashed : public Turned {
public:
    explicit Hashed(Entry& entry) : Turned(entry) {
        entry.has({"shape", "from", "axes", "seed"});
        seed_ = static_cast<std::uint32_t>(entry.whole("seed", 0, UINT32_MAX));
        values_ = entry.part("values", {Dtype::f32}, 1);
        if (values_.elements() > elements())
            refuse("part 'values' must have at most ", elements(), " values, got ", values_.elements());
    }

protected:
    std::vector<float> values() const override {
        const auto entries = values_.values<float>();
        std::vector<float> out(elements());
        for (std::uint32_t i = 0; i < out.size(); ++i) {
            const float value = entries[xxh32(i, seed_) % static_cast<std::uint32_t>(entries.size())];
            out[i] = (xxh32(i, seed_ ^ 1) & 1) != 0 ? value : -value;
        }
        return out;
    }

private:
    std::uint32_t seed_;
    Tensor values_;
};

std::unique_ptr<Coding> read(Entry entry) {
    const std::string kind = entry.kind();
    if (kind == "table") return std::make_unique<Numbers>(entry, true);
    if (kind == "sparse") return std::make_unique<Numbers>(entry, false);
    if (kind == "planes") return std::make_unique<Planes>(entry);
    if (kind == "product") return std::make_unique<Product>(entry);
    if (kind == "hashed") return std::make_unique<Hashed>(entry);
    refuse("attribute 'coding' must be one of table, sparse, planes, product, hashed, got ", quoted(kind));
}

template <typename Work>
void naming(const std::string& name, const Work& work) {
    try {
        work();
    } catch (const FormatError& error) {
        refuse("coding of ", quoted(name), ": ", error.what());
    }
}

}  // namespace

void decode(Container& container) {
    const auto text = container.texts.find("codings");
    if (text == container.texts.end()) return;
    const JsonText json(text->second, "codings");
    if (!json.root().is_object()) refuse("the codings must be an object");
    std::vector<std::pair<std::string, std::unique_ptr<Coding>>> codings;
    std::uint64_t elements = 0;
    for (const auto& [name, value] : json.root().members())
        naming(name, [&] {
            codings.emplace_back(name, read(Entry(container, name, value)));
            if ((elements += codings.back().second->elements()) > most_elements) refuse_elements();
        });
    for (const auto& [name, coding] : codings) naming(name, [&] { coding->give(container, name); });
}

}  // namespace leveret::lvr
