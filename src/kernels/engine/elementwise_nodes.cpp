// Nodes that work on each value, pixel or channel by itself, and those that pool.
#include <cmath>
#include <cstring>
#include <string_view>

#include "engine/each.hpp"
#include "isa/choose.hpp"

namespace leveret {
namespace {

const float* pointer(const Channels& values) { return values.empty() ? nullptr : values.data(); }

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

std::unique_ptr<Node> channel_norm_node(const Value& input) {
    return each(input.places(), grain(input.channels), [input](const Call& call, std::size_t begin, std::size_t end) {
        constexpr std::size_t lanes = 8;  // sums beside each other, as no sum waits for another then
        for (std::size_t i = begin; i < end; ++i) {
            const float* x = call.floats(0) + i * input.channels;
            float sums[lanes] = {};
            std::size_t c = 0;
            for (; c + lanes <= input.channels; c += lanes)
                for (std::size_t k = 0; k < lanes; ++k) sums[k] += x[c + k] * x[c + k];
            for (; c < input.channels; ++c) sums[c % lanes] += x[c] * x[c];
            const float half = (sums[0] + sums[4]) + (sums[1] + sums[5]);
            call.out()[i] = std::sqrt(half + ((sums[2] + sums[6]) + (sums[3] + sums[7])));
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

namespace {

// combine(a, b) of each two values; the second image may have one place down or across, or one channel, for all.
template <typename Combine>
std::unique_ptr<Node> pairs(const Value& first, const Value& second, Combine combine) {
    const std::size_t channels = first.channels, down = second.height > 1 ? second.width * second.channels : 0;
    const std::size_t across = second.width > 1 ? second.channels : 0;
    const bool one = second.channels == 1;
    return each(first.height, grain(first.width * channels), [=](const Call& call, std::size_t begin, std::size_t end) {
        for (std::size_t row = begin; row < end; ++row) {
            const float* a = call.floats(0) + row * first.width * channels;
            const float* b = call.floats(1) + row / first.height * second.elements() + row % first.height * down;
            float* out = call.out() + row * first.width * channels;
            for (std::size_t x = 0; x < first.width; ++x, a += channels, b += across, out += channels)
                if (one)
                    for (std::size_t c = 0; c < channels; ++c) out[c] = combine(a[c], b[0]);
                else
                    for (std::size_t c = 0; c < channels; ++c) out[c] = combine(a[c], b[c]);
        }
    });
}

}  // namespace

std::unique_ptr<Node> multiply_node(const Value& first, const Value& second) {
    return pairs(first, second, [](float a, float b) { return a * b; });
}

std::unique_ptr<Node> divide_node(const Value& first, const Value& second) {
    return pairs(first, second, [](float a, float b) { return a / b; });
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
