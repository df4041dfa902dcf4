// Layouts of the binary convolutions that count: images lie in lines padded with zeros left and right, so that the half
// words under a row of the kernel follow one another and a tile of pixels needs no pointers of its own. Those zeros differ
// from a filter where its bits are 1, so the filters' own ones are counted once, here. Rows of the kernel outside the image
// are skipped.
//
// Included after count_lanes (filters at once) and count_tile (pixels at once, at most) are set.
//
// In half words of 32 bits
//   image:   [row][column + padding][half]
//   weights: [block of filters][tap][half][filter], then the ones of each tap: [block][tap][filter]

inline std::size_t halves_of(std::size_t channels) { return (channels + 31) / 32; }

inline std::size_t padded_width(const Window& w) { return static_cast<std::size_t>(w.width + 2 * w.pad_w); }

std::size_t expanded_bytes(const Window& w, std::size_t channels) { return padded_width(w) * halves_of(channels) * 4; }

void expand(const std::uint64_t* bits, std::size_t rows, const Window& w, std::size_t channels, void* out) {
    const std::size_t words = (channels + 63) / 64, halves = halves_of(channels), border = w.pad_w * halves;
    auto* to = static_cast<std::uint32_t*>(out);
    for (std::size_t row = 0; row < rows; ++row) {
        std::memset(to, 0, border * 4);
        to += border;
        if (halves == 2 * words) {
            std::memcpy(to, bits, w.width * words * 8);
            to += w.width * halves;
            bits += w.width * words;
        } else {  // the last word's upper half is empty
            for (std::ptrdiff_t x = 0; x < w.width; ++x, to += halves, bits += words)
                std::memcpy(to, bits, halves * 4);
        }
        std::memset(to, 0, border * 4);
        to += border;
    }
}

inline std::size_t count_blocks(std::size_t outputs) { return (outputs + count_lanes - 1) / count_lanes; }

std::size_t bitconv_bytes(std::size_t outputs, std::size_t taps, std::size_t channels) {
    return count_blocks(outputs) * taps * (halves_of(channels) + 1) * count_lanes * 4;
}

void bitconv_prepare(const std::uint64_t* weights, std::size_t outputs, std::size_t taps, std::size_t channels,
                     void* out) {
    const std::size_t words = (channels + 63) / 64, halves = halves_of(channels), blocks = count_blocks(outputs);
    auto* to = static_cast<std::uint32_t*>(out);
    auto* ones = to + blocks * taps * halves * count_lanes;
    for (std::size_t block = 0; block < blocks; ++block)
        for (std::size_t tap = 0; tap < taps; ++tap, ones += count_lanes)
            for (std::size_t lane = 0; lane < count_lanes; ++lane) {
                const std::size_t o = block * count_lanes + lane;
                std::uint32_t count = 0;
                for (std::size_t half = 0; half < halves; ++half) {
                    std::uint64_t word = o < outputs ? weights[(o * taps + tap) * words + half / 2] : 0;
                    const auto w = static_cast<std::uint32_t>(word >> half % 2 * 32);
                    to[((block * taps + tap) * halves + half) * count_lanes + lane] = w;
                    count += static_cast<std::uint32_t>(__builtin_popcount(w));
                }
                ones[lane] = count;
            }
}

// Where in a row of the kernel an output pixel sees the image: taps first..last-1.
struct Span {
    std::ptrdiff_t first, last;
};

inline Span taps_inside(std::ptrdiff_t at, std::ptrdiff_t kernel, std::ptrdiff_t dilation, std::ptrdiff_t size) {
    Span span{0, kernel};
    while (span.first < kernel && at + span.first * dilation < 0) ++span.first;
    while (span.last > span.first && at + (span.last - 1) * dilation >= size) --span.last;
    return span;
}

// A tile of output pixels in one row: what each sees of the image.
struct CountTile {
    std::size_t pixel;              // the first one's place in the output
    const std::uint32_t* image;     // the first one's half words, at the first tap of the first row inside
    Span rows;                      // of the kernel, the same for all
    Span columns[count_tile];
    std::int32_t inside[count_tile];  // products: channels times taps inside the image
    bool at_border;
    // nothing but the first pixel's first column of the kernel, and the last one's last, may lie outside the image: which
    bool left, right;
};

// How a convolution lies in memory, in half words.
struct CountShape {
    std::size_t step, line;                      // from an output pixel's image to the next one's, and to the row below
    std::size_t runs, run, between, filter_run;  // a row of the kernel: pieces, their length, and what lies between
    std::size_t column;                          // of a row of the kernel, where the row is one run
    std::size_t filter_row, filter_block;
};
