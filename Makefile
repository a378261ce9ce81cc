# `make` alone lists the targets. Everything lives in .venv and build/; both can be deleted at any time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TRAIN_STAMP := $(VENV)/.installed-train
# Any torch from 2.6 on will do. Plain `torch` may bring gigabytes of CUDA packages; where the index has a CPU build of
# this version, pip takes that. TORCH=... asks for another.
TORCH ?= torch==2.13.0

.DEFAULT_GOAL := help
.PHONY: help setup demo test check check-types check-rest pages prove fuzz coverage mutate same-verilog clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with everything the project needs (once)

# Icarus is not on PyPI; without it the project works and the tests that need it say that they were left out.
$(STAMP): pyproject.toml
	@for tool in $(PYTHON) g++ make perl; do command -v $$tool >/dev/null || \
		{ echo "error: $$tool is needed and was not found; install it and run make again" >&2; exit 1; }; done
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V); set PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "error: Python's venv module is needed (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@if ! command -v iverilog >/dev/null; then \
		if [ "$$(id -u)" = 0 ]; then sudo=; else sudo='sudo -n'; fi; \
		echo "installing Icarus Verilog (apt-get install iverilog)"; \
		{ $$sudo apt-get install -y -q iverilog || { $$sudo apt-get update -q && $$sudo apt-get install -y -q iverilog; }; } \
			>/dev/null 2>&1 || echo "Icarus Verilog could not be installed; Verilator does the RTL work, Icarus tests are left out"; fi
	@[ -x $(BIN)/pip ] || $(PYTHON) -m venv $(VENV)
	@echo "installing the project and its tools into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[verify,dev]'
	@touch $(STAMP)

# What the tests and the type checker need beyond the demo: PyTorch, ONNX, Dask, Parquet, Bokeh, LiteX, a browser. Without
# Chromium the test that opens a report in a browser says that it was left out.
$(TRAIN_STAMP): $(STAMP)
	@if ! command -v chromedriver >/dev/null; then \
		if [ "$$(id -u)" = 0 ]; then sudo=; else sudo='sudo -n'; fi; \
		echo "installing Chromium (apt-get install chromium chromium-driver)"; \
		install="$$sudo apt-get install -y -q --no-install-recommends chromium chromium-driver"; \
		{ $$install || { $$sudo apt-get update -q && $$install; }; } >/dev/null 2>&1 || \
			echo "Chromium could not be installed; the test of reports in a browser is left out"; fi
	@echo "installing $(TORCH) and the importers' packages into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check '$(TORCH)'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check '$(TORCH)' \
		--editable '.[train,onnx,onnx-test,gguf-test,vision-test,tflite,keras,keras-test,cluster,parquet,report,fpga,litex]'
	@touch $(TRAIN_STAMP)

demo: $(STAMP) ## compress, simulate, verify in RTL and time the example network; build/demo/summary.json
	@$(BIN)/python -m sim.commands.demo

test: $(TRAIN_STAMP) ## all quick tests
	@$(BIN)/python -m pytest -n 2 --dist worksteal tests

# Types beside everything else: each takes one core, and about as long.
check: $(TRAIN_STAMP) ## lint, format, types, directions of imports; pages and their figures are what the commands print
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check-types check-rest

check-types: $(TRAIN_STAMP)
	@$(BIN)/pyright

check-rest: $(TRAIN_STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@$(BIN)/python -m benchmarks.pages --check

# PAGE=tutorial only that page.
pages: $(TRAIN_STAMP) ## run the commands that README and docs show again, write what they print; build/site
	@$(BIN)/python -m benchmarks.pages --page '$(PAGE)'
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

prove: $(TRAIN_STAMP) ## the slow proofs
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m slow tests

# MINUTES=60 runs longer, TARGET=eie,onnx only some.
fuzz: $(TRAIN_STAMP) ## feed the readers of files what nobody would write
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@$(BIN)/python -m benchmarks.fuzz --minutes $(or $(MINUTES),10) --target $(or $(TARGET),all)

coverage: $(TRAIN_STAMP) ## lines and refusals that the quick tests reach
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@$(BIN)/python -m benchmarks.coverage_report

mutate: $(TRAIN_STAMP) ## break one line at a time: some test must notice
	@$(BIN)/python -m benchmarks.mutate

# REV=main, or any other commit.
same-verilog: $(STAMP) ## is the Verilog of all presets that of REV, byte for byte?
	@$(BIN)/python -m benchmarks.same_verilog $(or $(REV),HEAD)

clean: ## delete build outputs and caches; keeps .venv
	@rm -rf build sim_build results.xml .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
