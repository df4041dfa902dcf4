#include "engine/engine.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include "engine/transpose.hpp"
#include "threads/pool.hpp"

namespace leveret {
namespace {

constexpr std::size_t line = 64;                       // of the cache: where values begin
constexpr std::size_t most_bytes = std::size_t{64} << 20;  // of memory for a part of a batch, but at least one sample
constexpr std::size_t most_spare = std::size_t{256} << 20;  // of memory kept for later calls, but at least one piece

std::size_t rounded(std::size_t bytes) { return (bytes + line - 1) / line * line; }

struct Life {
    std::size_t value, bytes, begin, end;  // in steps, both included
};

}  // namespace

Engine::Engine(const Value& input, Channels mean, Channels std)
    : values_{input}, mean_(std::move(mean)), std_(std::move(std)) {}

std::size_t Engine::add(std::unique_ptr<Node> node, std::vector<std::size_t> inputs, const Value& output) {
    if (!node) throw std::invalid_argument("no such operation");
    for (const std::size_t i : inputs)
        if (i >= values_.size()) throw std::invalid_argument("a node reads a value that no earlier node gives");
    steps_.push_back({std::move(node), std::move(inputs)});
    values_.push_back(output);
    return values_.size() - 1;
}

bool Node::give_signs(const Channels&, const Flips&) { return false; }

std::optional<std::size_t> Engine::add_signs(std::size_t input, const Channels& threshold, const Flips& flip) {
    if (input == 0 || input >= values_.size()) return std::nullopt;
    Step& maker = steps_[input - 1];
    if (!maker.node || !maker.node->give_signs(threshold, flip)) return std::nullopt;
    Value signs = values_[input];
    signs.bits = true;
    maker.signs = values_.size();
    steps_.push_back({nullptr, {input}});  // nothing is left to do, but values are numbered by their steps
    values_.push_back(signs);
    return maker.signs;
}

void Engine::plan() {
    if (steps_.empty()) throw std::invalid_argument("a net needs at least one node");
    if (!steps_.back().node) throw std::invalid_argument("a net ends with floats");
    std::vector<Life> lives;
    for (std::size_t v = 0; v + 1 < values_.size(); ++v) {  // the last value is written to the caller's memory
        const std::size_t made = v == 0 ? 0 : v - 1;
        lives.push_back({v, rounded(values_[v].bytes()), made, made});
    }
    for (std::size_t s = 0; s < steps_.size(); ++s)
        for (const std::size_t v : steps_[s].inputs)
            if (v < lives.size()) lives[v].end = s;
    for (std::size_t s = 0; s < steps_.size(); ++s)
        if (steps_[s].signs) lives[steps_[s].signs].begin = s;
    // the largest first, each at the lowest place that none of its contemporaries holds
    std::stable_sort(lives.begin(), lives.end(), [](const Life& a, const Life& b) { return a.bytes > b.bytes; });
    offsets_.assign(values_.size(), 0);
    std::vector<Life> placed;  // by where they begin: a long net of small values is planned in its steps' square
    const auto before = [this](const Life& a, const Life& b) { return offsets_[a.value] < offsets_[b.value]; };
    for (const Life& life : lives) {
        std::size_t at = 0;
        for (const Life& other : placed) {
            if (other.end < life.begin || life.end < other.begin) continue;
            const std::size_t begin = offsets_[other.value];
            if (at + life.bytes <= begin) break;
            at = std::max(at, begin + other.bytes);
        }
        offsets_[life.value] = at;
        arena_ = std::max(arena_, at + life.bytes);
        placed.insert(std::upper_bound(placed.begin(), placed.end(), life, before), life);
    }
}

std::size_t Engine::arena_bytes(std::size_t batch) const {
    std::size_t scratch = 0;
    for (const Step& step : steps_)
        if (step.node) scratch = std::max(scratch, rounded(step.node->scratch_bytes(batch)));
    return arena_ * batch + scratch;
}

Engine::Arena Engine::take(std::size_t bytes) const {
    {
        std::lock_guard lock(mutex_);
        for (std::size_t i = spare_.size(); i-- > 0;)
            if (spare_[i].bytes >= bytes) {
                Arena arena = std::move(spare_[i]);
                spare_.erase(spare_.begin() + static_cast<std::ptrdiff_t>(i));
                return arena;
            }
        if (!spare_.empty()) spare_.pop_back();  // too small: its successor is kept in its place
    }
    Arena arena;
    arena.bytes = bytes;
    arena.memory.reset(new std::uint8_t[bytes + line]);
    const auto start = reinterpret_cast<std::uintptr_t>(arena.memory.get());
    arena.base = arena.memory.get() + (line - start % line) % line;
    return arena;
}

void Engine::give(Arena arena) const {
    std::lock_guard lock(mutex_);
    std::size_t kept = arena.bytes;
    for (const Arena& other : spare_) kept += other.bytes;
    if (spare_.empty() || kept <= most_spare) spare_.push_back(std::move(arena));
}

template <typename Pixel>
void Engine::read_images(const Pixel* images, std::size_t batch, float* to, int threads) const {
    const std::size_t channels = values_[0].channels, places = values_[0].places();
    parallel_for(batch * values_[0].height, 8, threads, [&](std::size_t begin, std::size_t end) {
        const std::size_t width = values_[0].width, height = values_[0].height;
        for (std::size_t row = begin; row < end; ++row) {
            const std::size_t n = row / height, y = row % height;
            float* out = to + row * width * channels;
            const Pixel* from = images + n * channels * places + y * width;
            if constexpr (sizeof(Pixel) == 1) {  // the same operations in the same precision as in training
                for (std::size_t c = 0; c < channels; ++c, from += places)
                    for (std::size_t x = 0; x < width; ++x)
                        out[x * channels + c] = (static_cast<float>(from[x]) - mean_[c]) / std_[c];
            } else {
                transpose(from, channels, width, places, out, channels);
            }
        }
    });
}

// Adds up what lies between one look and the next.
class Engine::Stopwatch {
public:
    explicit Stopwatch(std::size_t laps) : seconds(laps) {}

    void start() { last_ = Clock::now(); }

    void lap(std::size_t i) {
        const auto now = Clock::now();
        seconds[i] += std::chrono::duration<double>(now - last_).count();
        last_ = now;
    }

    Seconds seconds;

private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point last_;
};

void Engine::run_steps(std::uint8_t* arena, std::size_t batch, float* out, int threads, Stopwatch* watch) const {
    std::vector<const void*> inputs;
    for (std::size_t s = 0; s < steps_.size(); ++s) {
        inputs.assign(std::max<std::size_t>(steps_[s].inputs.size(), 2), nullptr);  // a missing second input reads as null
        for (std::size_t i = 0; i < steps_[s].inputs.size(); ++i)
            inputs[i] = arena + offsets_[steps_[s].inputs[i]] * batch;
        void* output = s + 1 == steps_.size() ? static_cast<void*>(out) : arena + offsets_[s + 1] * batch;
        const std::size_t signs = steps_[s].signs;
        auto* beside = signs ? reinterpret_cast<std::uint64_t*>(arena + offsets_[signs] * batch) : nullptr;
        if (steps_[s].node) steps_[s].node->run({inputs.data(), output, arena + arena_ * batch, batch, threads, beside});
        if (watch) watch->lap(s + 1);
    }
}

template <typename Pixel>
void Engine::run_parts(const Pixel* images, std::size_t batch, float* out, int threads, bool channels_first,
                       Stopwatch* watch) const {
    if (sizeof(Pixel) == 1 && mean_.empty()) throw std::invalid_argument("this net takes floats alone");
    const Value& last = values_.back();
    channels_first = channels_first && last.places() > 1;
    const std::size_t maps = channels_first ? rounded(last.bytes()) : 0;  // wait here to be transposed, bytes a sample
    const std::size_t most = std::max<std::size_t>(1, most_bytes / std::max<std::size_t>(arena_bytes(1) + maps, 1));
    const std::size_t row = last.elements(), image = values_[0].elements();
    if (batch == 0) return;
    const std::size_t largest = std::min(batch, most), before = rounded(arena_bytes(largest));
    Arena arena = take(before + maps * largest);
    for (std::size_t begin = 0; begin < batch; begin += most) {
        const std::size_t part = std::min(most, batch - begin);
        float* to = out + begin * row;
        float* made = channels_first ? reinterpret_cast<float*>(arena.base + before) : to;
        if (watch) watch->start();
        read_images(images + begin * image, part, reinterpret_cast<float*>(arena.base + offsets_[0] * part), threads);
        if (watch) watch->lap(0);
        run_steps(arena.base, part, made, threads, watch);
        if (channels_first) to_channels_first(made, part, last.places(), last.channels, to, threads);
    }
    give(std::move(arena));
}

void Engine::run(const float* images, std::size_t batch, float* out, int threads, bool channels_first) const {
    run_parts(images, batch, out, threads, channels_first, nullptr);
}

void Engine::run(const std::uint8_t* images, std::size_t batch, float* out, int threads, bool channels_first) const {
    run_parts(images, batch, out, threads, channels_first, nullptr);
}

Engine::Seconds Engine::profile(const float* images, std::size_t batch, float* out, int threads) const {
    Stopwatch watch(steps_.size() + 1);
    run_parts(images, batch, out, threads, false, &watch);
    return watch.seconds;
}

Engine::Seconds Engine::profile(const std::uint8_t* images, std::size_t batch, float* out, int threads) const {
    Stopwatch watch(steps_.size() + 1);
    run_parts(images, batch, out, threads, false, &watch);
    return watch.seconds;
}

}  // namespace leveret
