// What the native tests share: random odd shapes, plain reference pieces, and the count of what passed.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "isa/table.hpp"

namespace native {

using leveret::Epilogue;
using leveret::Kernels;
using leveret::Window;

// Kernels may ask for whole cache lines; a vector's end is still exact, so that a sanitizer sees what reads past it.
template <typename T>
struct CacheLines {
    using value_type = T;
    CacheLines() = default;
    template <typename U>
    CacheLines(const CacheLines<U>&) {}
    T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t{64})); }
    void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t{64}); }
    bool operator==(const CacheLines&) const { return true; }
};
template <typename T>
using Array = std::vector<T, CacheLines<T>>;

struct Random {
    std::mt19937 engine;
    explicit Random(unsigned seed) : engine(seed) {}

    // low..high, both included; not std::uniform_int_distribution, which differs between libraries
    int whole(int low, int high) { return low + static_cast<int>(engine() % static_cast<unsigned>(high - low + 1)); }
    bool often() { return whole(0, 9) < 6; }
    float real() { return static_cast<float>(whole(-4096, 4096)) / 1000.0f; }
    std::uint64_t word() { return static_cast<std::uint64_t>(engine()) << 32 | engine(); }

    Array<float> reals(std::size_t count) {
        Array<float> x(count);
        for (float& v : x) v = whole(0, 9) == 0 ? 0.0f : real();
        return x;
    }
    Array<float> wholes(std::size_t count, int most) {
        Array<float> x(count);
        for (float& v : x) v = static_cast<float>(whole(-most, most));
        return x;
    }
    // rows of bits, spare ones 0
    Array<std::uint64_t> bits(std::size_t rows, std::size_t channels) {
        const std::size_t words = (channels + 63) / 64;
        Array<std::uint64_t> x(rows * words);
        for (std::size_t i = 0; i < x.size(); ++i) {
            x[i] = word();
            if (i % words == words - 1 && channels % 64 != 0) x[i] &= (std::uint64_t{1} << channels % 64) - 1;
        }
        return x;
    }

    // a window that fits its image at least once
    Window window(int most) {
        while (true) {
            Window w{};
            w.height = whole(1, most), w.width = whole(1, most);
            w.kernel_h = whole(1, 4), w.kernel_w = whole(1, 4);
            w.stride_h = whole(1, 3), w.stride_w = whole(1, 3);
            w.pad_h = whole(0, 3), w.pad_w = whole(0, 3);
            w.dilation_h = whole(1, 2), w.dilation_w = whole(1, 2);
            const auto down = w.height + 2 * w.pad_h - (w.kernel_h - 1) * w.dilation_h - 1;
            const auto across = w.width + 2 * w.pad_w - (w.kernel_w - 1) * w.dilation_w - 1;
            if (down < 0 || across < 0) continue;
            w.out_h = down / w.stride_h + 1, w.out_w = across / w.stride_w + 1;
            return w;
        }
    }
};

inline bool bit_of(const std::uint64_t* row, std::size_t channel) { return row[channel / 64] >> channel % 64 & 1; }

// Calls see(tap, pixel) for each tap of output (y, x) that lies inside the image.
template <typename See>
void for_taps(const Window& w, std::ptrdiff_t y, std::ptrdiff_t x, const See& see) {
    for (std::ptrdiff_t ky = 0; ky < w.kernel_h; ++ky)
        for (std::ptrdiff_t kx = 0; kx < w.kernel_w; ++kx) {
            const auto iy = y * w.stride_h - w.pad_h + ky * w.dilation_h;
            const auto ix = x * w.stride_w - w.pad_w + kx * w.dilation_w;
            if (iy >= 0 && iy < w.height && ix >= 0 && ix < w.width)
                see(static_cast<std::size_t>(ky * w.kernel_w + kx), static_cast<std::size_t>(iy * w.width + ix));
        }
}

// Calls each(image, y, x, place) for all output pixels.
template <typename Each>
void for_pixels(const Window& w, std::size_t batch, const Each& each) {
    std::size_t place = 0;
    for (std::size_t n = 0; n < batch; ++n)
        for (std::ptrdiff_t y = 0; y < w.out_h; ++y)
            for (std::ptrdiff_t x = 0; x < w.out_w; ++x) each(n, y, x, place++);
}

// A random choice of the epilogue's steps, and what they do, one operation after another.
struct Steps {
    Array<float> scale, shift, add, before, slope, after;

    Steps(Random& random, std::size_t channels, std::size_t places) {
        for (Array<float>* step : {&scale, &shift, &before, &slope, &after})
            if (random.often()) *step = random.reals(channels);
        if (random.often()) add = random.reals(channels * places);
    }

    Epilogue epilogue() const {
        const auto given = [](const Array<float>& step) { return step.empty() ? nullptr : step.data(); };
        return {given(scale), given(shift), given(add), given(before), given(slope), given(after)};
    }

    float operator()(float v, std::size_t channel, std::size_t place) const {
        if (!scale.empty() || !shift.empty())
            v = std::fma(v, scale.empty() ? 1.0f : scale[channel], shift.empty() ? 0.0f : shift[channel]);
        if (!add.empty()) v += add[place];
        if (!before.empty()) v += before[channel];
        if (!slope.empty()) v = v > 0 ? v : v * slope[channel];
        if (!after.empty()) v += after[channel];
        return v;
    }
};

// Counts cases; tells the first few that fail.
struct Tally {
    std::string set;
    std::size_t passed = 0, failed = 0;

    void count(const char* kernel, unsigned seed, bool right) {
        if (right) {
            ++passed;
        } else if (++failed <= 20) {
            std::printf("%s: %s is wrong for seed %u\n", set.c_str(), kernel, seed);
        }
    }
};

// Equal values; 0 equals -0, and NaN equals NaN.
template <typename A, typename B>
bool same(const A& got, const B& expected) {
    if (got.size() != expected.size()) return false;
    for (std::size_t i = 0; i < got.size(); ++i)
        if (!(got[i] == expected[i] || (got[i] != got[i] && expected[i] != expected[i]))) return false;
    return true;
}

// Each checks one random case of its kernels, made from the seed.
void check_bits(const Kernels& kernels, unsigned seed, Tally& tally);
void check_bytes(const Kernels& kernels, unsigned seed, Tally& tally);
void check_floats(const Kernels& kernels, unsigned seed, Tally& tally);

}  // namespace native
