#include "threads/pool.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

namespace leveret {
namespace {

// How long a thread looks for news before it sleeps. The layers of a net follow one another within microseconds, and to wake
// a sleeper takes longer than many a layer; once a net is through, its helpers soon sleep.
constexpr auto patience = std::chrono::microseconds(50);

inline void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Whether `news` came within our patience.
template <typename News>
bool watched(const News& news) {
    const auto end = std::chrono::steady_clock::now() + patience;
    do {
        for (int i = 0; i < 32; ++i) {
            if (news()) return true;
            relax();
        }
    } while (std::chrono::steady_clock::now() < end);
    return news();
}

class Pool {
public:
    void run(std::size_t count, std::size_t chunk, int threads,
             const std::function<void(std::size_t, std::size_t)>& work) {
        grow(threads - 1);
        {
            std::lock_guard lock(mutex_);
            work_ = &work;
            count_ = count;
            chunk_ = chunk;
            next_.store(0);
            wanted_ = threads - 1;
            running_.store(0);
            error_ = nullptr;
            round_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        drain(work);
        {
            std::lock_guard lock(mutex_);
            wanted_ = 0;  // whoever hasn't begun by now is not needed
        }
        const auto done = [this] { return running_.load(std::memory_order_acquire) == 0; };
        if (!watched(done)) {
            std::unique_lock lock(mutex_);
            done_.wait(lock, done);
        }
        work_ = nullptr;
        if (error_) std::rethrow_exception(error_);
    }

private:
    void grow(int helpers) {
        while (helpers_ < helpers) {
            try {
                std::thread([this] { serve(); }).detach();
            } catch (const std::system_error&) {
                return;  // the system grants no more threads: those there are, and the caller, do the work
            }
            ++helpers_;
        }
    }

    // Where a piece fails, as without memory, the others are left and run() throws what the first one threw.
    void drain(const std::function<void(std::size_t, std::size_t)>& work) {
        try {
            for (;;) {
                const std::size_t begin = next_.fetch_add(chunk_);
                if (begin >= count_) return;
                work(begin, std::min(begin + chunk_, count_));
            }
        } catch (...) {
            next_.store(count_);
            std::lock_guard lock(mutex_);
            if (!error_) error_ = std::current_exception();
        }
    }

    void serve() {
        std::uint64_t seen = 0;
        for (;;) {
            watched([&] { return round_.load(std::memory_order_acquire) != seen; });
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [&] { return round_.load() != seen; });
            seen = round_.load();
            if (wanted_ == 0) continue;
            --wanted_;
            running_.fetch_add(1);
            const auto* work = work_;
            lock.unlock();
            drain(*work);
            lock.lock();
            if (running_.fetch_sub(1, std::memory_order_release) == 1) done_.notify_one();
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_, done_;
    int helpers_ = 0;
    const std::function<void(std::size_t, std::size_t)>* work_ = nullptr;
    std::size_t count_ = 0, chunk_ = 1;
    std::atomic<std::size_t> next_{0};
    std::atomic<std::uint64_t> round_{0};
    std::atomic<int> running_{0};
    std::exception_ptr error_;
    int wanted_ = 0;
};

constexpr int most_threads = 256;

std::mutex owner;
Pool* pool = nullptr;  // never destroyed: its threads may outlive the module's own statics
pid_t pool_pid = 0;

}  // namespace

int default_threads() {
    if (const char* text = std::getenv("LEVERET_THREADS")) {
        const int given = std::atoi(text);
        if (given > 0) return std::min(given, most_threads);
    }
    return std::max(1u, std::thread::hardware_concurrency());
}

void parallel_for(std::size_t count, std::size_t grain, int threads,
                  const std::function<void(std::size_t, std::size_t)>& work) {
    if (count == 0) return;
    if (threads <= 0) threads = default_threads();
    grain = std::max<std::size_t>(grain, 1);
    const std::size_t pieces = (count + grain - 1) / grain;
    threads = static_cast<int>(std::min<std::size_t>({static_cast<std::size_t>(threads), pieces, most_threads}));
    std::unique_lock lock(owner, std::try_to_lock);
    if (threads <= 1 || !lock.owns_lock()) {
        work(0, count);
        return;
    }
    if (pool == nullptr || pool_pid != getpid()) {  // a forked child has the object but not its threads
        pool = new Pool;
        pool_pid = getpid();
    }
    // about four pieces a thread even out what other programs take from a core
    const std::size_t chunk = std::max(grain, count / (static_cast<std::size_t>(threads) * 4));
    pool->run(count, chunk, threads, work);
}

}  // namespace leveret
