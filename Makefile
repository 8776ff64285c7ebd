# Every target sets itself up from a bare checkout and is quick the second time.
# What is needed beforehand: Python 3.11 or newer with venv, a Rust toolchain, make.
#
#   make demo       the main job on real input (release build)
#   make test       all tests but the slow ones (dev build, assertions on)
#   make help       the other targets

PYTHON ?= python3
export CARGO_TARGET_DIR ?= $(CURDIR)/target
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# Two environments, so that neither build replaces the other: `maturin develop` puts its library
# beside the Python sources and links .venv to them, .venv-release gets a wheel.
DEV := .venv
RELEASE := .venv-release
PACKAGING := build/packaging
LOCK := requirements-dev.lock
# pyo3 is built again whenever these variables change: cargo is called with those that maturin sets.
export PYO3_PYTHON := $(CURDIR)/$(DEV)/bin/python
SIGNATURE = $$($(PYO3_PYTHON) -c 'import sys; print("cpython-%d.%d-64bit" % sys.version_info[:2])')
CARGO_AS_MATURIN = PYO3_BUILD_EXTENSION_MODULE=1 PYO3_ENVIRONMENT_SIGNATURE=$(SIGNATURE) cargo

RUST_SOURCES := $(shell find rust -name '*.rs' -o -name '*.toml') Cargo.toml Cargo.lock rust-toolchain.toml
RUST_SOURCES := $(wildcard $(RUST_SOURCES))
PYTHON_SOURCES := $(shell find python -name '*.py' -o -name '*.pyi' -o -name py.typed)
PACKAGE_FILES := $(wildcard pyproject.toml README.md LICENSE)
CORE_BENCHES := $(wildcard rust/core/benches)

say := @printf '\n==> %s\n'

.PHONY: help dev fmt lint demo test test-all test-binding bench suite suite-paired plan-sets plan-real plan-cpsat wheel packaging \
  bench-check ci stubs lock clean
.NOTPARALLEL:
.DELETE_ON_ERROR:

help:
	@echo "dev        environment with all tools, dev build"
	@echo "fmt        format Rust and Python"
	@echo "lint       formatting, clippy, ruff, mypy, pyright, stubtest, rustdoc"
	@echo "demo       the main job on real input, from a bare checkout"
	@echo "test       cargo test for the core, pytest without the slow marks"
	@echo "test-all   the slow marks as well"
	@echo "bench      release build, timed benchmarks; data sets of BENCH_DATA if set"
	@echo "suite      workflows of real work beside their plain code: five minutes; options in OPTIONS"
	@echo "suite-paired  the strategy smart against optimized, run by run: a quarter of an hour; options in OPTIONS"
	@echo "plan-sets  plans of whole sets of the literature: half an hour; options in OPTIONS"
	@echo "plan-real  plans of real graphs, orders beside Dask's: a quarter of an hour"
	@echo "plan-cpsat plans beside those of OR-tools CP-SAT: ten minutes"
	@echo "ci         lint, test, wheel, packaging test, benchmarks with timing off"
	@echo "stubs      the generated stub beside the committed one"
	@echo "lock       newest versions of the developers' tools into $(LOCK)"
	@echo "clean      remove everything that was built"

# --- environments -------------------------------------------------------------------------------

define create_venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "makespan needs Python 3.11 or newer, but $(PYTHON) is: $$($(PYTHON) --version 2>&1)"; \
	  echo "Name another one, for example: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@command -v cargo >/dev/null || { \
	  echo "makespan needs a Rust toolchain (https://rustup.rs), but cargo was not found"; exit 1; }
	@$(PYTHON) -m venv $(1) || { \
	  echo "Python's venv module does not work; on Debian: apt-get install python3-venv"; exit 1; }
endef

$(DEV)/.stamp-tools: $(LOCK)
	$(say) "environment $(DEV): installing the developers' tools (a minute the first time)"
	$(call create_venv,$(DEV))
	@$(DEV)/bin/python -m pip install --quiet --requirement $(LOCK)
	@touch $@

$(DEV)/.stamp-package: $(DEV)/.stamp-tools $(RUST_SOURCES) $(PACKAGE_FILES)
	$(say) "dev build of the extension"
	@PIP_QUIET=1 VIRTUAL_ENV=$(CURDIR)/$(DEV) $(DEV)/bin/maturin develop
	@touch $@

$(RELEASE)/.stamp-tools: $(LOCK)
	$(say) "environment $(RELEASE): installing the build tool"
	$(call create_venv,$(RELEASE))
	@$(RELEASE)/bin/python -m pip install --quiet --constraint $(LOCK) maturin
	@touch $@

dist/.stamp-wheel: $(RELEASE)/.stamp-tools $(RUST_SOURCES) $(PYTHON_SOURCES) $(PACKAGE_FILES)
	$(say) "release build of the wheel (two minutes the first time)"
	@mkdir -p dist && rm -f dist/*.whl
	@$(RELEASE)/bin/maturin build --release --interpreter $(RELEASE)/bin/python --out dist
	@touch $@

# An unchanged version number must not keep pip from taking the new wheel.
$(RELEASE)/.stamp-package: dist/.stamp-wheel
	$(say) "environment $(RELEASE): installing the wheel"
	@$(RELEASE)/bin/python -m pip install --quiet --force-reinstall --no-deps dist/*.whl
	@$(RELEASE)/bin/python -m pip install --quiet --constraint $(LOCK) "$$(echo dist/*.whl)[cli]"
	@touch $@

$(RELEASE)/.stamp-bench: $(RELEASE)/.stamp-package
	$(say) "environment $(RELEASE): installing what the benchmarks compare with"
	@$(RELEASE)/bin/python -m pip install --quiet --constraint $(LOCK) "$$(echo dist/*.whl)[bench]"
	@touch $@

# The solvers are large and no part of any other target.
$(RELEASE)/.stamp-planners: $(RELEASE)/.stamp-bench benches/requirements-planners.txt
	$(say) "environment $(RELEASE): installing the planners that ours is compared with"
	@$(RELEASE)/bin/python -m pip install --quiet --constraint $(LOCK) --requirement benches/requirements-planners.txt
	@touch $@

dev: $(DEV)/.stamp-package
	@echo "ready: $(DEV)/bin/python"

# --- for people ---------------------------------------------------------------------------------

demo: $(RELEASE)/.stamp-package
	$(say) "inventory of the standard library: engine, then plain Python"
	@$(RELEASE)/bin/makespan run examples/inventory.py:inventory --compare

bench: $(RELEASE)/.stamp-bench
	$(say) "benchmarks (BENCH_DATA is $(or $(BENCH_DATA),not set: its data sets are left out))"
	@mkdir -p build
	$(RELEASE)/bin/python -m pytest benches --benchmark-enable --benchmark-json=build/bench.json
	$(RELEASE)/bin/python -m benches.table build/bench.json
	$(if $(CORE_BENCHES),cargo bench --locked --package makespan-core)

# OPTIONS="--strategy optimized word_count", for example; `-h` tells the others.
suite: $(RELEASE)/.stamp-bench
	$(RELEASE)/bin/python -m benches.suite $(OPTIONS)

suite-paired: $(RELEASE)/.stamp-bench
	$(RELEASE)/bin/python -m benches.suite --against optimized --strategy smart $(OPTIONS)

# OPTIONS="--processes 2 --limits 10 --instances 20", for example; `-h` tells the others.
plan-sets: $(RELEASE)/.stamp-bench
	$(RELEASE)/bin/python -m benches.plan_sets $(OPTIONS)

plan-real: $(RELEASE)/.stamp-planners
	$(RELEASE)/bin/python -m benches.plan_real $(OPTIONS)

plan-cpsat: $(RELEASE)/.stamp-planners
	$(RELEASE)/bin/python -m benches.plan_cpsat $(OPTIONS)

# --- checks -------------------------------------------------------------------------------------

fmt: $(DEV)/.stamp-tools
	cargo fmt --all
	$(DEV)/bin/ruff check --fix-only --quiet .
	$(DEV)/bin/ruff format .

lint: $(DEV)/.stamp-tools
	$(say) "format and style"
	cargo fmt --all --check
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .
	@$(MAKE) --no-print-directory $(DEV)/.stamp-package
	$(say) "clippy and rustdoc"
	$(CARGO_AS_MATURIN) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO_AS_MATURIN) doc --locked --workspace --no-deps --document-private-items
	$(say) "types"
	$(DEV)/bin/mypy
	$(DEV)/bin/python -m mypy.stubtest makespan._core
	$(DEV)/bin/pyright --pythonpath $(DEV)/bin/python

test: $(DEV)/.stamp-package
	$(say) "tests of the core"
	cargo test --locked --package makespan-core
	$(say) "tests of the package"
	$(DEV)/bin/python -m pytest -m "not slow"

# Links libpython, which an extension must not: a folder of its own, so that nothing is built twice.
test-binding: $(DEV)/.stamp-tools
	$(say) "tests of the binding"
	CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/binding cargo test --locked --package makespan-py

test-all: test-binding $(DEV)/.stamp-package
	$(say) "tests of the core, the long ones as well"
	cargo test --locked --package makespan-core -- --include-ignored
	$(say) "tests of the package, the slow ones as well"
	$(DEV)/bin/python -m pytest

wheel: dist/.stamp-wheel

# The wheel as users get it: a clean environment, the unit tests, a release build for certain.
packaging: dist/.stamp-wheel
	$(say) "the wheel in a clean environment"
	@rm -rf $(PACKAGING)
	$(call create_venv,$(PACKAGING))
	@$(PACKAGING)/bin/python -m pip install --quiet --constraint $(LOCK) "$$(echo dist/*.whl)"
	$(PACKAGING)/bin/makespan --version
	$(PACKAGING)/bin/python tests/packaging/check_wheel.py
	@$(PACKAGING)/bin/python -m pip install --quiet --constraint $(LOCK) "$$(echo dist/*.whl)[test]"
	$(PACKAGING)/bin/python -m pytest -m "not slow" tests/test_*.py

bench-check: $(RELEASE)/.stamp-bench
	$(say) "benchmarks, timing off"
	@mkdir -p build
	$(RELEASE)/bin/python -m pytest benches --benchmark-disable
	$(RELEASE)/bin/python -m benches.plan_sets --instances 1 --limits 0.01 >build/plan-sets.txt
	$(RELEASE)/bin/python -m benches.plan_real --graphs 1 --limits 0.01 >build/plan-real.txt
	$(RELEASE)/bin/python -m benches.suite --tiny --rounds 1 >build/suite.txt
	$(if $(CORE_BENCHES),cargo test --locked --package makespan-core --bench '*')

ci:
	@for part in lint test test-binding wheel packaging bench-check; do \
	  start=$$(date +%s); \
	  $(MAKE) --no-print-directory $$part || { printf '\nmake ci: %s failed\n' $$part; exit 1; }; \
	  ran="$$ran$$(printf '  %-13s %4d s' $$part $$(($$(date +%s) - start)))\n"; \
	done; printf '\nmake ci ran, and all passed:\n%b' "$$ran"

# --- upkeep -------------------------------------------------------------------------------------

# The committed stub is written by hand until this difference is empty.
stubs: $(DEV)/.stamp-tools
	@mkdir -p build/stubs
	VIRTUAL_ENV=$(CURDIR)/$(DEV) $(DEV)/bin/maturin generate-stubs --features pyo3/experimental-inspect \
	  --target-dir $(CARGO_TARGET_DIR)/stubs --out build/stubs
	-diff -u python/makespan/_core.pyi build/stubs/makespan/_core.pyi

lock: $(DEV)/.stamp-tools
	@$(DEV)/bin/python -m pip install --quiet uv
	@{ echo "# Every tool and library of the developers, for all supported Pythons; \`make lock\` writes this file."; \
	  $(DEV)/bin/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	    --no-emit-package makespan --no-header --quiet --upgrade; } > build/$(LOCK)
	@mv build/$(LOCK) $(LOCK)

clean:
	rm -rf $(DEV) $(RELEASE) build dist target inventory-report
	find python -name '_core*.so' -delete
