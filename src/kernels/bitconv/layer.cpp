#include "bitconv/layer.hpp"

#include <algorithm>
#include <new>
#include <vector>

#include "isa/choose.hpp"
#include "threads/rows.hpp"

namespace leveret {
namespace {

constexpr std::align_val_t cache_line{64};

std::uint8_t* aligned_bytes(std::size_t size) { return static_cast<std::uint8_t*>(::operator new(size, cache_line)); }

// Bits from..from+count of one pixel, moved to the front.
void take_bits(const std::uint64_t* pixel, std::size_t words, std::size_t from, std::size_t count, std::uint64_t* out) {
    const std::size_t first = from / 64, shift = from % 64;
    for (std::size_t i = 0; i * 64 < count; ++i) {
        std::uint64_t word = pixel[first + i] >> shift;
        if (shift != 0 && first + i + 1 < words) word |= pixel[first + i + 1] << (64 - shift);
        const std::size_t left = count - i * 64;
        out[i] = left < 64 ? word & ((std::uint64_t{1} << left) - 1) : word;
    }
}

}  // namespace

void BitConvLayer::Free::operator()(void* p) const { ::operator delete(p, cache_line); }

BitConvLayer::BitConvLayer(const std::uint64_t* weights, std::size_t outputs, std::size_t taps, std::size_t channels,
                           std::size_t groups)
    : kernels_(&active()), outputs_(outputs), channels_(channels), groups_(groups) {
    const std::size_t own = channels / groups, filters = outputs / groups;
    group_bytes_ = (kernels_->bitconv_bytes(filters, taps, own) + 63) / 64 * 64;
    weights_.reset(aligned_bytes(group_bytes_ * groups));
    for (std::size_t g = 0; g < groups; ++g)
        kernels_->bitconv_prepare(weights + g * filters * taps * ((own + 63) / 64), filters, taps, own,
                                  weights_.get() + g * group_bytes_);
}

void BitConvLayer::run(const std::uint64_t* bits, std::size_t batch, const Window& window, const Epilogue& epilogue,
                       float* out, const float* threshold, const std::uint8_t* flip, std::uint64_t* out_bits,
                       int threads, void* scratch, const SignsToo& signs) const {
    const std::size_t rows = batch * window.height, pixels = rows * window.width;
    const std::size_t words = (channels_ + 63) / 64, own = channels_ / groups_, own_words = (own + 63) / 64;
    const std::size_t filters = outputs_ / groups_, row_bytes = kernels_->expanded_bytes(window, own);
    std::unique_ptr<std::uint8_t, Free> own_scratch;
    if (scratch == nullptr) own_scratch.reset(aligned_bytes(scratch_bytes(batch, window)));
    // the image as the kernel reads it, and before it, with several groups, one group's bits
    auto* part = static_cast<std::uint64_t*>(scratch ? scratch : own_scratch.get());
    auto* image = reinterpret_cast<std::uint8_t*>(part) + part_bytes(pixels);
    for (std::size_t g = 0; g < groups_; ++g) {
        const std::size_t grain = 1 + 1024 / window.width;
        parallel_for(rows, grain, threads, [&](std::size_t begin, std::size_t end) {
            const std::uint64_t* from = bits + begin * window.width * words;
            if (groups_ > 1) {
                for (std::size_t i = begin * window.width; i < end * window.width; ++i)
                    take_bits(bits + i * words, words, g * own, own, part + i * own_words);
                from = part + begin * window.width * own_words;
            }
            kernels_->expand(from, end - begin, window, own, image + begin * row_bytes);
        });
        BitConv job{};
        job.window = window;
        job.channels = own;
        job.words = own_words;
        job.outputs = filters;
        job.out_stride = outputs_;
        job.weights = weights_.get() + g * group_bytes_;
        job.image = image;
        job.threshold = threshold;
        job.flip = flip;
        job.out_bits = out_bits;
        const std::size_t c = g * filters;
        job.out = out ? out + c : nullptr;
        job.epilogue = epilogue.from(c);
        parallel_rows(batch * window.out_h, filters, threads,
                      [&](std::size_t begin, std::size_t end, std::size_t first, std::size_t last) {
                          BitConv own_part = job;
                          own_part.first = first;
                          own_part.last = last;
                          run_rows(own_part, begin, end, signs);
                      });
    }
}

// Some rows of a job. Where these are whole, their signs are taken while they are in the first cache; of filters shared out
// among threads, which is 64 or a multiple at a time, place by place.
void BitConvLayer::run_rows(const BitConv& job, std::size_t begin, std::size_t end, const SignsToo& signs) const {
    if (!signs.out) return kernels_->bitconv(job, begin, end);
    const std::size_t width = job.window.out_w, words = (outputs_ + 63) / 64;
    const bool whole = job.first == 0 && job.last == outputs_;
    const std::size_t some = std::max<std::size_t>(1, 4096 / std::max<std::size_t>(width * outputs_, 1));
    for (std::size_t row = begin, next; row < end; row = next) {
        next = std::min(row + some, end);
        kernels_->bitconv(job, row, next);
        if (whole) {
            kernels_->pack(job.out + row * width * outputs_, (next - row) * width, outputs_, signs.threshold, signs.flip,
                           signs.out + row * width * words);
            continue;
        }
        for (std::size_t pixel = row * width; pixel < next * width; ++pixel)
            kernels_->pack(job.out + pixel * outputs_ + job.first, 1, job.last - job.first,
                           signs.threshold ? signs.threshold + job.first : nullptr,
                           signs.flip ? signs.flip + job.first : nullptr, signs.out + pixel * words + job.first / 64);
    }
}

std::size_t BitConvLayer::part_bytes(std::size_t pixels) const {
    return groups_ > 1 ? (pixels * ((channels_ / groups_ + 63) / 64) * 8 + 63) / 64 * 64 : 0;
}

std::size_t BitConvLayer::scratch_bytes(std::size_t batch, const Window& window) const {
    const std::size_t rows = batch * window.height;
    return part_bytes(rows * window.width) + rows * kernels_->expanded_bytes(window, channels_ / groups_);
}

}  // namespace leveret
