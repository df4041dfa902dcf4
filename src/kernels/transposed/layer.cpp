#include "transposed/layer.hpp"

#include <algorithm>
#include <cstring>

#include "isa/choose.hpp"
#include "threads/pool.hpp"

namespace leveret {
namespace {

constexpr std::size_t most_zeros = 2;  // taps that a convolution by phases may have for each of the kernel's

// The first i of 0.. for which i * stride + offset is at least 0.
std::size_t first_at(std::ptrdiff_t offset, std::size_t stride) {
    return offset >= 0 ? 0 : (static_cast<std::size_t>(-offset) + stride - 1) / stride;
}

// out[c] += x[c] * weight[c]
inline void add_product(const float* __restrict x, const float* __restrict weight, std::size_t count,
                        float* __restrict out) {
    for (std::size_t c = 0; c < count; ++c) out[c] += x[c] * weight[c];
}

inline void add_scaled(float x, const float* __restrict weight, std::size_t count, float* __restrict out) {
    for (std::size_t c = 0; c < count; ++c) out[c] += x * weight[c];
}

}  // namespace

std::optional<TransposedShape::Sides> TransposedShape::phases() const {
    if (groups > 1 || dilation != Sides{1, 1}) return std::nullopt;
    const Sides taps{(kernel[0] + stride[0] - 1) / stride[0], (kernel[1] + stride[1] - 1) / stride[1]};
    // each side by itself first: a stride may be far larger than a kernel
    for (std::size_t axis : {0, 1})
        if (taps[axis] * stride[axis] > most_zeros * kernel[axis]) return std::nullopt;
    if (taps[0] * stride[0] * taps[1] * stride[1] > most_zeros * kernel[0] * kernel[1]) return std::nullopt;
    return taps;
}

std::size_t TransposedShape::floats() const {
    if (const auto taps = phases())
        return active().floatconv_floats(stride[0] * stride[1] * outputs, (*taps)[0] * (*taps)[1], channels);
    return kernel[0] * kernel[1] * channels * own();
}

TransposedConvLayer::TransposedConvLayer(const float* weights, const TransposedShape& shape)
    : shape_(shape), kernels_(&active()), taps_(shape.phases()) {
    const auto [kernel_h, kernel_w] = shape.kernel;
    const std::size_t own = shape.own();
    if (!taps_) {
        weights_.resize(kernel_h * kernel_w * shape.channels * own);
        for (std::size_t c = 0; c < shape.channels; ++c)
            for (std::size_t tap = 0; tap < kernel_h * kernel_w; ++tap)
                std::copy_n(weights + (c * kernel_h * kernel_w + tap) * own, own,
                            weights_.data() + (tap * shape.channels + c) * own);
        return;
    }
    const auto [taps_h, taps_w] = *taps_;
    const auto [stride_h, stride_w] = shape.stride;
    const std::size_t taps = taps_h * taps_w, outputs = stride_h * stride_w * own;
    std::vector<float> filters(outputs * taps * shape.channels);
    for (std::size_t c = 0; c < shape.channels; ++c)
        for (std::size_t y = 0; y < kernel_h; ++y)
            for (std::size_t x = 0; x < kernel_w; ++x)
                for (std::size_t o = 0; o < own; ++o) {
                    // the tap next to a pixel is its last one
                    const std::size_t tap = (taps_h - 1 - y / stride_h) * taps_w + taps_w - 1 - x / stride_w;
                    const std::size_t output = (y % stride_h * stride_w + x % stride_w) * own + o;
                    filters[(output * taps + tap) * shape.channels + c] =
                        weights[((c * kernel_h + y) * kernel_w + x) * own + o];
                }
    conv_ = std::make_unique<FloatConvLayer>(filters.data(), outputs, taps, shape.channels, 1, false);
}

Window TransposedConvLayer::parts_window() const {
    const auto signed_of = [](std::size_t n) { return static_cast<std::ptrdiff_t>(n); };
    const auto [taps_h, taps_w] = *taps_;
    Window window{};
    window.height = signed_of(shape_.image[0]);
    window.width = signed_of(shape_.image[1]);
    window.kernel_h = signed_of(taps_h);
    window.kernel_w = signed_of(taps_w);
    window.stride_h = window.stride_w = window.dilation_h = window.dilation_w = 1;
    window.pad_h = window.kernel_h - 1;
    window.pad_w = window.kernel_w - 1;
    window.out_h = window.height + window.kernel_h - 1;
    window.out_w = window.width + window.kernel_w - 1;
    return window;
}

std::size_t TransposedConvLayer::scratch_bytes() const {
    if (!taps_) return 0;
    const Window window = parts_window();
    return static_cast<std::size_t>(window.out_h * window.out_w) * conv_->outputs() * sizeof(float);
}

void TransposedConvLayer::run(const float* image, std::size_t batch, const Epilogue& epilogue, float* out, int threads,
                              void* scratch) const {
    const auto [height, width] = shape_.output;
    const std::size_t row = width * shape_.outputs, pixels = shape_.image[0] * shape_.image[1] * shape_.channels;
    const bool finishes = epilogue.scale || epilogue.shift || epilogue.add || epilogue.before || epilogue.slope ||
                          epilogue.after;
    auto* parts = static_cast<float*>(scratch);
    for (std::size_t n = 0; n < batch; ++n) {
        const float* one = image + n * pixels;
        if (taps_) conv_->run(one, 1, parts_window(), {}, parts, threads);
        parallel_for(height, std::max<std::size_t>(1, 16384 / row), threads, [&](std::size_t begin, std::size_t end) {
            for (std::size_t y = begin; y < end; ++y) {
                float* line = out + (n * height + y) * row;
                taps_ ? row_of_parts(parts, y, line) : row_of_pixels(one, y, line);
                if (!finishes) continue;
                Epilogue own = epilogue;
                if (own.add) own.add += (n * height + y) * row;
                kernels_->affine(line, width, shape_.outputs, own, line);
            }
        });
    }
}

void TransposedConvLayer::row_of_parts(const float* parts, std::size_t y, float* out) const {
    const Window window = parts_window();
    const auto parts_h = static_cast<std::size_t>(window.out_h), parts_w = static_cast<std::size_t>(window.out_w);
    const std::size_t own = shape_.outputs, all = conv_->outputs();
    const auto [stride_h, stride_w] = shape_.stride;
    const std::size_t down = y + shape_.padding[0], line = down / stride_h;
    for (std::size_t x = 0; x < shape_.output[1]; ++x, out += own) {
        const std::size_t across = x + shape_.padding[1], place = across / stride_w;
        if (line >= parts_h || place >= parts_w)  // what output_padding adds beyond the last tap
            std::fill_n(out, own, 0.0f);
        else
            std::memcpy(out,
                        parts + (line * parts_w + place) * all + (down % stride_h * stride_w + across % stride_w) * own,
                        own * sizeof(float));
    }
}

void TransposedConvLayer::row_of_pixels(const float* image, std::size_t y, float* out) const {
    std::fill_n(out, shape_.output[1] * shape_.outputs, 0.0f);
    const std::size_t down = y + shape_.padding[0], stride = shape_.stride[0], dilation = shape_.dilation[0];
    const std::size_t line = shape_.image[1] * shape_.channels;
    for (std::size_t ky = 0; ky < shape_.kernel[0] && ky * dilation <= down; ++ky) {
        const std::size_t left = down - ky * dilation;
        if (left % stride == 0 && left / stride < shape_.image[0]) add_pixels(image + left / stride * line, ky, out);
    }
}

void TransposedConvLayer::add_pixels(const float* pixels, std::size_t ky, float* out) const {
    const std::size_t channels = shape_.channels, outputs = shape_.outputs, own = shape_.own();
    const std::size_t each = channels / shape_.groups, stride = shape_.stride[1], width = shape_.output[1];
    for (std::size_t kx = 0; kx < shape_.kernel[1]; ++kx) {
        const float* weight = weights_.data() + (ky * shape_.kernel[1] + kx) * channels * own;
        const auto offset = static_cast<std::ptrdiff_t>(kx * shape_.dilation[1]) -
                            static_cast<std::ptrdiff_t>(shape_.padding[1]);
        for (std::size_t x = first_at(offset, stride); x < shape_.image[1]; ++x) {
            const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(x * stride) + offset;
            if (at >= static_cast<std::ptrdiff_t>(width)) break;
            const float* pixel = pixels + x * channels;
            float* place = out + static_cast<std::size_t>(at) * outputs;
            if (each == 1 && own == 1)
                add_product(pixel, weight, channels, place);
            else
                for (std::size_t c = 0; c < channels; ++c)
                    add_scaled(pixel[c], weight + c * own, own, place + c / each * own);
        }
    }
}

}  // namespace leveret
