// Memory of a kernel's own, given back however the kernel ends.

template <typename T>
struct Held {
    T* const data;

    explicit Held(std::size_t count)
        : data(static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{64}))) {}
    ~Held() { ::operator delete(data, std::align_val_t{64}); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
};
