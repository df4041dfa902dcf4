// The C border: no exception crosses it.
#include "lvr/lvr.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>

#include "isa/choose.hpp"
#include "lvr/net.hpp"
#include "lvr/text.hpp"

using namespace leveret;

struct lvr_net {
    explicit lvr_net(std::span<const std::uint8_t> file) : net(file) {}
    lvr::Net net;
};

namespace {

// Of a size of its own: what went wrong may be that there is no memory.
constexpr std::size_t longest_message = 1024;
thread_local char message[longest_message] = "";

lvr_status failed(lvr_status status, std::string_view text, std::string_view before = "") noexcept {
    char built[longest_message];  // `text` may be the older message
    std::size_t used = 0;
    for (const std::string_view part : {before, text}) {
        const std::size_t some = std::min(part.size(), sizeof built - 1 - used);
        std::memcpy(built + used, part.data(), some);
        used += some;
    }
    // no half of a character at the end
    if (used == sizeof built - 1)
        while (used > 0 && (static_cast<unsigned char>(built[used - 1]) & 0x80)) --used;
    std::memcpy(message, built, used);
    message[used] = '\0';
    return status;
}

template <typename Work>
lvr_status guarded(const Work& work) noexcept {
    try {
        return work();
    } catch (const lvr::FormatError& error) {
        return failed(LVR_BAD_FILE, error.what());
    } catch (const std::invalid_argument& error) {
        return failed(LVR_BAD_ARGUMENT, error.what());
    } catch (const std::bad_alloc&) {
        return failed(LVR_NO_MEMORY, "there is not enough memory");
    } catch (const std::length_error&) {
        return failed(LVR_NO_MEMORY, "there is not enough memory");
    } catch (const std::exception& error) {
        return failed(LVR_FAILED, error.what());
    } catch (...) {
        return failed(LVR_FAILED, "an unknown error");
    }
}

lvr_status unreadable(const char* path) {
    return failed(LVR_BAD_FILE, std::generic_category().message(errno), lvr::joined(path, " could not be read: "));
}

struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

// The whole file, in pieces: what it says of its own size isn't believed either, as of a pipe or a folder.
std::optional<std::vector<std::uint8_t>> contents(const char* path) {
    errno = 0;
    const std::unique_ptr<std::FILE, Close> file(std::fopen(path, "rb"));
    if (!file) return std::nullopt;
    std::vector<std::uint8_t> bytes;
    constexpr std::size_t piece = std::size_t{1} << 16;
    for (std::size_t got = piece; got == piece;) {
        const std::size_t had = bytes.size();
        bytes.resize(had + piece);
        got = std::fread(bytes.data() + had, 1, piece, file.get());
        bytes.resize(had + got);
    }
    if (std::ferror(file.get())) return std::nullopt;
    return bytes;
}

template <typename Pixel>
lvr_status run(const lvr_net* net, const Pixel* images, std::size_t n, int threads, float* logits) noexcept {
    return guarded([&] {
        if (!net) return failed(LVR_BAD_ARGUMENT, "the net must not be null");
        if (n > 0 && (!images || !logits)) return failed(LVR_BAD_ARGUMENT, "images and logits must not be null");
        if (threads < 0)
            return failed(LVR_BAD_ARGUMENT, lvr::joined("threads must be 0 or more, got ", threads));
        if (sizeof(Pixel) == 1 && !net->net.takes_pixels())
            return failed(LVR_BAD_ARGUMENT, "this net takes no pixels: it was packed without a normalisation; give "
                                            "lvr_run_floats normalised floats");
        const std::uint64_t most = std::max(net->net.input().elements(), net->net.output().elements());
        if (n > std::numeric_limits<std::size_t>::max() / sizeof(float) / most)
            return failed(LVR_BAD_ARGUMENT, lvr::joined("n is far too large: ", n));
        net->net.run(images, n, logits, threads);
        return LVR_OK;
    });
}

}  // namespace

extern "C" {

lvr_status lvr_load(const char* path, lvr_net** net) {
    if (!net) return failed(LVR_BAD_ARGUMENT, "net must not be null");
    *net = nullptr;
    if (!path) return failed(LVR_BAD_ARGUMENT, "path must not be null");
    return guarded([&] {
        const auto bytes = contents(path);
        if (!bytes) return unreadable(path);
        const lvr_status status = lvr_load_memory(bytes->data(), bytes->size(), net);
        return status == LVR_BAD_FILE ? failed(status, lvr_error(), lvr::joined(path, ": ")) : status;
    });
}

lvr_status lvr_load_memory(const void* bytes, size_t size, lvr_net** net) {
    if (!net) return failed(LVR_BAD_ARGUMENT, "net must not be null");
    *net = nullptr;
    if (!bytes && size > 0) return failed(LVR_BAD_ARGUMENT, "bytes must not be null");
    return guarded([&] {
        *net = new lvr_net({static_cast<const std::uint8_t*>(bytes), size});
        return LVR_OK;
    });
}

void lvr_free(lvr_net* net) { delete net; }

lvr_status lvr_describe(const lvr_net* net, lvr_info* info) {
    if (!net || !info) return failed(LVR_BAD_ARGUMENT, "net and info must not be null");
    return guarded([&] {
        const lvr::Shape &in = net->net.input(), &out = net->net.output();
        *info = lvr_info{};
        info->channels = in.channels;
        info->height = in.height;
        info->width = in.width;
        info->takes_pixels = net->net.takes_pixels();
        info->classes = out.channels;
        info->map_height = out.image ? out.height : 0;
        info->map_width = out.image ? out.width : 0;
        info->logits = out.elements();
        info->names = net->net.classes().size();
        info->bytes = net->net.bytes();
        return LVR_OK;
    });
}

const char* lvr_class_name(const lvr_net* net, size_t i) {
    return net && i < net->net.classes().size() ? net->net.classes()[i].c_str() : nullptr;
}

lvr_status lvr_run_pixels(const lvr_net* net, const uint8_t* images, size_t n, int threads, float* logits) {
    return run(net, images, n, threads, logits);
}

lvr_status lvr_run_floats(const lvr_net* net, const float* images, size_t n, int threads, float* logits) {
    return run(net, images, n, threads, logits);
}

const char* lvr_error(void) { return message; }

const char* lvr_isa(void) {
    const char* name = nullptr;
    guarded([&] {
        name = active().name;
        return LVR_OK;
    });
    return name;
}

}  // extern "C"
