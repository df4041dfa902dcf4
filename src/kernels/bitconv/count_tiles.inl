// Walks the output of a binary convolution in tiles, for the sets that count. Included after
// `template <int size> void count_block(job, shape, tile, filters, ones, o, signs)`: the counts of `size` pixels for a block
// of count_lanes filters, and what becomes of them.

// A tile of pixels, all filters.
template <int size>
void count_filters(const BitConv& job, const CountShape& s, const CountTile& tile) {
    const std::size_t taps = job.window.kernel_h * job.window.kernel_w, out_words = (job.outputs + 63) / 64;
    const auto* filters = static_cast<const std::uint32_t*>(job.weights);
    const auto* ones = filters + count_blocks(job.outputs) * s.filter_block;
    filters += job.first / count_lanes * s.filter_block;
    ones += job.first * taps;
    std::uint64_t signs[count_tile] = {};
    for (std::size_t o = job.first; o < job.last; o += count_lanes) {
        count_block<size>(job, s, tile, filters, ones, o, signs);
        filters += s.filter_block;
        ones += taps * count_lanes;
        if (job.out || (o % 64 + count_lanes < 64 && o + count_lanes < job.outputs)) continue;
        for (int p = 0; p < size; ++p) {
            job.out_bits[(tile.pixel + p) * out_words + o / 64] = signs[p];
            signs[p] = 0;
        }
    }
}

using CountFilters = void (*)(const BitConv&, const CountShape&, const CountTile&);

// The one for a tile of so many pixels.
template <int size = count_tile>
inline CountFilters count_filters_of(std::size_t pixels) {
    if constexpr (size > 1)
        if (pixels < size) return count_filters_of<size - 1>(pixels);
    return count_filters<size>;
}

inline CountShape count_shape(const BitConv& job) {
    const Window& w = job.window;
    const std::size_t halves = halves_of(job.channels), tap = halves * count_lanes;
    // a row of the kernel is one run of half words, unless it is dilated: then each tap is a run
    const bool dense = w.dilation_w == 1;
    CountShape s{};
    s.step = w.stride_w * halves;
    s.line = w.dilation_h * padded_width(w) * halves;
    s.runs = dense ? 1 : w.kernel_w;
    s.run = dense ? w.kernel_w * halves : halves;
    s.between = w.dilation_w * halves;
    s.column = halves;
    s.filter_run = tap;
    s.filter_row = w.kernel_w * tap;
    s.filter_block = w.kernel_h * s.filter_row;
    return s;
}

// Output rows begin..end of all images: a row in tiles of nearly one size, so that none is much narrower than the others.
void bitconv(const BitConv& job, std::size_t begin, std::size_t end) {
    const Window& w = job.window;
    const CountShape s = count_shape(job);
    const std::size_t line = padded_width(w) * halves_of(job.channels), tiles = (w.out_w + count_tile - 1) / count_tile;
    const std::size_t least = w.out_w / tiles, wider = w.out_w % tiles;  // as many tiles have a pixel more
    // a border of one pixel, which the window reaches at the first and at the last place alone
    const bool narrow = w.pad_w == 1 && w.kernel_w > 1 && w.stride_w == 1 && w.dilation_w == 1 && w.width >= w.kernel_w &&
                        w.out_w == w.width + 3 - w.kernel_w;
    const std::ptrdiff_t reach = (w.kernel_w - 1) * w.dilation_w;
    CountTile tile{};
    for (std::size_t row = begin; row < end; ++row) {
        const std::size_t n = row / w.out_h;
        const std::ptrdiff_t top = static_cast<std::ptrdiff_t>(row % w.out_h) * w.stride_h - w.pad_h;
        tile.rows = taps_inside(top, w.kernel_h, w.dilation_h, w.height);
        const std::ptrdiff_t products = (tile.rows.last - tile.rows.first) * static_cast<std::ptrdiff_t>(job.channels);
        const auto* image = static_cast<const std::uint32_t*>(job.image) +
                            (n * w.height + (top + tile.rows.first * w.dilation_h)) * line;
        for (std::size_t t = 0, first = 0, size; t < tiles; ++t, first += size) {
            size = least + (t < wider);
            tile.pixel = row * w.out_w + first;
            tile.image = image + first * s.step;
            const std::ptrdiff_t left = static_cast<std::ptrdiff_t>(first) * w.stride_w - w.pad_w;
            const std::ptrdiff_t right = left + static_cast<std::ptrdiff_t>(size - 1) * w.stride_w + reach;
            tile.at_border = left < 0 || right >= w.width;
            tile.left = narrow && left < 0;
            tile.right = narrow && right >= w.width;
            const auto whole = static_cast<std::int32_t>(products * w.kernel_w), column = static_cast<std::int32_t>(products);
            for (std::size_t p = 0; p < size; ++p) tile.inside[p] = whole;
            if (narrow) {
                for (std::size_t p = 0; p < size && tile.at_border; ++p) tile.columns[p] = {0, w.kernel_w};
                if (tile.left) tile.inside[0] -= column, tile.columns[0].first = 1;
                if (tile.right) tile.inside[size - 1] -= column, tile.columns[size - 1].last = w.kernel_w - 1;
            } else if (tile.at_border) {
                for (std::size_t p = 0; p < size; ++p) {
                    const std::ptrdiff_t at = left + static_cast<std::ptrdiff_t>(p) * w.stride_w;
                    const Span columns = taps_inside(at, w.kernel_w, w.dilation_w, w.width);
                    tile.columns[p] = columns;
                    tile.inside[p] = static_cast<std::int32_t>(products * (columns.last - columns.first));
                }
            }
            count_filters_of(size)(job, s, tile);
        }
    }
}
