// Nodes with weights: convolutions, and linear layers as convolutions of one place.
#include <utility>

#include "engine/node.hpp"

namespace leveret {

Frame frame_of(const Value& input, const Window& window, std::size_t batch) {
    if (input.places() > 1 || window.kernel_h * window.kernel_w > 1 || window.out_h * window.out_w > 1)
        return {batch, window};
    Window line = window;
    line.width = line.out_w = static_cast<std::ptrdiff_t>(batch);
    return {1, line};
}

namespace {

class Conv : public Node {
public:
    Conv(const Value& input, const Window& window, std::unique_ptr<FloatConvLayer> layer, EpilogueValues epilogue)
        : input_(input), window_(window), layer_(std::move(layer)), epilogue_(std::move(epilogue)) {}

    void run(const Call& call) const override {
        const Frame frame = frame_of(input_, window_, call.batch);
        layer_->run(call.floats(0), frame.batch, frame.window, epilogue_.over(call.floats(1)), call.out(), call.threads);
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
          flip_(std::move(flip)) {}

    void run(const Call& call) const override {
        const Frame frame = frame_of(input_, window_, call.batch);
        if (threshold_.empty())
            layer_->run(call.words(0), frame.batch, frame.window, epilogue_.over(call.floats(1)), call.out(), nullptr,
                        nullptr, nullptr, call.threads, call.scratch);
        else
            layer_->run(call.words(0), frame.batch, frame.window, {}, nullptr, threshold_.data(), flip_.data(),
                        call.out_words(), call.threads, call.scratch);
    }

    std::size_t scratch_bytes(std::size_t batch) const override {
        const Frame frame = frame_of(input_, window_, batch);
        return layer_->scratch_bytes(frame.batch, frame.window);
    }

private:
    Value input_;
    Window window_;
    std::unique_ptr<BitConvLayer> layer_;
    EpilogueValues epilogue_;
    Channels threshold_;
    Flips flip_;
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
