// Hostile .lvr files against the C library: none may crash, hang, or ask for absurd memory. Built with sanitizers.
//
// With clang, libFuzzer drives LLVMFuzzerTestOneInput, and its own mutations are joined by rightly signed ones. With any
// other compiler (LEVERET_FUZZ_MAIN) the main below does:
//
//     fuzz COUNT SEED FILE...     mutants SEED to SEED + COUNT - 1 of the files
//     fuzz FILE                   one file as it is, such as one that was left after a crash
//
// A mutant that ends the program is left in crash-NUMBER.lvr; the exit status is then not 0.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz_files.hpp"
#include "lvr/lvr.h"

namespace {

constexpr std::size_t most_values = 1 << 16, most_bytes = std::size_t{64} << 20;
std::size_t loaded = 0;

// Runs a net that loaded, if an image costs little: what a valid net computes takes its time.
void run(const lvr_net* net) {
    lvr_info info;
    lvr_describe(net, &info);
    const std::size_t values = info.channels * info.height * info.width;
    if (values > most_values || info.bytes > most_bytes || info.logits > most_values) return;
    std::vector<float> logits(2 * info.logits), images(2 * values);
    const std::vector<std::uint8_t> pixels(2 * values, 7);
    const lvr_status status = info.takes_pixels ? lvr_run_pixels(net, pixels.data(), 2, 1, logits.data())
                                                : lvr_run_floats(net, images.data(), 2, 1, logits.data());
    if (status != LVR_OK) std::abort();
    ++loaded;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    lvr_net* net = nullptr;
    const lvr_status status = lvr_load_memory(data, size, &net);
    if (status == LVR_OK) run(net);
    // a file is either good or bad: anything else is a fault of ours
    else if (status != LVR_BAD_FILE || *lvr_error() == '\0' || net)
        std::abort();
    lvr_free(net);
    return 0;
}

#if !defined(LEVERET_FUZZ_MAIN)

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
    fuzz::Chance chance(seed);
    if (chance() % 2) return LLVMFuzzerMutate(data, size, most);
    const fuzz::Bytes file = fuzz::lying({data, size}, chance);
    const std::size_t count = std::min(file.size(), most);
    std::copy_n(file.begin(), count, data);
    return count;
}

#else


extern "C" void __sanitizer_set_death_callback(void (*callback)());

namespace {

constexpr unsigned most_seconds = 120;  // for one file: sanitizers are slow, and so may the machine be
unsigned long long number = 0;
fuzz::Bytes current;

void leave_file() {
    char name[64];
    std::snprintf(name, sizeof name, "crash-%llu.lvr", number);
    std::ofstream(name, std::ios::binary)
        .write(reinterpret_cast<const char*>(current.data()), static_cast<std::streamsize>(current.size()));
    std::fprintf(stderr, "mutant %llu ended the program; it is in %s\n", number, name);
}

void at_signal(int which) {
    leave_file();
    std::fprintf(stderr, which == SIGALRM ? "it took more than %u seconds\n" : "it was aborted\n", most_seconds);
    _exit(1);
}

fuzz::Bytes contents(const char* path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        std::fprintf(stderr, "%s could not be read\n", path);
        std::exit(2);
    }
    return {std::istreambuf_iterator<char>(file), {}};
}

void attempt() {
    alarm(most_seconds);
    LLVMFuzzerTestOneInput(current.data(), current.size());
    alarm(0);
}

}  // namespace

int main(int count, char** arguments) {
    __sanitizer_set_death_callback(leave_file);
    std::signal(SIGALRM, at_signal);
    std::signal(SIGABRT, at_signal);
    if (count == 2) {
        current = contents(arguments[1]);
        attempt();
        std::printf("%s: %s\n", arguments[1], loaded ? "loaded and ran" : lvr_error());
        return 0;
    }
    if (count < 4) {
        std::fprintf(stderr, "usage: %s COUNT SEED FILE...\n", arguments[0]);
        return 2;
    }
    std::vector<fuzz::Bytes> seeds;
    for (int i = 3; i < count; ++i) seeds.push_back(contents(arguments[i]));
    const unsigned long long files = std::strtoull(arguments[1], nullptr, 10);
    const unsigned long long first = std::strtoull(arguments[2], nullptr, 10);
    for (number = first; number < first + files; ++number) {
        fuzz::Chance chance(number);
        const fuzz::Bytes& seed = seeds[chance() % seeds.size()];
        current = chance() % 4 ? fuzz::lying(seed, chance) : fuzz::damaged(seed, chance);
        attempt();
    }
    std::printf("%llu files, %zu of them loaded and ran, none crashed\n", files, loaded);
    return files ? 0 : 2;
}

#endif
