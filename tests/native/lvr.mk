# The C library: built with its example, tested against Python's, and fuzzed. What it is built of stands in
# src/kernels/lvr/lvr.cmake; CMake and a compiler are all it needs.
CMAKE ?= $(or $(shell command -v cmake),$(BIN)/cmake)
LVR_BUILD := build/lvr
# such as -DLEVERET_PORTABLE_ALONE=ON
LVR_OPTIONS ?=

.PHONY: liblvr test-liblvr fuzz-native

liblvr:
	$(CMAKE) -S . -B $(LVR_BUILD) -DLEVERET_PYTHON=OFF $(LVR_OPTIONS)
	$(CMAKE) --build $(LVR_BUILD) --parallel $(JOBS)

# the same logits as in Python, bit for bit; damaged files named
test-liblvr: $(VENV)/.installed-dev liblvr
	$(CMAKE) --build $(LVR_BUILD) --target run_lvr
	LEVERET_RUN_LVR=$(LVR_BUILD)/run_lvr LEVERET_PREDICT=$(LVR_BUILD)/predict \
		$(BIN)/python -m pytest --quiet tests/runtime/test_c_library.py

# Hostile files. With clang: FUZZ_CXX=clang++, and libFuzzer drives; else a driver of our own. FUZZ_SETS: instruction sets
# that are built; the best one runs, or LEVERET_ISA.
FUZZ_CXX ?= $(NATIVE_CXX)
FUZZ_FILES ?= 20000
FUZZ_SEED ?= 0
FUZZ_SETS ?= $(NATIVE_SETS_$(NATIVE_HOST))
FUZZ_PYTHON ?= $(BIN)/python
FUZZ_BUILD := $(NATIVE_BUILD)/fuzz
FUZZ_IS_CLANG := $(findstring clang,$(FUZZ_CXX))
FUZZ_FLAGS := $(NATIVE_SANITIZE) $(if $(FUZZ_IS_CLANG),-fsanitize=fuzzer-no-link,-DLEVERET_FUZZ_MAIN)
ifeq ($(FUZZ_SETS),portable)
FUZZ_FLAGS += -DLEVERET_PORTABLE_ALONE
endif
# of the library all but the sets and Python's face
FUZZ_SOURCES := $(wildcard src/kernels/lvr/*.cpp src/kernels/lvr/ops/*.cpp src/kernels/*/layer.cpp) \
	$(filter-out src/kernels/engine/bind.cpp,$(wildcard src/kernels/engine/*.cpp)) \
	src/kernels/coding/symbols.cpp src/kernels/threads/pool.cpp tests/native/fuzz_files.cpp tests/native/fuzz_lvr.cpp
FUZZ_OBJECTS := $(patsubst %.cpp,$(FUZZ_BUILD)/%.o,$(FUZZ_SOURCES)) \
	$(patsubst %,$(FUZZ_BUILD)/%.set.o,choose $(FUZZ_SETS))

$(FUZZ_BUILD)/%.set.o: src/kernels/isa/%.cpp $(NATIVE_SOURCES)
	@mkdir -p $(@D)
	$(FUZZ_CXX) $(NATIVE_FLAGS) $(FUZZ_FLAGS) $(NATIVE_FLAGS_$*) -c $< -o $@

$(FUZZ_BUILD)/%.o: %.cpp $(NATIVE_SOURCES)
	@mkdir -p $(@D)
	$(FUZZ_CXX) $(NATIVE_FLAGS) $(FUZZ_FLAGS) -c $< -o $@

$(FUZZ_BUILD)/fuzz: $(FUZZ_OBJECTS)
	$(FUZZ_CXX) $(FUZZ_FLAGS) $(if $(FUZZ_IS_CLANG),-fsanitize=fuzzer) $^ -pthread -o $@

# small nets of every operation, which need torch to be made
$(FUZZ_BUILD)/seeds/seed-00.lvr: src/leveret/experiments/_fuzz_seeds.py
	@mkdir -p $(@D)
	$(FUZZ_PYTHON) -c "import pathlib; from leveret.experiments import _fuzz_seeds; \
	_fuzz_seeds.write_seeds(pathlib.Path('$(@D)'))"

# an allocation beyond the memory that a net may take is a fault, too
fuzz-native: $(FUZZ_BUILD)/fuzz $(FUZZ_BUILD)/seeds/seed-00.lvr
	ASAN_OPTIONS=max_allocation_size_mb=2304:allocator_may_return_null=0:handle_abort=0 UBSAN_OPTIONS=print_stacktrace=1 \
		$< $(if $(FUZZ_IS_CLANG),-runs=$(FUZZ_FILES) -seed=$(FUZZ_SEED) $(FUZZ_BUILD)/seeds,\
		$(FUZZ_FILES) $(FUZZ_SEED) $(FUZZ_BUILD)/seeds/*.lvr)
