// The part of an image that a kernel has made ready for itself: as many rows as the window spans, each laid out when it is
// first asked for, and as many columns as fit the cache.

// Rows that a strip holds: those that the window spans.
inline std::ptrdiff_t strip_rows(const Window& w) {
    const std::ptrdiff_t span = (w.kernel_h - 1) * w.dilation_h + 1;
    return span < w.height ? span : w.height;
}

// Columns that `width` outputs read.
inline std::ptrdiff_t strip_columns(const Window& w, std::ptrdiff_t width) {
    const std::ptrdiff_t reach = (width - 1) * w.stride_w + (w.kernel_w - 1) * w.dilation_w + 1;
    return reach < w.width ? reach : w.width;
}

// The pixels, `pixel_bytes` and a sum of levels each. The last entry is a pixel of zeros.
struct Strip {
    std::ptrdiff_t rows, columns;  // held
    std::ptrdiff_t first = 0;      // column
    std::size_t pixel_bytes;
    Held<std::uint8_t> pixels;
    Held<std::int32_t> sums;
    Held<std::ptrdiff_t> held;  // which row of which image is in each place

    Strip(const Window& w, std::size_t bytes, std::ptrdiff_t width)
        : rows(strip_rows(w)),
          columns(strip_columns(w, width)),
          pixel_bytes(bytes),
          pixels((rows * columns + 1) * bytes),
          sums(rows * columns + 1),
          held(rows) {}

    std::uint8_t* zeros() const { return pixels.data + rows * columns * static_cast<std::ptrdiff_t>(pixel_bytes); }
};

constexpr std::ptrdiff_t strip_bytes = 256 << 10;  // stays in the second cache beside the weights

// Output columns per strip.
inline std::ptrdiff_t strip_width(const Window& w, std::size_t pixel_bytes, std::ptrdiff_t tile) {
    const std::ptrdiff_t span_w = (w.kernel_w - 1) * w.dilation_w + 1;
    const std::ptrdiff_t columns = strip_bytes / (strip_rows(w) * static_cast<std::ptrdiff_t>(pixel_bytes));
    const std::ptrdiff_t room = columns > span_w ? (columns - span_w) / w.stride_w + 1 : 1;
    const std::ptrdiff_t tiles = room / tile > 0 ? room / tile : 1;
    return tiles * tile < w.out_w ? tiles * tile : w.out_w;
}

// Bytes that a thread takes for a convolution.
inline std::size_t strip_held(const Window& w, std::size_t pixel_bytes, std::ptrdiff_t tile) {
    const std::size_t places = strip_rows(w) * strip_columns(w, strip_width(w, pixel_bytes, tile)) + 1;
    return places * (pixel_bytes + sizeof(std::int32_t)) +
           static_cast<std::size_t>(w.kernel_h * w.kernel_w * tile) * sizeof(void*);
}

// Where output columns ox.. of a strip begin to read.
inline void move_strip(Strip& s, const Window& w, std::ptrdiff_t ox) {
    const std::ptrdiff_t x = ox * w.stride_w - w.pad_w, last = w.width - s.columns;
    s.first = x < 0 ? 0 : x > last ? last : x;
    for (std::ptrdiff_t r = 0; r < s.rows; ++r) s.held.data[r] = -1;
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
                *taps++ = s.pixels.data + place * static_cast<std::ptrdiff_t>(s.pixel_bytes);
                sums[p] += s.sums.data[place];
            }
    }
}

// Makes the rows ready that output row oy of image n reads. `ready(pixel, out)` lays one pixel out and returns its sum.
template <typename Ready>
inline void fill_strip(Strip& s, const Window& w, std::ptrdiff_t n, std::ptrdiff_t oy, const std::uint8_t* image,
                       std::size_t in_stride, const Ready& ready) {
    for (std::ptrdiff_t ky = 0; ky < w.kernel_h; ++ky) {
        const std::ptrdiff_t y = oy * w.stride_h - w.pad_h + ky * w.dilation_h;
        if (y < 0 || y >= w.height || s.held.data[y % s.rows] == n * w.height + y) continue;
        s.held.data[y % s.rows] = n * w.height + y;
        const std::uint8_t* row = image + (y * w.width + s.first) * static_cast<std::ptrdiff_t>(in_stride);
        for (std::ptrdiff_t x = 0; x < s.columns; ++x) {
            const std::ptrdiff_t place = y % s.rows * s.columns + x;
            s.sums.data[place] = ready(row + x * static_cast<std::ptrdiff_t>(in_stride),
                                  s.pixels.data + place * static_cast<std::ptrdiff_t>(s.pixel_bytes));
        }
    }
}

// Computes output rows begin..end of all images of a job, up to `most` pixels of a row at a time.
//
// `lay_out(levels, to)` makes a pixel ready from its levels, of which `level_bytes` may be read, zeros past the channels.
// `compute(count, taps, sums, at)` does `count` pixels from `at` on; taps[t * count + p], and their sums of levels.
template <std::size_t most, typename Job, typename LayOut, typename Compute>
inline void walk_strips(const Job& job, const Levels& range, std::size_t pixel_bytes, std::size_t level_bytes,
                        std::size_t begin, std::size_t end, const LayOut& lay_out, const Compute& compute) {
    const Window& w = job.window;
    const std::ptrdiff_t width = strip_width(w, pixel_bytes, most);
    Strip strip(w, pixel_bytes, width);
    const Held<std::uint8_t> levels(level_bytes);
    const Held<const std::uint8_t*> taps(w.kernel_h * w.kernel_w * most);
    std::memset(levels.data, 0, level_bytes);
    const auto ready = [&](const std::uint8_t* pixel, std::uint8_t* to) {
        levels_of(range, pixel, job.channels, levels.data);
        lay_out(levels.data, to);
        return sum_of(levels.data, job.channels);
    };
    std::memset(levels.data, -range.low, job.channels);  // what stands outside is 0
    lay_out(levels.data, strip.zeros());
    strip.sums.data[strip.rows * strip.columns] = sum_of(levels.data, job.channels);
    for (std::ptrdiff_t start = 0; start < w.out_w; start += width) {
        move_strip(strip, w, start);
        const std::size_t columns = start + width < w.out_w ? width : w.out_w - start;
        const std::size_t tiles = (columns + most - 1) / most;
        for (std::size_t row = begin; row < end; ++row) {
            const std::ptrdiff_t n = row / w.out_h, oy = row % w.out_h;
            fill_strip(strip, w, n, oy, job.image + n * w.height * w.width * job.in_stride, job.in_stride, ready);
            for (std::size_t tile = 0; tile < tiles; ++tile) {
                // tiles of about one size: a narrow one reads as many weights as a wide one
                const std::size_t from = columns * tile / tiles, count = columns * (tile + 1) / tiles - from;
                std::int32_t sums[most];
                strip_taps(strip, w, oy, start + from, count, taps.data, sums);
                compute(count, taps.data, sums, row * w.out_w + start + from);
            }
        }
    }
}
