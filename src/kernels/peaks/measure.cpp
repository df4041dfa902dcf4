#include "peaks/measure.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "isa/choose.hpp"

namespace leveret {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double fastest(std::size_t (*loop)(std::size_t), double seconds) {
    constexpr double piece = 5e-4;  // long against the clock's grain, short against a time slice
    std::size_t rounds = 1 << 10;
    double best = 0;
    for (const auto start = Clock::now(); best == 0 || seconds_since(start) < seconds;) {
        const auto begin = Clock::now();
        const std::size_t work = loop(rounds);
        const double taken = seconds_since(begin);
        if (taken < piece)
            rounds *= 2;
        else
            best = std::max(best, static_cast<double>(work) / taken);
    }
    return best;
}

}  // namespace

Peaks measure_peaks(double seconds) {
    const Kernels& kernels = active();
    return {fastest(kernels.binary_peak, seconds), fastest(kernels.float_peak, seconds)};
}

}  // namespace leveret
