#include "intconv/layer.hpp"

#include "threads/pool.hpp"

namespace leveret {

IntConvLayer::IntConvLayer(const std::int8_t* weights, Levels levels, std::size_t outputs, std::size_t taps,
                           std::size_t channels, std::size_t groups)
    : WholeConvLayer(levels, outputs, channels, groups) {
    const std::size_t own = channels / groups, filters = outputs / groups;
    reserve(kernels_->intconv_bytes(filters, taps, own));
    for (std::size_t g = 0; g < groups; ++g)
        kernels_->intconv_prepare(levels, weights + g * filters * taps * own, filters, taps, own,
                                  weights_.get() + g * group_bytes_, bias_.data() + g * filters);
}

void IntConvLayer::run(const std::uint8_t* image, std::size_t batch, const Window& window, const Epilogue& epilogue,
                       float* out, int threads) const {
    for (std::size_t g = 0; g < groups_; ++g) {
        auto job = job_of<IntConv>(image, window, epilogue, out, g);
        job.levels = levels_;
        const std::size_t rows = batch * window.out_h;
        parallel_for(rows, grain(window, rows, threads), threads,
                     [&](std::size_t begin, std::size_t end) { kernels_->intconv(job, begin, end); });
    }
}

std::size_t IntConvLayer::held(const Window& window) const { return kernels_->intconv_held(window, channels_ / groups_); }

}  // namespace leveret
