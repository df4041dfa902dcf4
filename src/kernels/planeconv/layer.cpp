#include "planeconv/layer.hpp"

#include <utility>

#include "threads/pool.hpp"

namespace leveret {

PlaneConvLayer::PlaneConvLayer(const std::uint64_t* weights, std::vector<std::int32_t> coefficients,
                               std::int32_t constant, Levels levels, std::size_t outputs, std::size_t taps,
                               std::size_t channels, std::size_t groups)
    : WholeConvLayer(levels, outputs, channels, groups), coefficients_(std::move(coefficients)), constant_(constant) {
    const std::size_t own = channels / groups, filters = outputs / groups, words = taps * ((own + 63) / 64);
    reserve(kernels_->planeconv_bytes(kind(), filters, taps, own));
    for (std::size_t g = 0; g < groups; ++g)
        kernels_->planeconv_prepare(kind(), weights + g * filters * words, outputs * words, filters, taps, own,
                                    weights_.get() + g * group_bytes_, bias_.data() + g * filters);
}

void PlaneConvLayer::run(const std::uint8_t* image, std::size_t batch, const Window& window, const Epilogue& epilogue,
                         float* out, int threads) const {
    for (std::size_t g = 0; g < groups_; ++g) {
        auto job = job_of<PlaneConv>(image, window, epilogue, out, g);
        job.kind = kind();
        const std::size_t rows = batch * window.out_h;
        parallel_for(rows, grain(window, rows, threads), threads,
                     [&](std::size_t begin, std::size_t end) { kernels_->planeconv(job, begin, end); });
    }
}

std::size_t PlaneConvLayer::held(const Window& window) const { return kernels_->planeconv_held(kind(), window, channels_ / groups_); }

}  // namespace leveret
