// A transposed convolution as a node.
#include "engine/map_nodes.hpp"

namespace leveret {
namespace {

class Transposed : public Node {
public:
    Transposed(std::unique_ptr<TransposedConvLayer> layer, EpilogueValues epilogue)
        : layer_(std::move(layer)), epilogue_(std::move(epilogue)) {}

    void run(const Call& call) const override {
        layer_->run(call.floats(0), call.batch, epilogue_.over(call.floats(1)), call.out(), call.threads, call.scratch);
    }

    std::size_t scratch_bytes(std::size_t) const override { return layer_->scratch_bytes(); }

private:
    std::unique_ptr<TransposedConvLayer> layer_;
    EpilogueValues epilogue_;
};

}  // namespace

std::unique_ptr<Node> transposed_node(std::unique_ptr<TransposedConvLayer> layer, EpilogueValues epilogue) {
    return std::make_unique<Transposed>(std::move(layer), std::move(epilogue));
}

}  // namespace leveret
