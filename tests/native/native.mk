# The C++ tests of the kernels, without Python: for this CPU, with sanitizers, and for arm64 under emulation.
# The kernels' own flags are those of CMakeLists.txt.
comma := ,
NATIVE_CXX ?= $(CXX)
ARM64_CXX ?= aarch64-linux-gnu-g++
ARM64_RUN ?= qemu-aarch64
# where its shared libraries lie, which sanitizers need
ARM64_ROOT ?= /usr/aarch64-linux-gnu
# more than enough for every shape's oddities; emulation takes its time
NATIVE_CASES ?= 200

NATIVE_BUILD := build/native
NATIVE_TESTS := main bits bytes floats
NATIVE_SETS_x86_64 := portable popcnt avx2 avx512
NATIVE_SETS_aarch64 := portable neon neon_dotprod
NATIVE_HOST := $(subst arm64,aarch64,$(shell uname -m))

NATIVE_FLAGS := -std=c++20 -Isrc/kernels -Wall -Wextra -Wno-psabi -fno-math-errno -ffp-contract=off
NATIVE_FLAGS_popcnt := -mpopcnt
NATIVE_FLAGS_avx2 := -mavx2 -mfma -mpopcnt
NATIVE_FLAGS_avx512 := $(NATIVE_FLAGS_avx2) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vbmi -mavx512vnni \
	-mavx512vpopcntdq -Wno-uninitialized -Wno-maybe-uninitialized
NATIVE_FLAGS_neon_dotprod := -march=armv8.2-a+dotprod

NATIVE_SANITIZE := -O1 -g -fsanitize=address$(comma)undefined -fno-sanitize-recover=all

NATIVE_SOURCES := $(shell find src/kernels tests/native -type f)

# $(call native,folder,compiler,flags,sets): the test program in build/native/folder
define native
$(NATIVE_BUILD)/$1/%.set.o: src/kernels/isa/%.cpp $$(NATIVE_SOURCES)
	@mkdir -p $$(@D)
	$2 $(NATIVE_FLAGS) $3 $$(NATIVE_FLAGS_$$*) -c $$< -o $$@
$(NATIVE_BUILD)/$1/%.o: tests/native/%.cpp $$(NATIVE_SOURCES)
	@mkdir -p $$(@D)
	$2 $(NATIVE_FLAGS) $3 -c $$< -o $$@
$(NATIVE_BUILD)/$1/test: $(patsubst %,$(NATIVE_BUILD)/$1/%.set.o,choose $4) $(patsubst %,$(NATIVE_BUILD)/$1/%.o,$(NATIVE_TESTS))
	$2 $3 $$^ -o $$@
endef

$(eval $(call native,plain,$(NATIVE_CXX),-O3,$(NATIVE_SETS_$(NATIVE_HOST))))
$(eval $(call native,sanitize,$(NATIVE_CXX),$(NATIVE_SANITIZE),$(NATIVE_SETS_$(NATIVE_HOST))))
$(eval $(call native,arm64,$(ARM64_CXX),-O3 -static,$(NATIVE_SETS_aarch64)))
$(eval $(call native,sanitize-arm64,$(ARM64_CXX),$(NATIVE_SANITIZE),$(NATIVE_SETS_aarch64)))

.PHONY: test-native test-arm64 sanitize sanitize-arm64 arm64-tools

test-native: $(NATIVE_BUILD)/plain/test
	$< $(NATIVE_CASES)

sanitize: $(NATIVE_BUILD)/sanitize/test
	$< $(NATIVE_CASES)

arm64-tools:
	@command -v $(ARM64_CXX) >/dev/null && command -v $(ARM64_RUN) >/dev/null || { echo "test-arm64 needs \
	$(ARM64_CXX) and $(ARM64_RUN): on Debian or Ubuntu, apt-get install g++-aarch64-linux-gnu qemu-user" >&2; exit 1; }

test-arm64: arm64-tools
	@$(MAKE) --no-print-directory $(NATIVE_BUILD)/arm64/test
	$(ARM64_RUN) -cpu max $(NATIVE_BUILD)/arm64/test $(NATIVE_CASES)

# leaks are looked for by ptrace, which emulation lacks
sanitize-arm64: arm64-tools
	@$(MAKE) --no-print-directory $(NATIVE_BUILD)/sanitize-arm64/test
	ASAN_OPTIONS=detect_leaks=0 $(ARM64_RUN) -cpu max -L $(ARM64_ROOT) $(NATIVE_BUILD)/sanitize-arm64/test $(NATIVE_CASES)
