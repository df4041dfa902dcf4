#include "coding/symbols.hpp"

#include <algorithm>
#include <bit>
#include <type_traits>
#include <utility>

namespace leveret {
namespace {

// How often a decision was no and yes: the chances of the next one (Krichevsky and Trofimov's estimate).
class Counts {
public:
    // Of a yes, in 1/65536; neither is ever impossible.
    std::uint32_t chance() const {
        const std::uint32_t p = ((2 * yes_ + 1) << 16) / (2 * (no_ + yes_) + 2);
        return std::clamp<std::uint32_t>(p, 1, 65535);
    }

    void saw(bool yes) {
        ++(yes ? yes_ : no_);
        if (no_ + yes_ == 32767) {  // what 32 bits hold above
            no_ /= 2;
            yes_ /= 2;
        }
    }

private:
    std::uint32_t no_ = 0, yes_ = 0;
};

// An interval of 32 bits that each decision narrows. Bytes that both ends share are settled.
class Interval {
public:
    std::uint32_t split(std::uint32_t chance) const {
        return low + static_cast<std::uint32_t>((std::uint64_t{high - low} * chance) >> 16);
    }
    void narrow(std::uint32_t middle, bool yes) { (yes ? high : low) = yes ? middle : middle + 1; }
    bool settled() const { return (low ^ high) >> 24 == 0; }
    void shift() {
        low <<= 8;
        high = high << 8 | 255;
    }

    std::uint32_t low = 0, high = 0xffffffff;
};

class Encoder {
public:
    bool operator()(Counts& counts, bool yes) {
        interval_.narrow(interval_.split(counts.chance()), yes);
        for (; interval_.settled(); interval_.shift()) bytes_.push_back(static_cast<std::uint8_t>(interval_.high >> 24));
        counts.saw(yes);
        return yes;
    }

    std::vector<std::uint8_t> finish() {
        for (int shift = 24; shift >= 0; shift -= 8) bytes_.push_back(static_cast<std::uint8_t>(interval_.low >> shift));
        return std::move(bytes_);
    }

private:
    Interval interval_;
    std::vector<std::uint8_t> bytes_;
};

class Decoder {
public:
    explicit Decoder(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
        for (int i = 0; i < 4; ++i) next();
    }

    bool operator()(Counts& counts, bool) {
        const std::uint32_t middle = interval_.split(counts.chance());
        const bool yes = value_ <= middle;
        interval_.narrow(middle, yes);
        for (; interval_.settled(); interval_.shift()) next();
        counts.saw(yes);
        return yes;
    }

    // Whether every byte was needed, and all were there; they end with the interval's lower end.
    bool whole() const { return at_ == bytes_.size() && value_ == interval_.low; }

private:
    void next() {
        value_ = value_ << 8 | (at_ < bytes_.size() ? bytes_[at_] : 0);
        ++at_;
    }

    Interval interval_;
    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
    std::uint32_t value_ = 0;
};

constexpr std::size_t densities = 9, neighbours = 5;

// How sparse `set` of `seen` are: 0 for nearly all, about one more for each halving.
std::size_t density(std::size_t seen, std::size_t set) {
    return std::min<std::size_t>(std::bit_width(2 * seen + 2) - std::bit_width(2 * set + 1), densities - 1);
}

// Visits each symbol in the order in which both sides know all earlier ones. `Coder` is asked for every decision, with what
// `symbols` holds in encoding; `symbols` is written in decoding.
template <typename Coder, typename Symbol>
bool visit(Coder& code, const SymbolGrid& grid, Symbol* symbols) {
    const int bits = grid.levels > 2 ? std::bit_width(grid.levels - 2) : 0;
    std::vector<Counts> zero(neighbours * densities), value(std::size_t{1} << bits);
    std::vector<std::uint32_t> columns(grid.columns, 0);
    for (std::size_t row = 0; row < grid.rows; ++row) {
        Symbol* line = symbols + row * grid.columns;
        const auto is_set = [&](std::size_t at, std::size_t back) { return at >= back && line[at - back] != 0; };
        for (std::size_t at = 0; at < grid.columns; ++at) {
            std::size_t context = is_set(at, 1) + is_set(at, 2);
            if (grid.line > 0) context += is_set(at, grid.line) + (grid.line > 1 && is_set(at, grid.line - 1));
            context = context * densities + density(row, columns[at]);
            const std::size_t known = line[at];
            std::size_t symbol = 0;
            if (code(zero[context], known != 0)) {
                std::size_t node = 1;
                for (int bit = bits - 1; bit >= 0; --bit)
                    node = node << 1 | std::size_t{code(value[node], ((known - 1) >> bit & 1) != 0)};
                symbol = node - (std::size_t{1} << bits) + 1;
                if (symbol >= grid.levels) return false;
                ++columns[at];
            }
            if constexpr (!std::is_const_v<Symbol>) line[at] = static_cast<Symbol>(symbol);
        }
    }
    return true;
}

}  // namespace

std::vector<std::uint8_t> encode_symbols(const std::uint16_t* symbols, const SymbolGrid& grid) {
    Encoder encoder;
    visit(encoder, grid, symbols);
    return encoder.finish();
}

bool decode_symbols(std::span<const std::uint8_t> bytes, const SymbolGrid& grid, std::uint16_t* symbols) {
    Decoder decoder(bytes);
    return visit(decoder, grid, symbols) && decoder.whole();
}

}  // namespace leveret
