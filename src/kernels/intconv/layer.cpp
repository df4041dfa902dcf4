#include "intconv/layer.hpp"

#include "isa/choose.hpp"
#include "threads/pool.hpp"

namespace leveret {
namespace {
constexpr std::align_val_t cache_line{64};
}

void IntConvLayer::Free::operator()(void* p) const { ::operator delete(p, cache_line); }

IntConvLayer::IntConvLayer(const std::int8_t* weights, Levels levels, std::size_t outputs, std::size_t taps,
                           std::size_t channels, std::size_t groups)
    : kernels_(&active()), levels_(levels), outputs_(outputs), channels_(channels), groups_(groups), bias_(outputs) {
    const std::size_t own = channels / groups, filters = outputs / groups;
    group_bytes_ = (kernels_->intconv_bytes(filters, taps, own) + 63) / 64 * 64;
    weights_.reset(static_cast<std::uint8_t*>(::operator new(group_bytes_ * groups, cache_line)));
    for (std::size_t g = 0; g < groups; ++g)
        kernels_->intconv_prepare(levels, weights + g * filters * taps * own, filters, taps, own,
                                  weights_.get() + g * group_bytes_, bias_.data() + g * filters);
}

void IntConvLayer::run(const std::uint8_t* image, std::size_t batch, const Window& window, const Epilogue& epilogue,
                       float* out, int threads) const {
    const std::size_t own = channels_ / groups_, filters = outputs_ / groups_;
    for (std::size_t g = 0; g < groups_; ++g) {
        IntConv job{};
        job.window = window;
        job.levels = levels_;
        job.channels = own;
        job.in_stride = channels_;
        job.outputs = filters;
        job.out_stride = outputs_;
        job.weights = weights_.get() + g * group_bytes_;
        job.bias = bias_.data() + g * filters;
        job.image = image + g * own;
        job.out = out + g * filters;
        job.epilogue = epilogue.from(g * filters);
        parallel_for(batch * window.out_h, 1, threads,
                     [&](std::size_t begin, std::size_t end) { kernels_->intconv(job, begin, end); });
    }
}

}  // namespace leveret
