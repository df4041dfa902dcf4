// One small pool of threads that wait for work; the caller works along.
#pragma once

#include <cstddef>
#include <functional>

namespace leveret {

// LEVERET_THREADS, or the machine's cores; at least 1.
int default_threads();

// Calls work(begin, end) over disjoint ranges that cover 0..count, each of at least `grain`, on up to `threads` threads
// (0: default_threads()). Ranges are handed out as threads get free. If the pool is busy with another caller, or was
// left behind by a fork, the caller does the work alone or with a new pool.
void parallel_for(std::size_t count, std::size_t grain, int threads,
                  const std::function<void(std::size_t, std::size_t)>& work);

}  // namespace leveret
