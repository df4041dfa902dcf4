// How fast this CPU can be at best, with the instruction set in use.
#pragma once

namespace leveret {

// Multiply-accumulates a second on one core.
struct Peaks {
    double binary_macs;
    double float_macs;
};

// Runs each loop for about `seconds` and takes the fastest of many short pieces: other programs only make it slower.
Peaks measure_peaks(double seconds);

}  // namespace leveret
