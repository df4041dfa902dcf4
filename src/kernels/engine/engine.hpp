// A packed net that runs: nodes in order over one planned piece of memory.
//
// What each node writes lives from that node to the last one that reads it; values whose lives don't meet share memory. The
// plan is made once, in bytes a sample; a call takes a piece of memory from those that earlier calls left, so values
// are allocated by the first call alone, and calls from several threads don't meet.
#pragma once

#include <mutex>

#include "engine/node.hpp"

namespace leveret {

class Engine {
public:
    // mean, std: per channel, of pixels in 0..255; empty where only floats are taken
    Engine(const Value& input, Channels mean, Channels std);

    // Adds a node that reads values `inputs` (0 is the net's input) and gives `output`; returns that value's number.
    std::size_t add(std::unique_ptr<Node> node, std::vector<std::size_t> inputs, const Value& output);

    // Adds the signs of a value, one of a channel's thresholds each or of 0: the node that gives the value makes them at once,
    // where it can; else this returns nothing.
    std::optional<std::size_t> add_signs(std::size_t input, const Channels& threshold, const Flips& flip);

    // Plans memory; the last value is the result. No more nodes after this.
    void plan();

    const Value& value(std::size_t i) const { return values_.at(i); }
    std::size_t arena_bytes(std::size_t batch) const;

    // images: batch x channels x height x width, of floats or of bytes; out: batch x the last value's elements, channels
    // last unless they are wanted first.
    void run(const float* images, std::size_t batch, float* out, int threads, bool channels_first = false) const;
    void run(const std::uint8_t* images, std::size_t batch, float* out, int threads, bool channels_first = false) const;

    // The seconds that reading the images and then each node took, over all parts of the batch.
    using Seconds = std::vector<double>;
    Seconds profile(const float* images, std::size_t batch, float* out, int threads) const;
    Seconds profile(const std::uint8_t* images, std::size_t batch, float* out, int threads) const;

private:
    struct Step {
        std::unique_ptr<Node> node;
        std::vector<std::size_t> inputs;
        std::size_t signs = 0;  // the value that holds the output's signs, if they are made at once
    };
    struct Arena {
        std::unique_ptr<std::uint8_t[]> memory;
        std::size_t bytes = 0;
        std::uint8_t* base = nullptr;
    };

    class Stopwatch;

    template <typename Pixel>
    void run_parts(const Pixel* images, std::size_t batch, float* out, int threads, bool channels_first,
                   Stopwatch* watch) const;
    template <typename Pixel>
    void read_images(const Pixel* images, std::size_t batch, float* to, int threads) const;
    void run_steps(std::uint8_t* arena, std::size_t batch, float* out, int threads, Stopwatch* watch) const;
    Arena take(std::size_t bytes) const;
    void give(Arena arena) const;

    std::vector<Value> values_;
    std::vector<Step> steps_;
    std::vector<std::size_t> offsets_;  // of each value, in bytes a sample
    std::size_t arena_ = 0;             // bytes a sample
    Channels mean_, std_;
    mutable std::mutex mutex_;
    mutable std::vector<Arena> spare_;
};

}  // namespace leveret
