#include "lvr/net.hpp"

#include <algorithm>

#include "isa/choose.hpp"
#include "lvr/builder.hpp"
#include "lvr/codings.hpp"
#include "lvr/container.hpp"
#include "lvr/contract.hpp"
#include "lvr/graph.hpp"
#include "lvr/ops/ops.hpp"
#include "lvr/text.hpp"

namespace leveret::lvr {
namespace {

Made build(Building& building, const Step& step) {
    try {
        Builder builder(building, step);
        const Build build = build_of(step.op);
        if (step.inputs.empty()) refuse("takes at least one input, got 0");
        const Made made = build(builder);
        builder.finish();
        return made;
    } catch (const FormatError& error) {
        refuse("step '", step.name, "' (", step.op, "): ", error.what());
    }
}

void check_result(const Building& building, const std::vector<std::string>& classes) {
    const Shape& last = building.values.back().shape;
    if (last.kind != Kind::floats)
        refuse("the last step must give logits, rows or maps of floats; it gives ", shown(last.kind));
    if (!classes.empty() && classes.size() != last.channels)
        refuse("the net gives ", last.channels, " logits for ", classes.size(), " classes");
    for (const auto& [name, tensor] : building.container.tensors)
        if (!building.used.contains(name)) refuse("no step uses tensor ", quoted(name));
}

}  // namespace

Net::Net(std::span<const std::uint8_t> file) {
    active();  // says what is wrong with LEVERET_ISA, before the first layer meets it
    Container container = read_container(file);
    verify(container);
    if (container.texts.contains("route"))
        refuse("it holds several graphs and a route between them, which this library doesn't run; leveret.runtime does, "
               "in Python");
    decode(container);
    const Graph graph = Graph::read(container.text("graph"));
    Contract contract = Contract::read(container.text("input"));
    classes_ = read_classes(container.text("classes"));
    if (!JsonText(container.text("provenance"), "provenance").root().is_object())
        refuse("the provenance must be an object");

    input_ = image_of(contract.height, contract.width, contract.channels);
    takes_pixels_ = !contract.mean.empty();
    engine_ = std::make_unique<Engine>(Value{contract.height, contract.width, contract.channels},
                                       std::move(contract.mean), std::move(contract.std));
    Building building{*engine_, container, {{input_, 0}}, {}};
    building.most_weights = most_memory + file.size();
    for (const Step& step : graph.steps) building.values.push_back(build(building, step));
    check_result(building, classes_);
    output_ = building.values.back().shape;
    engine_->plan();
    if (bytes() > most_memory)
        refuse("one sample would take ", bytes() >> 20, " MB of memory; at most ", most_memory >> 20, " are allowed");
}

template <typename Pixel>
void Net::run(const Pixel* images, std::size_t n, float* logits, int threads) const {
    engine_->run(images, n, logits, threads, true);
}

template void Net::run(const float*, std::size_t, float*, int) const;
template void Net::run(const std::uint8_t*, std::size_t, float*, int) const;

}  // namespace leveret::lvr
