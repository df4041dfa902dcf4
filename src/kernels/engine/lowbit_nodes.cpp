#include "engine/lowbit_nodes.hpp"

#include <utility>

#include "isa/choose.hpp"
#include "threads/pool.hpp"

namespace leveret {
namespace {

class Quantize : public Node {
public:
    Quantize(const Value& input, float step, Levels levels)
        : kernels_(active()), input_(input), step_(step), levels_(levels) {}

    void run(const Call& call) const override {
        auto* out = static_cast<std::uint8_t*>(call.output);
        parallel_for(call.batch * input_.elements(), 32768, call.threads, [&](std::size_t begin, std::size_t end) {
            kernels_.quantize(call.floats(0) + begin, end - begin, step_, levels_.low, levels_.high, out + begin);
        });
    }

private:
    const Kernels& kernels_;
    Value input_;
    float step_;
    Levels levels_;
};

class WholeConv : public Node {
public:
    WholeConv(const Value& input, const Window& window, std::shared_ptr<const WholeConvLayer> layer,
              EpilogueValues epilogue)
        : input_(input), window_(window), layer_(std::move(layer)), epilogue_(std::move(epilogue)) {}

    void run(const Call& call) const override {
        const auto* image = static_cast<const std::uint8_t*>(call.inputs[0]);
        const std::size_t in = input_.elements(), out = layer_->outputs() * window_.out_h * window_.out_w;
        each_frame(input_, window_, call.batch, [&](std::size_t first, std::size_t batch, const Window& window) {
            const float* add = call.floats(1) ? call.floats(1) + first * out : nullptr;
            layer_->run(image + first * in, batch, window, epilogue_.over(add), call.out() + first * out, call.threads);
        });
    }

private:
    Value input_;
    Window window_;
    std::shared_ptr<const WholeConvLayer> layer_;
    EpilogueValues epilogue_;
};

class Sparse : public Node {
public:
    Sparse(const Value& input, SparseWeights weights, EpilogueValues epilogue)
        : kernels_(active()), input_(input), weights_(std::move(weights)), epilogue_(std::move(epilogue)) {}

    void run(const Call& call) const override {
        SparseProduct job{};
        job.inputs = input_.channels;
        job.outputs = weights_.starts.size() - 1;
        job.values = weights_.values.data();
        job.columns = weights_.columns.data();
        job.starts = weights_.starts.data();
        job.x = call.floats(0);
        job.out = call.out();
        job.epilogue = epilogue_.over(call.floats(1));
        parallel_for(call.batch * input_.places(), 64, call.threads,
                     [&](std::size_t begin, std::size_t end) { kernels_.sparse_product(job, begin, end); });
    }

private:
    const Kernels& kernels_;
    Value input_;
    SparseWeights weights_;
    EpilogueValues epilogue_;
};

}  // namespace

std::unique_ptr<Node> quantize_node(const Value& input, float step, Levels levels) {
    return std::make_unique<Quantize>(input, step, levels);
}

std::unique_ptr<Node> whole_conv_node(const Value& input, const Window& window,
                                      std::shared_ptr<const WholeConvLayer> layer, EpilogueValues epilogue) {
    return std::make_unique<WholeConv>(input, window, std::move(layer), std::move(epilogue));
}

std::unique_ptr<Node> sparse_node(const Value& input, SparseWeights weights, EpilogueValues epilogue) {
    return std::make_unique<Sparse>(input, std::move(weights), std::move(epilogue));
}

}  // namespace leveret
