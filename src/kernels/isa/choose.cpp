#include "isa/choose.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace leveret {
namespace {

#if defined(__aarch64__) && !defined(LEVERET_PORTABLE_ALONE)
bool has_dot_products() {
#if defined(__linux__)
    constexpr unsigned long asimd_dp = 1ul << 20;  // HWCAP_ASIMDDP, which old headers don't name
    return (getauxval(AT_HWCAP) & asimd_dp) != 0;
#elif defined(__APPLE__)
    int has = 0;
    std::size_t size = sizeof has;
    return sysctlbyname("hw.optional.arm.FEAT_DotProd", &has, &size, nullptr, 0) == 0 && has != 0;
#else
    return false;
#endif
}
#endif

std::vector<const Kernels*> available() {
    std::vector<const Kernels*> sets;
#if defined(LEVERET_PORTABLE_ALONE)
    // whoever builds has left the others out
#elif defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
        __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vpopcntdq"))
        sets.push_back(avx512_kernels());
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) sets.push_back(avx2_kernels());
    if (__builtin_cpu_supports("popcnt")) sets.push_back(popcnt_kernels());
#elif defined(__aarch64__)
    if (has_dot_products()) sets.push_back(neon_dotprod_kernels());
    sets.push_back(neon_kernels());
#endif
    sets.push_back(portable_kernels());
    return sets;
}

const Kernels* find(const std::string& name) {
    std::string known;
    for (const Kernels* set : available()) {
        if (name == set->name) return set;
        known += (known.empty() ? "" : ", ") + std::string(set->name);
    }
    throw std::invalid_argument("LEVERET_ISA must be one that this CPU has (" + known + "), got '" + name + "'");
}

std::atomic<const Kernels*> chosen{nullptr};

}  // namespace

std::vector<std::string> available_isas() {
    std::vector<std::string> names;
    for (const Kernels* set : available()) names.emplace_back(set->name);
    return names;
}

const Kernels& active() {
    const Kernels* set = chosen.load();
    if (set == nullptr) {
        const char* wish = std::getenv("LEVERET_ISA");
        set = wish != nullptr && *wish != '\0' ? find(wish) : available().front();
        chosen.store(set);
    }
    return *set;
}

void set_isa(const std::string& name) { chosen.store(find(name)); }

}  // namespace leveret
