// What a net takes: images, as pixels or normalised floats.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace leveret::lvr {

struct Contract {
    std::size_t channels, height, width;
    std::vector<float> mean, std;  // per channel, of pixels in 0..255; empty where only floats are taken

    // Reads the metadata's "input". Throws FormatError.
    static Contract read(const std::string& text);
};

// The metadata's "classes": names in the order of the logits, or none. Throws FormatError.
std::vector<std::string> read_classes(const std::string& text);

}  // namespace leveret::lvr
