// Images of another size: the nearest pixel, a mean of four, or the mean or largest of each of some parts.
//
// Where a place lies is computed as PyTorch computes it, in float, each operation rounded by itself (CMakeLists.txt keeps
// the compiler from fusing them): a place on the border between two pixels must get the same one.
#include <cmath>
#include <cstring>

#include "engine/each.hpp"
#include "engine/map_nodes.hpp"

namespace leveret {
namespace {

// The pixel that a place is made of, or the first of two with the second one's share.
struct Source {
    std::uint32_t first;
    float share;
};

class Places {
public:
    Places(std::size_t side, std::size_t count, float step, Resize mode)
        : side(side), count(count), step_(step), mode_(mode) {}

    Source at(std::size_t i) const {
        const auto x = static_cast<float>(i);
        float place = x * step_;
        if (mode_ == Resize::nearest_exact) place = (x + 0.5f) * step_;
        if (mode_ == Resize::bilinear) {
            place = (x + 0.5f) * step_;
            place = place - 0.5f;
        }
        const auto most = static_cast<float>(side - 1);
        place = place < 0.0f ? 0.0f : place > most ? most : place;
        const float first = std::floor(place);
        // of very long sides the last pixel's number is no float
        return {static_cast<std::uint32_t>(std::min(static_cast<std::size_t>(first), side - 1)), place - first};
    }

    std::size_t second(std::size_t first) const { return std::min(first + 1, side - 1); }

    // Each pixel itself.
    bool same() const { return side == count && step_ == 1.0f; }

    std::size_t side, count;

private:
    float step_;
    Resize mode_;
};

// out = a + (b - a) * share
inline void blend(const float* __restrict a, const float* __restrict b, float share, std::size_t count,
                  float* __restrict out) {
    for (std::size_t i = 0; i < count; ++i) out[i] = a[i] + (b[i] - a[i]) * share;
}

class NearestNode : public Node {
public:
    NearestNode(const Value& input, const Places& rows, const Places& columns)
        : input_(input), rows_(rows), columns_(columns) {}

    void run(const Call& call) const override {
        const std::size_t channels = input_.channels, row = columns_.count * channels;
        parallel_for(call.batch * rows_.count, grain(row), call.threads, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                const std::size_t y = rows_.at(i % rows_.count).first;
                const float* from = call.floats(0) + i / rows_.count * input_.elements() + y * input_.width * channels;
                float* out = call.out() + i * row;
                // the row above is often the same
                if (i > begin && i % rows_.count > 0 && rows_.at(i % rows_.count - 1).first == y)
                    std::memcpy(out, out - row, row * sizeof(float));
                else if (columns_.same())
                    std::memcpy(out, from, row * sizeof(float));
                else
                    for (std::size_t x = 0; x < columns_.count; ++x)
                        std::memcpy(out + x * channels, from + columns_.at(x).first * channels, channels * sizeof(float));
            }
        });
    }

private:
    Value input_;
    Places rows_, columns_;
};

// First along the rows that are needed, into memory of its own, then between these.
class BilinearNode : public Node {
public:
    BilinearNode(const Value& input, const Places& rows, const Places& columns)
        : input_(input), rows_(rows), columns_(columns) {}

    std::size_t scratch_bytes(std::size_t) const override {
        return columns_.same() ? 0 : lines() * row() * sizeof(float) + columns_.count * sizeof(Source);
    }

    void run(const Call& call) const override {
        auto* wide = static_cast<float*>(call.scratch);
        auto* places = reinterpret_cast<Source*>(wide + lines() * row());
        if (!columns_.same())
            for (std::size_t x = 0; x < columns_.count; ++x) places[x] = columns_.at(x);
        for (std::size_t n = 0; n < call.batch; ++n) {
            const float* image = call.floats(0) + n * input_.elements();
            if (!columns_.same()) widen(image, places, wide, call.threads);
            blend_rows(columns_.same() ? image : wide, call.out() + n * rows_.count * row(), call.threads);
        }
    }

private:
    std::size_t row() const { return columns_.count * input_.channels; }

    // Where rows are needed but here and there, each place has two of its own; else it's all of them.
    bool sparse() const { return !columns_.same() && 2 * rows_.count < rows_.side; }
    std::size_t lines() const { return sparse() ? 2 * rows_.count : rows_.side; }

    void widen(const float* image, const Source* places, float* wide, int threads) const {
        const std::size_t channels = input_.channels, line = input_.width * channels;
        parallel_for(lines(), grain(row()), threads, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                std::size_t y = i;
                if (sparse()) {
                    y = rows_.at(i / 2).first;
                    if (i % 2) y = rows_.second(y);
                }
                const float* from = image + y * line;
                float* out = wide + i * row();
                for (std::size_t x = 0; x < columns_.count; ++x) {
                    const std::size_t first = places[x].first;
                    blend(from + first * channels, from + columns_.second(first) * channels, places[x].share, channels,
                          out + x * channels);
                }
            }
        });
    }

    void blend_rows(const float* wide, float* out, int threads) const {
        parallel_for(rows_.count, grain(row()), threads, [&](std::size_t begin, std::size_t end) {
            for (std::size_t y = begin; y < end; ++y) {
                const Source source = rows_.at(y);
                const std::size_t first = sparse() ? 2 * y : source.first;
                const std::size_t second = sparse() ? 2 * y + 1 : rows_.second(first);
                blend(wide + first * row(), wide + second * row(), source.share, row(), out + y * row());
            }
        });
    }

    Value input_;
    Places rows_, columns_;
};

}  // namespace

std::unique_ptr<Node> resize_node(const Value& input, std::size_t height, std::size_t width, std::array<float, 2> step,
                                  Resize mode) {
    const Places rows(input.height, height, step[0], mode), columns(input.width, width, step[1], mode);
    if (mode == Resize::nearest || mode == Resize::nearest_exact)
        return std::make_unique<NearestNode>(input, rows, columns);
    return std::make_unique<BilinearNode>(input, rows, columns);
}

std::unique_ptr<Node> adaptive_pool_node(const Value& input, std::size_t height, std::size_t width, bool average) {
    const std::size_t channels = input.channels;
    return each(height * width, 1, [=](const Call& call, std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            const std::size_t y = i / width % height, x = i % width;
            const std::size_t top = y * input.height / height, left = x * input.width / width;
            const std::size_t bottom = ((y + 1) * input.height + height - 1) / height;
            const std::size_t right = ((x + 1) * input.width + width - 1) / width;
            const float* image = call.floats(0) + i / (height * width) * input.elements();
            float* out = call.out() + i * channels;
            std::memcpy(out, image + (top * input.width + left) * channels, channels * sizeof(float));
            for (std::size_t row = top; row < bottom; ++row)
                for (std::size_t column = left + (row == top); column < right; ++column) {
                    const float* pixel = image + (row * input.width + column) * channels;
                    if (average)
                        for (std::size_t c = 0; c < channels; ++c) out[c] += pixel[c];
                    else  // a NaN stays
                        for (std::size_t c = 0; c < channels; ++c)
                            out[c] = pixel[c] > out[c] || pixel[c] != pixel[c] ? pixel[c] : out[c];
                }
            const auto places = static_cast<float>((bottom - top) * (right - left));
            if (average)
                for (std::size_t c = 0; c < channels; ++c) out[c] /= places;
        }
    });
}

}  // namespace leveret
