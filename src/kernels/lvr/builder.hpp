// A step that becomes a node of the engine: its inputs, attributes and tensors, each checked when it is asked for.
#pragma once

#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/build.hpp"
#include "lvr/container.hpp"
#include "lvr/graph.hpp"
#include "lvr/shape.hpp"

namespace leveret::lvr {

// The most bytes that a sample's values or all laid-out weights may take; the latter may also be as large as the file.
constexpr std::uint64_t most_memory = std::uint64_t{2} << 30;
// The most operations that a sample may take: thousands of times those of a large net for a CPU.
constexpr std::uint64_t most_work = std::uint64_t{1} << 42;

// A value of the engine, and what is known of it.
struct Made {
    Shape shape;
    std::size_t number;
};

// What all steps share while a net is built.
struct Building {
    Engine& engine;
    const Container& container;
    std::vector<Made> values;  // the net's input and what the steps gave, in the graph's count
    std::set<std::string_view> used;  // tensors
    std::uint64_t weights = 0;  // bytes of them, as they are laid out
    std::uint64_t most_weights = most_memory;
    double work = 0;  // operations of a sample
};

class Builder {
public:
    Builder(Building& building, const Step& step);

    Engine& engine() const { return building_.engine; }

    // Throws unless there are so many inputs.
    void takes(std::size_t low, std::size_t high) const;
    std::size_t count() const { return step_.inputs.size(); }
    const Shape& shape(std::size_t i) const { return building_.values[step_.inputs[i]].shape; }
    std::size_t number(std::size_t i) const { return building_.values[step_.inputs[i]].number; }
    Inputs numbers() const;

    // The first input, of a kind, all others being floats. An image or a row where that is asked for.
    enum class Size { any, image, row };
    const Shape& input(Kind kind, Size size = Size::any) const;
    // Throws unless the second input, if there is one, has the shape of what it is added to.
    void check_added(const Shape& output) const;

    // Attributes; one without a default must be there.
    std::int64_t whole(std::string_view name, std::int64_t low, std::int64_t high,
                       std::optional<std::int64_t> otherwise = {});
    double real(std::string_view name, double low, double high, std::optional<double> otherwise = {});
    std::array<double, 2> reals(std::string_view name, double low, double high);
    Pair pair(std::string_view name, std::int64_t low, std::int64_t high, std::optional<Pair> otherwise = {});
    Whole3 triple(std::string_view name, std::int64_t low, std::int64_t high, std::optional<Whole3> otherwise = {});
    bool flag(std::string_view name, bool otherwise);
    std::string choice(std::string_view name, std::initializer_list<std::string_view> words,
                       std::optional<std::string> otherwise = {});

    // Tensors, by what they are for.
    const Tensor& tensor(std::string_view role, Dtype dtype);
    const Tensor* maybe(std::string_view role, Dtype dtype);
    // A value per channel; empty where there is no such tensor.
    Channels per_channel(std::string_view role, std::uint64_t channels);
    Flips flips(std::string_view role, std::uint64_t channels);
    EpilogueValues epilogue(std::uint64_t channels);

    // Says that each of the output's elements takes so many operations; throws where all steps' are too many.
    void works(const Shape& output, double each);

    // Says that weights will take so many bytes; throws before they are allocated where that is too much.
    void reserve(std::uint64_t bytes);

    // Throws where the step has attributes or tensors that nobody asked for.
    void finish() const;

private:
    const Json* attribute(std::string_view name, bool required);
    template <std::size_t length>
    std::array<std::int64_t, length> several(std::string_view name, std::string_view words, std::int64_t low,
                                            std::int64_t high, std::optional<std::array<std::int64_t, length>> otherwise);
    const Tensor* row(std::string_view role, Dtype dtype, std::uint64_t channels);

    Building& building_;
    const Step& step_;
    std::set<std::string, std::less<>> asked_, roles_;
};

// Says what is wrong with an attribute; `given` is what the file has.
[[noreturn]] void refuse_attribute(std::string_view name, std::string_view must, const Json& given);

}  // namespace leveret::lvr
