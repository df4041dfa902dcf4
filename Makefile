# Two commands do all the set-up: `make demo` and `make test`. PYTHON chooses another interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install demo test lint public-api check docs docs-pictures clean

help:
	@echo "make demo           install into $(VENV) and run the main job on the embedded digits, to demo/report.html"
	@echo "make test           install what the tests need and run them"
	@echo "make test-native    the kernels' own tests in C++, for this CPU"
	@echo "make test-arm64     the same for arm64, under emulation"
	@echo "make sanitize       the same for this CPU, looking out for bad memory and undefined behaviour"
	@echo "make sanitize-arm64 that for arm64, under emulation"
	@echo "make liblvr         the C library and its example, into build/lvr; needs no Python"
	@echo "make test-liblvr    its logits against Python's, and damaged files"
	@echo "make fuzz-native    hostile files against it, with sanitizers"
	@echo "make dist           the wheel and the sdist, into dist/"
	@echo "make test-dist      what these hold, and whether they work where nothing else is installed"
	@echo "make house          coverage, times and sizes, into docs/results/house.md"
	@echo "make lint           ruff, mypy, and which room may import which"
	@echo "make public-api     list the public names and signatures anew: tests/public_api.txt"
	@echo "make check          lint and test, as the CI does"
	@echo "make docs           the documentation as a site, to build/site/index.html"
	@echo "make docs-pictures  its pictures, anew; takes some minutes"
	@echo "make clean          remove $(VENV), build/, dist/ and demo/"

# reinstalled when the build or the kernels change; Python files are seen at once
SOURCES := pyproject.toml CMakeLists.txt $(shell find src/kernels -type f)

$(VENV)/.installed: $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "scikit-build-core>=0.11" "nanobind>=2.4" "cmake>=3.20" ninja
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable ".[train]"
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable ".[dev]"
	touch $@

install: $(VENV)/.installed

demo: install
	$(BIN)/leveret shrink digits -o demo $(if $(wildcard demo/config.json),--resume)
	@echo
	@echo "open demo/report.html in a browser"

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n $(JOBS) --quiet

include tests/native/native.mk
include tests/native/lvr.mk
include tests/dist/dist.mk

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

public-api: $(VENV)/.installed-dev
	$(BIN)/python tests/public_api.py --write

check: lint test

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable ".[docs]"
	touch $@

# strict: a broken link, a page outside the navigation or a public name without an entry is an error
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build
	@echo "open build/site/index.html in a browser"

docs-pictures: $(VENV)/.installed
	for script in docs/pictures/[a-z]*.py; do $(BIN)/python $$script || exit 1; done

clean:
	rm -rf $(VENV) build dist demo
