// The part of an image that a kernel has made ready for itself: as many rows as the window spans, each laid out when it is
// first asked for, and as many columns as fit the cache.

// The pixels, `pixel_bytes` and a sum of levels each. The last entry is a pixel of zeros.
struct Strip {
    std::ptrdiff_t rows, columns;  // held
    std::ptrdiff_t first = 0;      // column
    std::size_t pixel_bytes;
    std::uint8_t* pixels;
    std::int32_t* sums;
    std::ptrdiff_t* held;  // which row of which image is in each place

    std::uint8_t* zeros() const { return pixels + rows * columns * static_cast<std::ptrdiff_t>(pixel_bytes); }
};

constexpr std::ptrdiff_t strip_bytes = 256 << 10;  // stays in the second cache beside the weights

// Output columns per strip.
inline std::ptrdiff_t strip_width(const Window& w, std::size_t pixel_bytes, std::ptrdiff_t tile) {
    const std::ptrdiff_t span_h = (w.kernel_h - 1) * w.dilation_h + 1, span_w = (w.kernel_w - 1) * w.dilation_w + 1;
    const std::ptrdiff_t rows = span_h < w.height ? span_h : w.height;
    const std::ptrdiff_t columns = strip_bytes / (rows * static_cast<std::ptrdiff_t>(pixel_bytes));
    const std::ptrdiff_t room = columns > span_w ? (columns - span_w) / w.stride_w + 1 : 1;
    const std::ptrdiff_t tiles = room / tile > 0 ? room / tile : 1;
    return tiles * tile < w.out_w ? tiles * tile : w.out_w;
}

inline Strip make_strip(const Window& w, std::size_t pixel_bytes, std::ptrdiff_t width) {
    const std::ptrdiff_t span_h = (w.kernel_h - 1) * w.dilation_h + 1, span_w = (w.kernel_w - 1) * w.dilation_w + 1;
    const std::ptrdiff_t reach = (width - 1) * w.stride_w + span_w;
    Strip s{};
    s.rows = span_h < w.height ? span_h : w.height;
    s.columns = reach < w.width ? reach : w.width;
    s.pixel_bytes = pixel_bytes;
    const std::size_t places = s.rows * s.columns + 1;
    s.pixels = static_cast<std::uint8_t*>(::operator new(places * pixel_bytes, std::align_val_t{64}));
    s.sums = new std::int32_t[places];
    s.held = new std::ptrdiff_t[s.rows];
    return s;
}

inline void free_strip(Strip& s) {
    ::operator delete(s.pixels, std::align_val_t{64});
    delete[] s.sums;
    delete[] s.held;
}

// Where output columns ox.. of a strip begin to read.
inline void move_strip(Strip& s, const Window& w, std::ptrdiff_t ox) {
    const std::ptrdiff_t x = ox * w.stride_w - w.pad_w, last = w.width - s.columns;
    s.first = x < 0 ? 0 : x > last ? last : x;
    for (std::ptrdiff_t r = 0; r < s.rows; ++r) s.held[r] = -1;
}

// Pixels under each tap of `count` outputs from (oy, ox) on: taps[t * count + p]; and their sums of levels.
inline void strip_taps(const Strip& s, const Window& w, std::ptrdiff_t oy, std::ptrdiff_t ox, std::size_t count,
                       const std::uint8_t** taps, std::int32_t* sums) {
    const std::ptrdiff_t outside = s.rows * s.columns;
    for (std::size_t p = 0; p < count; ++p) sums[p] = 0;
    for (std::ptrdiff_t ky = 0; ky < w.kernel_h; ++ky) {
        const std::ptrdiff_t y = oy * w.stride_h - w.pad_h + ky * w.dilation_h;
        const bool row_inside = y >= 0 && y < w.height;
        const std::ptrdiff_t row = row_inside ? y % s.rows * s.columns - s.first : 0;
        for (std::ptrdiff_t kx = 0; kx < w.kernel_w; ++kx)
            for (std::size_t p = 0; p < count; ++p) {
                const std::ptrdiff_t x =
                    (ox + static_cast<std::ptrdiff_t>(p)) * w.stride_w - w.pad_w + kx * w.dilation_w;
                const std::ptrdiff_t place = row_inside && x >= 0 && x < w.width ? row + x : outside;
                *taps++ = s.pixels + place * static_cast<std::ptrdiff_t>(s.pixel_bytes);
                sums[p] += s.sums[place];
            }
    }
}

// Makes the rows ready that output row oy of image n reads. `ready(pixel, out)` lays one pixel out and returns its sum.
template <typename Ready>
inline void fill_strip(Strip& s, const Window& w, std::ptrdiff_t n, std::ptrdiff_t oy, const std::uint8_t* image,
                       std::size_t in_stride, const Ready& ready) {
    for (std::ptrdiff_t ky = 0; ky < w.kernel_h; ++ky) {
        const std::ptrdiff_t y = oy * w.stride_h - w.pad_h + ky * w.dilation_h;
        if (y < 0 || y >= w.height || s.held[y % s.rows] == n * w.height + y) continue;
        s.held[y % s.rows] = n * w.height + y;
        const std::uint8_t* row = image + (y * w.width + s.first) * static_cast<std::ptrdiff_t>(in_stride);
        for (std::ptrdiff_t x = 0; x < s.columns; ++x) {
            const std::ptrdiff_t place = y % s.rows * s.columns + x;
            s.sums[place] = ready(row + x * static_cast<std::ptrdiff_t>(in_stride),
                                  s.pixels + place * static_cast<std::ptrdiff_t>(s.pixel_bytes));
        }
    }
}
