// Parts of an image, and its border: places and channels that are moved, none that are computed.
#include <cstring>

#include "engine/each.hpp"
#include "engine/map_nodes.hpp"

namespace leveret {
namespace {

// Along one axis: where each of `count` values comes from.
class Axis {
public:
    Axis(const Part& part, std::size_t axis, std::size_t side)
        : start_(part.start[axis]),
          step_(part.step[axis]),
          count_(part.count[axis]),
          side_(static_cast<std::ptrdiff_t>(side)),
          beyond_(part.beyond) {}

    std::size_t count() const { return static_cast<std::size_t>(count_); }

    // As many as there are, in their order.
    bool whole() const { return start_ == 0 && step_ == 1 && count_ == side_; }

    // Values first..last-1 are neighbours in the input, too.
    std::size_t first() const { return clipped(step_ == 1 ? -start_ : 0); }
    std::size_t last() const { return clipped(step_ == 1 ? side_ - start_ : 0); }

    // The input's value for i; -1 for a constant.
    std::ptrdiff_t source(std::size_t i) const {
        const std::ptrdiff_t at = start_ + static_cast<std::ptrdiff_t>(i) * step_;
        if (at >= 0 && at < side_) return at;
        const bool before = at < 0;
        switch (beyond_) {
            case Beyond::reflect: return before ? -at : 2 * side_ - 2 - at;
            case Beyond::replicate: return before ? 0 : side_ - 1;
            case Beyond::circular: return before ? at + side_ : at - side_;
            default: return -1;
        }
    }

private:
    std::size_t clipped(std::ptrdiff_t i) const {
        return static_cast<std::size_t>(i < 0 ? 0 : i > count_ ? count_ : i);
    }

    std::ptrdiff_t start_, step_, count_, side_;
    Beyond beyond_;
};

class PartNode : public Node {
public:
    PartNode(const Value& input, const Part& part)
        : input_(input),
          rows_(part, 0, input.height),
          columns_(part, 1, input.width),
          channels_(part, 2, input.channels),
          value_(part.value) {}

    void run(const Call& call) const override {
        const std::size_t row = columns_.count() * channels_.count();
        parallel_for(call.batch * rows_.count(), grain(row), call.threads, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                const std::ptrdiff_t y = rows_.source(i % rows_.count());
                float* out = call.out() + i * row;
                if (y < 0)
                    std::fill_n(out, row, value_);
                else
                    copy_row(call.floats(0) + i / rows_.count() * input_.elements() +
                                 static_cast<std::size_t>(y) * input_.width * input_.channels,
                             out);
            }
        });
    }

private:
    void copy_row(const float* from, float* out) const {
        const std::size_t own = channels_.count();
        std::size_t x = 0;
        if (channels_.whole() && columns_.first() < columns_.last()) {
            for (; x < columns_.first(); ++x) copy_pixel(from, x, out + x * own);
            const std::size_t run = columns_.last() - x;
            std::memcpy(out + x * own, from + static_cast<std::size_t>(columns_.source(x)) * own,
                        run * own * sizeof(float));
            x += run;
        }
        for (; x < columns_.count(); ++x) copy_pixel(from, x, out + x * own);
    }

    void copy_pixel(const float* from, std::size_t x, float* out) const {
        const std::ptrdiff_t at = columns_.source(x);
        const std::size_t own = channels_.count();
        if (at < 0) {
            std::fill_n(out, own, value_);
            return;
        }
        const float* pixel = from + static_cast<std::size_t>(at) * input_.channels;
        if (channels_.first() < channels_.last()) {
            std::size_t c = 0;
            for (; c < channels_.first(); ++c) out[c] = channel(pixel, c);
            std::memcpy(out + c, pixel + channels_.source(c), (channels_.last() - c) * sizeof(float));
            for (c = channels_.last(); c < own; ++c) out[c] = channel(pixel, c);
        } else {
            for (std::size_t c = 0; c < own; ++c) out[c] = channel(pixel, c);
        }
    }

    float channel(const float* pixel, std::size_t c) const {
        const std::ptrdiff_t at = channels_.source(c);
        return at < 0 ? value_ : pixel[at];
    }

    Value input_;
    Axis rows_, columns_, channels_;
    float value_;
};

}  // namespace

std::unique_ptr<Node> part_node(const Value& input, const Part& part) {
    return std::make_unique<PartNode>(input, part);
}

}  // namespace leveret
