#include "strip/layer.hpp"

#include "isa/choose.hpp"
#include "threads/pool.hpp"

namespace leveret {
namespace {
constexpr std::align_val_t cache_line{64};
}

void WholeConvLayer::Free::operator()(void* p) const { ::operator delete(p, cache_line); }

WholeConvLayer::WholeConvLayer(Levels levels, std::size_t outputs, std::size_t channels, std::size_t groups)
    : kernels_(&active()), levels_(levels), outputs_(outputs), channels_(channels), groups_(groups), bias_(outputs) {}

std::size_t WholeConvLayer::grain(const Window& window, std::size_t rows, int threads) {
    const std::size_t count = static_cast<std::size_t>(threads > 0 ? threads : default_threads());
    const std::size_t share = (rows + count - 1) / count, several = 4 * static_cast<std::size_t>(window.kernel_h);
    return share < several ? share : several;
}

void WholeConvLayer::reserve(std::size_t bytes) {
    group_bytes_ = (bytes + 63) / 64 * 64;
    weights_.reset(static_cast<std::uint8_t*>(::operator new(group_bytes_ * groups_, cache_line)));
}

}  // namespace leveret
