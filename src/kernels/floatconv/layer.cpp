#include "floatconv/layer.hpp"

#include "isa/choose.hpp"
#include "threads/rows.hpp"

namespace leveret {

FloatConvLayer::FloatConvLayer(const float* weights, std::size_t outputs, std::size_t taps, std::size_t channels,
                               std::size_t groups, bool exact)
    : kernels_(&active()), exact_(exact), outputs_(outputs), channels_(channels), groups_(groups), zeros_(channels) {
    const std::size_t own = channels / groups, filters = outputs / groups;
    if (is_depthwise()) {
        group_floats_ = taps;
        weights_.resize(taps * outputs);
        for (std::size_t o = 0; o < outputs; ++o)
            for (std::size_t tap = 0; tap < taps; ++tap) weights_[tap * outputs + o] = weights[o * taps + tap];
        return;
    }
    group_floats_ = kernels_->floatconv_floats(filters, taps, own);
    weights_.resize(group_floats_ * groups);
    for (std::size_t g = 0; g < groups; ++g)
        kernels_->floatconv_prepare(weights + g * filters * taps * own, filters, taps, own,
                                    weights_.data() + g * group_floats_);
}

void FloatConvLayer::run(const float* image, std::size_t batch, const Window& window, const Epilogue& epilogue,
                         float* out, int threads) const {
    const bool each_alone = is_depthwise();
    const std::size_t groups = each_alone ? 1 : groups_;
    for (std::size_t g = 0; g < groups; ++g) {
        const std::size_t filters = outputs_ / groups, c = g * filters;
        FloatConv job{};
        job.window = window;
        job.channels = channels_ / groups_;
        job.in_stride = channels_;
        job.outputs = filters;
        job.out_stride = outputs_;
        job.weights = weights_.data() + g * group_floats_;
        job.image = image + g * (channels_ / groups);
        job.zeros = zeros_.data();
        job.out = out + c;
        job.exact = exact_;
        job.epilogue = epilogue.from(c);
        const auto kernel = each_alone ? kernels_->depthwise : kernels_->floatconv;
        parallel_rows(batch * window.out_h, filters, threads,
                      [&](std::size_t begin, std::size_t end, std::size_t first, std::size_t last) {
                          FloatConv own_part = job;
                          own_part.first = first;
                          own_part.last = last;
                          kernel(own_part, begin, end);
                      });
    }
}

}  // namespace leveret
