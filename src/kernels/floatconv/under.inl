// The place of tap (ky, kx) under output pixel (oy, ox), or `zeros` outside the image.
inline const float* under(const FloatConv& job, const float* image, std::ptrdiff_t oy, std::ptrdiff_t ox,
                          std::ptrdiff_t ky, std::ptrdiff_t kx) {
    const Window& w = job.window;
    const std::ptrdiff_t y = oy * w.stride_h - w.pad_h + ky * w.dilation_h;
    const std::ptrdiff_t x = ox * w.stride_w - w.pad_w + kx * w.dilation_w;
    const bool inside = y >= 0 && y < w.height && x >= 0 && x < w.width;
    return inside ? image + (y * w.width + x) * static_cast<std::ptrdiff_t>(job.in_stride) : job.zeros;
}
