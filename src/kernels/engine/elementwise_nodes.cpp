// Nodes that work on each value, pixel or channel by itself, and those that pool.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>

#include "engine/node.hpp"
#include "isa/choose.hpp"
#include "threads/pool.hpp"

namespace leveret {
namespace {

const float* pointer(const Channels& values) { return values.empty() ? nullptr : values.data(); }

// about 32 k elements are worth another thread
std::size_t grain(std::size_t per_row) { return std::max<std::size_t>(1, 32768 / std::max<std::size_t>(per_row, 1)); }

class Bits : public Node {
public:
    Bits(const Value& input, Channels threshold, Flips flip)
        : kernels_(active()), input_(input), threshold_(std::move(threshold)), flip_(std::move(flip)) {}

    void run(const Call& call) const override {
        const std::size_t channels = input_.channels, words = (channels + 63) / 64;
        parallel_for(call.batch * input_.places(), grain(channels), call.threads, [&](std::size_t begin, std::size_t end) {
            kernels_.pack(call.floats(0) + begin * channels, end - begin, channels, pointer(threshold_),
                          flip_.empty() ? nullptr : flip_.data(), call.out_words() + begin * words);
        });
    }

private:
    const Kernels& kernels_;
    Value input_;
    Channels threshold_;
    Flips flip_;
};

class Affine : public Node {
public:
    Affine(const Value& input, EpilogueValues epilogue)
        : kernels_(active()), input_(input), epilogue_(std::move(epilogue)) {}

    void run(const Call& call) const override {
        const std::size_t channels = input_.channels;
        const float* add = call.floats(1);
        parallel_for(call.batch * input_.places(), grain(channels), call.threads, [&](std::size_t begin, std::size_t end) {
            kernels_.affine(call.floats(0) + begin * channels, end - begin, channels,
                            epilogue_.over(add ? add + begin * channels : nullptr), call.out() + begin * channels);
        });
    }

private:
    const Kernels& kernels_;
    Value input_;
    EpilogueValues epilogue_;
};

class Pool : public Node {
public:
    Pool(const Value& input, const Window& window, bool average, bool count_padding)
        : kernels_(active()), input_(input), window_(window), average_(average), count_padding_(count_padding) {}

    void run(const Call& call) const override {
        const Pool2d job{window_, input_.channels, call.floats(0), call.out(), count_padding_};
        parallel_for(call.batch * window_.out_h, grain(window_.out_w * input_.channels), call.threads,
                     [&](std::size_t begin, std::size_t end) {
                         (average_ ? kernels_.avg_pool : kernels_.max_pool)(job, begin, end);
                     });
    }

private:
    const Kernels& kernels_;
    Value input_;
    Window window_;
    bool average_, count_padding_;
};

// Anything that a small function does to each sample, or to each element, alone.
template <typename Work>
class Each : public Node {
public:
    Each(std::size_t count, std::size_t grain, Work work) : count_(count), grain_(grain), work_(std::move(work)) {}

    void run(const Call& call) const override {
        parallel_for(call.batch * count_, grain_, call.threads,
                     [&](std::size_t begin, std::size_t end) { work_(call, begin, end); });
    }

private:
    std::size_t count_, grain_;
    Work work_;
};

template <typename Work>
std::unique_ptr<Node> each(std::size_t count, std::size_t grain, Work work) {
    return std::make_unique<Each<Work>>(count, grain, std::move(work));
}

template <typename Function>
std::unique_ptr<Node> each_value(const Value& input, Function function) {
    return each(input.elements(), 16384, [function](const Call& call, std::size_t begin, std::size_t end) {
        const float* x = call.floats(0);
        float* out = call.out();
        for (std::size_t i = begin; i < end; ++i) out[i] = function(x[i]);
    });
}

float sigmoid(float x) { return 0.5f * (std::tanh(0.5f * x) + 1.0f); }

// log(1 + e^x) without an overflow
float softplus(float x) { return std::fmax(x, 0.0f) + std::log1p(std::exp(-std::fabs(x))); }

float hardsigmoid(float x) {
    const float y = x + 3.0f;
    return (y < 0.0f ? 0.0f : y > 6.0f ? 6.0f : y) / 6.0f;
}

}  // namespace

Epilogue EpilogueValues::over(const float* add) const {
    return {pointer(scale), pointer(shift), add, pointer(before), pointer(slope), pointer(after)};
}

std::unique_ptr<Node> bits_node(const Value& input, Channels threshold, Flips flip) {
    return std::make_unique<Bits>(input, std::move(threshold), std::move(flip));
}

std::unique_ptr<Node> affine_node(const Value& input, EpilogueValues epilogue) {
    return std::make_unique<Affine>(input, std::move(epilogue));
}

std::unique_ptr<Node> pool_node(const Value& input, const Window& window, bool average, bool count_padding) {
    return std::make_unique<Pool>(input, window, average, count_padding);
}

std::unique_ptr<Node> global_mean_node(const Value& input) {
    return each(1, 1, [input](const Call& call, std::size_t begin, std::size_t end) {
        const std::size_t channels = input.channels, places = input.places();
        constexpr std::size_t some = 64;
        for (std::size_t n = begin; n < end; ++n)
            for (std::size_t first = 0; first < channels; first += some) {
                const std::size_t count = std::min(some, channels - first);
                const float* x = call.floats(0) + n * input.elements() + first;
                double sums[some] = {};
                for (std::size_t place = 0; place < places; ++place, x += channels)
                    for (std::size_t c = 0; c < count; ++c) sums[c] += x[c];
                float* out = call.out() + n * channels + first;
                for (std::size_t c = 0; c < count; ++c)
                    out[c] = static_cast<float>(sums[c] / static_cast<double>(places));
            }
    });
}

std::unique_ptr<Node> global_max_node(const Value& input) {
    return each(1, 1, [input](const Call& call, std::size_t begin, std::size_t end) {
        const std::size_t channels = input.channels, places = input.places();
        for (std::size_t n = begin; n < end; ++n) {
            const float* x = call.floats(0) + n * input.elements();
            float* out = call.out() + n * channels;
            std::memcpy(out, x, channels * sizeof(float));
            for (std::size_t place = 1; place < places; ++place)
                for (std::size_t c = 0; c < channels; ++c) {
                    const float v = x[place * channels + c];
                    out[c] = v > out[c] || v != v ? v : out[c];  // a NaN stays
                }
        }
    });
}

std::unique_ptr<Node> channel_mean_node(const Value& input) {
    return each(input.places(), grain(input.channels), [input](const Call& call, std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            const float* x = call.floats(0) + i * input.channels;
            double sum = 0;
            for (std::size_t c = 0; c < input.channels; ++c) sum += x[c];
            call.out()[i] = static_cast<float>(sum / static_cast<double>(input.channels));
        }
    });
}

std::unique_ptr<Node> concat_node(std::vector<Value> inputs) {
    std::size_t channels = 0;
    for (const Value& value : inputs) channels += value.channels;
    const std::size_t places = inputs.front().places();
    return each(places, grain(channels), [inputs, channels](const Call& call, std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            float* out = call.out() + i * channels;
            for (std::size_t k = 0; k < inputs.size(); ++k) {
                const std::size_t own = inputs[k].channels;
                std::memcpy(out, call.floats(k) + i * own, own * sizeof(float));
                out += own;
            }
        }
    });
}

std::unique_ptr<Node> multiply_node(const Value& first, const Value& second) {
    const std::size_t channels = first.channels, step = second.channels == channels ? 1 : 0;
    const std::size_t places = first.places() / second.places();  // of the first for each of the second
    return each(first.places(), grain(channels), [=](const Call& call, std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            const float* a = call.floats(0) + i * channels;
            const float* b = call.floats(1) + i / places * (step ? channels : 1);
            for (std::size_t c = 0; c < channels; ++c) call.out()[i * channels + c] = a[c] * b[c * step];
        }
    });
}

std::unique_ptr<Node> clip_node(const Value& input, float low, float high) {
    // a NaN stays one
    return each_value(input, [=](float x) { return x < low ? low : x > high ? high : x; });
}

std::unique_ptr<Node> copy_node(const Value& input) {
    return each_value(input, [](float x) { return x; });
}

std::unique_ptr<Node> function_node(const Value& input, const char* name) {
    const std::string_view which = name;
    if (which == "abs") return each_value(input, [](float x) { return std::fabs(x); });
    if (which == "sigmoid") return each_value(input, sigmoid);
    if (which == "silu") return each_value(input, [](float x) { return x * sigmoid(x); });
    if (which == "elu") return each_value(input, [](float x) { return x > 0 ? x : std::expm1(x); });
    if (which == "gelu")
        return each_value(input, [](float x) { return 0.5f * x * std::erfc(-0.70710678f * x); });
    if (which == "hardsigmoid") return each_value(input, hardsigmoid);
    if (which == "hardswish") return each_value(input, [](float x) { return x * hardsigmoid(x); });
    if (which == "mish") return each_value(input, [](float x) { return x * std::tanh(softplus(x)); });
    if (which == "softplus") return each_value(input, softplus);
    if (which == "tanh") return each_value(input, [](float x) { return std::tanh(x); });
    if (which == "gelu_tanh")  // Hendrycks & Gimpel, 2016, section 2
        return each_value(input, [](float x) {
            return 0.5f * x * (1 + std::tanh(0.7978845608f * (x + 0.044715f * x * x * x)));
        });
    return nullptr;
}

}  // namespace leveret
