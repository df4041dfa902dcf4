// Nodes that a small function makes: what it does to each sample, row or element alone.
#pragma once

#include <algorithm>
#include <utility>

#include "engine/node.hpp"
#include "threads/pool.hpp"

namespace leveret {

// about 32 k elements are worth another thread
inline std::size_t grain(std::size_t per_row) {
    return std::max<std::size_t>(1, 32768 / std::max<std::size_t>(per_row, 1));
}

template <typename Work>
class Each : public Node {
public:
    Each(std::size_t count, std::size_t grain, Work work) : count_(count), grain_(grain), work_(std::move(work)) {}

    void run(const Call& call) const override {
        parallel_for(call.batch * count_, grain_, call.threads,
                     [&](std::size_t begin, std::size_t end) { work_(call, begin, end); });
    }

private:
    std::size_t count_, grain_;
    Work work_;
};

// work(call, begin, end) over `count` things a sample, counted through the batch, at least `grain` of them at once.
template <typename Work>
std::unique_ptr<Node> each(std::size_t count, std::size_t grain, Work work) {
    return std::make_unique<Each<Work>>(count, grain, std::move(work));
}

}  // namespace leveret
