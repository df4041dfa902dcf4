// Weights of real convolutions: [block of float_lanes outputs][tap][channel][float_lanes]; a last block is filled up with
// zeros.

std::size_t floatconv_floats(std::size_t outputs, std::size_t taps, std::size_t channels) {
    return (outputs + float_lanes - 1) / float_lanes * float_lanes * taps * channels;
}

void floatconv_prepare(const float* weights, std::size_t outputs, std::size_t taps, std::size_t channels, float* out) {
    for (std::size_t block = 0; block < outputs; block += float_lanes)
        for (std::size_t i = 0; i < taps * channels; ++i)
            for (std::size_t lane = 0; lane < float_lanes; ++lane) {
                const std::size_t o = block + lane;
                *out++ = o < outputs ? weights[o * taps * channels + i] : 0.0f;
            }
}
