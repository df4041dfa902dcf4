// Compares every kernel of every instruction set that this CPU has with plain loops, over random odd shapes.
//
// Usage: native [cases per kernel]; the exit status is 0 where all were right.
#include <cstdlib>

#include "cases.hpp"
#include "isa/choose.hpp"

int main(int count, char** values) {
    const int cases = count > 1 ? std::atoi(values[1]) : 200;
    if (cases < 1) {
        std::fprintf(stderr, "cases per kernel must be a whole number from 1 up, got '%s'\n", values[1]);
        return 2;
    }
    bool right = true;
    for (const std::string& name : leveret::available_isas()) {
        leveret::set_isa(name);
        native::Tally tally{name};
        for (unsigned seed = 0; seed < static_cast<unsigned>(cases); ++seed) {
            native::check_bits(leveret::active(), seed, tally);
            native::check_bytes(leveret::active(), seed, tally);
            native::check_floats(leveret::active(), seed, tally);
        }
        std::printf("%s: %zu of %zu cases passed\n", name.c_str(), tally.passed, tally.passed + tally.failed);
        right = right && tally.failed == 0;
    }
    return right ? 0 : 1;
}
