// A file that was loaded, and runs.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "lvr/shape.hpp"

namespace leveret::lvr {

class Net {
public:
    // Checks a whole file and lays out its weights; nothing of `file` is kept. Throws FormatError, or
    // std::invalid_argument where LEVERET_ISA names a set that there isn't.
    explicit Net(std::span<const std::uint8_t> file);

    const Shape& input() const { return input_; }
    const Shape& output() const { return output_; }
    bool takes_pixels() const { return takes_pixels_; }
    const std::vector<std::string>& classes() const { return classes_; }
    std::size_t bytes() const { return engine_->arena_bytes(1); }

    // images: (n, channels, height, width); logits: (n, classes) or (n, classes, height, width).
    template <typename Pixel>
    void run(const Pixel* images, std::size_t n, float* logits, int threads) const;

private:
    Shape input_, output_;
    bool takes_pixels_ = false;
    std::vector<std::string> classes_;
    std::unique_ptr<Engine> engine_;
};

}  // namespace leveret::lvr
