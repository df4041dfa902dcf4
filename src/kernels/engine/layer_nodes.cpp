// Nodes with weights: convolutions, and linear layers as convolutions of one place.
#include <algorithm>
#include <utility>

#include "engine/node.hpp"

namespace leveret {

namespace {

class Conv : public Node {
public:
    Conv(const Value& input, const Window& window, std::unique_ptr<FloatConvLayer> layer, EpilogueValues epilogue)
        : input_(input), window_(window), layer_(std::move(layer)), epilogue_(std::move(epilogue)) {}

    void run(const Call& call) const override {
        const std::size_t in = input_.elements(), out = layer_->outputs() * window_.out_h * window_.out_w;
        each_frame(input_, window_, call.batch, [&](std::size_t first, std::size_t batch, const Window& window) {
            const float* add = call.floats(1) ? call.floats(1) + first * out : nullptr;
            layer_->run(call.floats(0) + first * in, batch, window, epilogue_.over(add), call.out() + first * out,
                        call.threads);
        });
    }

private:
    Value input_;
    Window window_;
    std::unique_ptr<FloatConvLayer> layer_;
    EpilogueValues epilogue_;
};

class BinaryConv : public Node {
public:
    BinaryConv(const Value& input, const Window& window, std::unique_ptr<BitConvLayer> layer, EpilogueValues epilogue,
               Channels threshold, Flips flip)
        : input_(input),
          window_(window),
          layer_(std::move(layer)),
          epilogue_(std::move(epilogue)),
          threshold_(std::move(threshold)),
          flip_(std::move(flip)),
          to_bits_(!threshold_.empty()) {}

    void run(const Call& call) const override {
        const std::size_t in = input_.bytes() / sizeof(std::uint64_t), places = window_.out_h * window_.out_w;
        const std::size_t out = layer_->outputs() * places, words = (layer_->outputs() + 63) / 64 * places;
        each_frame(input_, window_, call.batch, [&](std::size_t first, std::size_t batch, const Window& window) {
            const std::uint64_t* bits = call.words(0) + first * in;
            const float* add = call.floats(1) ? call.floats(1) + first * out : nullptr;
            if (!to_bits_) {
                const SignsToo signs{pointer(threshold_), pointer(flip_), call.signs ? call.signs + first * words : nullptr};
                layer_->run(bits, batch, window, epilogue_.over(add), call.out() + first * out, nullptr, nullptr, nullptr,
                            call.threads, call.scratch, signs);
            } else {
                layer_->run(bits, batch, window, {}, nullptr, threshold_.data(), flip_.data(),
                            call.out_words() + first * words, call.threads, call.scratch);
            }
        });
    }

    std::size_t scratch_bytes(std::size_t batch) const override {
        std::size_t most = 0;
        each_frame(input_, window_, batch, [&](std::size_t, std::size_t samples, const Window& window) {
            most = std::max(most, layer_->scratch_bytes(samples, window));
        });
        return most;
    }

    bool give_signs(const Channels& threshold, const Flips& flip) override {
        if (to_bits_ || signs_asked_ || layer_->groups() > 1) return false;
        threshold_ = threshold;
        flip_ = flip;
        return signs_asked_ = true;
    }

private:
    template <typename T>
    static const T* pointer(const std::vector<T>& values) {
        return values.empty() ? nullptr : values.data();
    }

    Value input_;
    Window window_;
    std::unique_ptr<BitConvLayer> layer_;
    EpilogueValues epilogue_;
    Channels threshold_;  // of the output's signs, whether they come alone or beside the sums
    Flips flip_;
    bool to_bits_, signs_asked_ = false;
};

}  // namespace

std::unique_ptr<Node> conv_node(const Value& input, const Window& window, std::unique_ptr<FloatConvLayer> layer,
                                EpilogueValues epilogue) {
    return std::make_unique<Conv>(input, window, std::move(layer), std::move(epilogue));
}

std::unique_ptr<Node> bitconv_node(const Value& input, const Window& window, std::unique_ptr<BitConvLayer> layer,
                                   EpilogueValues epilogue) {
    return std::make_unique<BinaryConv>(input, window, std::move(layer), std::move(epilogue), Channels{}, Flips{});
}

std::unique_ptr<Node> bitconv_to_bits_node(const Value& input, const Window& window,
                                           std::unique_ptr<BitConvLayer> layer, Channels threshold, Flips flip) {
    return std::make_unique<BinaryConv>(input, window, std::move(layer), EpilogueValues{}, std::move(threshold),
                                        std::move(flip));
}

}  // namespace leveret
