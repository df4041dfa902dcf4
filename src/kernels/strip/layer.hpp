// A convolution of quantised values, ready to run, whatever its weights are.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "isa/table.hpp"

namespace leveret {

class WholeConvLayer {
public:
    virtual ~WholeConvLayer() = default;

    // image: batch x height x width x channels bytes
    virtual void run(const std::uint8_t* image, std::size_t batch, const Window& window, const Epilogue& epilogue,
                     float* out, int threads) const = 0;

    // Bytes of its own that a thread takes for images of this window.
    virtual std::size_t held(const Window& window) const = 0;

    std::size_t outputs() const { return outputs_; }

protected:
    WholeConvLayer(Levels levels, std::size_t outputs, std::size_t channels, std::size_t groups);

    // Memory for each group's weights, `bytes` of them.
    void reserve(std::size_t bytes);

    // Rows worth another thread: each piece lays the rows out that its first output row spans.
    static std::size_t grain(const Window& window, std::size_t rows, int threads);

    // What all kinds of job share, for group g.
    template <typename Job>
    Job job_of(const std::uint8_t* image, const Window& window, const Epilogue& epilogue, float* out,
               std::size_t g) const {
        const std::size_t own = channels_ / groups_, filters = outputs_ / groups_;
        Job job{};
        job.window = window;
        job.channels = own;
        job.in_stride = channels_;
        job.outputs = filters;
        job.out_stride = outputs_;
        job.weights = weights_.get() + g * group_bytes_;
        job.bias = bias_.data() + g * filters;
        job.image = image + g * own;
        job.out = out + g * filters;
        job.epilogue = epilogue.from(g * filters);
        return job;
    }

    struct Free {
        void operator()(void* p) const;
    };
    const Kernels* kernels_;
    Levels levels_;
    std::size_t outputs_, channels_, groups_, group_bytes_ = 0;
    std::unique_ptr<std::uint8_t, Free> weights_;
    std::vector<std::int32_t> bias_;
};

}  // namespace leveret
