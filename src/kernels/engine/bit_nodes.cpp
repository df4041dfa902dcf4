// Nodes from bits to bits: a max-pool of signs, and the flattening of an image of signs.
#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/node.hpp"
#include "threads/pool.hpp"

namespace leveret {
namespace {

std::size_t words_of(std::size_t channels) { return (channels + 63) / 64; }

class BitPool : public Node {
public:
    BitPool(const Value& input, const Window& window, const Flips& flip)
        : input_(input), window_(window), flips_(words_of(input.channels)) {
        for (std::size_t c = 0; c < flip.size(); ++c)
            flips_[c / 64] |= static_cast<std::uint64_t>(flip[c] != 0) << (c % 64);
    }

    void run(const Call& call) const override {
        const Window& w = window_;
        const std::size_t words = flips_.size();
        parallel_for(call.batch * w.out_h, 8, call.threads, [&](std::size_t begin, std::size_t end) {
            for (std::size_t row = begin; row < end; ++row) {
                const std::ptrdiff_t top = static_cast<std::ptrdiff_t>(row % w.out_h) * w.stride_h - w.pad_h;
                const std::uint64_t* image = call.words(0) + row / w.out_h * input_.places() * words;
                for (std::ptrdiff_t x = 0; x < w.out_w; ++x)
                    pixel(image, top, x * w.stride_w - w.pad_w, call.out_words() + (row * w.out_w + x) * words);
            }
        });
    }

private:
    // All of some bits are set where none of their opposites is; a place outside the image counts for nothing.
    void pixel(const std::uint64_t* image, std::ptrdiff_t top, std::ptrdiff_t left, std::uint64_t* out) const {
        const Window& w = window_;
        const std::size_t words = flips_.size();
        std::memset(out, 0, words * sizeof *out);
        for (std::ptrdiff_t y = std::max<std::ptrdiff_t>(top, 0); y < std::min(top + w.kernel_h, w.height); ++y)
            for (std::ptrdiff_t x = std::max<std::ptrdiff_t>(left, 0); x < std::min(left + w.kernel_w, w.width); ++x) {
                const std::uint64_t* p = image + (y * w.width + x) * words;
                for (std::size_t i = 0; i < words; ++i) out[i] |= p[i] ^ flips_[i];
            }
        for (std::size_t i = 0; i < words; ++i) out[i] ^= flips_[i];
    }

    Value input_;
    Window window_;
    std::vector<std::uint64_t> flips_;
};

class BitFlatten : public Node {
public:
    explicit BitFlatten(const Value& input) : input_(input) {}

    void run(const Call& call) const override {
        const std::size_t words = words_of(input_.channels), places = input_.places();
        const std::size_t out_words = words_of(input_.elements());
        parallel_for(call.batch, 1, call.threads, [&](std::size_t begin, std::size_t end) {
            for (std::size_t n = begin; n < end; ++n) {
                const std::uint64_t* from = call.words(0) + n * places * words;
                std::uint64_t* out = call.out_words() + n * out_words;
                std::memset(out, 0, out_words * sizeof *out);
                for (std::size_t place = 0; place < places; ++place)
                    for (std::size_t i = 0; i < words; ++i) {
                        // spare bits are 0, so that a last word may reach into the next place's bits
                        const std::size_t at = place * input_.channels + i * 64, shift = at % 64;
                        const std::uint64_t word = from[place * words + i];
                        out[at / 64] |= word << shift;
                        if (shift && word >> (64 - shift)) out[at / 64 + 1] |= word >> (64 - shift);
                    }
            }
        });
    }

private:
    Value input_;
};

}  // namespace

std::unique_ptr<Node> bit_pool_node(const Value& input, const Window& window, Flips flip) {
    return std::make_unique<BitPool>(input, window, flip);
}

std::unique_ptr<Node> bit_flatten_node(const Value& input) { return std::make_unique<BitFlatten>(input); }

}  // namespace leveret
