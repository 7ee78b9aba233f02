# One entry point for people and for CI. Everything that is installed lands in
# .venv and .tools inside the checkout, except Debian packages (tests/setup/system.sh).
# Stamp files in .tools/stamps make repeated calls quick.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Thousands of processes are started here; compiling all they import each time takes longer than what they do.
unexport PYTHONDONTWRITEBYTECODE

STAMPS := .tools/stamps
BIN := .venv/bin
# Side by side, a file at a time and slow files first (tests/conftest.py): most tests wait for servers and processes, and what a file needs is started once.
PYTEST_ARGS ?= -n 3 --dist loadfile --no-loadscope-reorder
SOAK_ARGS ?=
# A wheel of PyTorch, or what an index has.
TORCH ?= torch

# All that a test may need.
SUITE := $(addprefix $(STAMPS)/,venv dvc3 dvc2 ceph servers azurite giftless example)

.PHONY: help demo test test-all test-torch lint bench bench-field soak clean wheel image-check

help: ## show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/'

demo: $(STAMPS)/venv ## mount a small repository with two data versions and switch between them
	@$(BIN)/vfs demo

test: lint wheel $(SUITE) ## lint, wheel, the test suite (every mechanism)
	@HYPOTHESIS_PROFILE=ci $(BIN)/python -m pytest $(PYTEST_ARGS)

test-all: lint wheel $(SUITE) ## the same, with the long tests and all variants of the others (marked soak)
	@HYPOTHESIS_PROFILE=ci $(BIN)/python -m pytest -m "" $(PYTEST_ARGS)

lint: $(STAMPS)/venv ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

wheel: $(STAMPS)/venv ## build the wheel, install it into a fresh venv, mount with it
	@tests/setup/wheel.sh

test-torch: $(STAMPS)/venv $(STAMPS)/servers ## the PyTorch adapter with the real DataLoader (installs PyTorch, 190 MB)
	@.venv/bin/uv pip install --quiet $(TORCH) || $(BIN)/python -m pip install --quiet $(TORCH)
	@$(BIN)/python -m pytest tests/hints/test_torch.py

bench: $(STAMPS)/venv $(STAMPS)/bench $(STAMPS)/ceph $(STAMPS)/dvc3 ## measure every row of docs/benchmarks.md
	@$(BIN)/python -m tests.bench $(BENCH_ARGS)

bench-field: $(STAMPS)/venv $(STAMPS)/bench $(STAMPS)/ceph $(STAMPS)/field ## measure vfs beside its peers, same data, server and latency
	@$(BIN)/python -m tests.bench.field $(BENCH_ARGS)

soak: $(STAMPS)/venv $(STAMPS)/dvc3 $(STAMPS)/dvc2 $(STAMPS)/ceph ## the long versions of the random tests (VFS_TEST_SOAK_MINUTES=60)
	@HYPOTHESIS_PROFILE=soak VFS_TEST_SOAK=1 \
	  $(BIN)/python -m pytest -m "" tests/fuse/test_machine.py tests/faults tests/tracking/test_kill.py tests/pipeline/test_kill.py tests/pipeline/test_private_kill.py tests/compat/test_generated_pipelines.py -o timeout=14400 \
	  -o faulthandler_timeout=0 $(SOAK_ARGS)

image-check: $(STAMPS)/image ## build the image without a Docker engine and prove what it does (root; 10 minutes the first time)
	@tests/setup/image.sh

clean: ## remove everything that was built or installed here
	rm -rf .venv .tools .cache dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMPS)/system: tests/setup/system.sh
	@tests/setup/system.sh base
	@tests/setup/system.sh device
	@mkdir -p $(@D) && touch $@

$(STAMPS)/ceph: tests/setup/system.sh
	@tests/setup/system.sh ceph
	@mkdir -p $(@D) && touch $@

$(STAMPS)/servers: tests/setup/system.sh
	@tests/setup/system.sh servers
	@mkdir -p $(@D) && touch $@

$(STAMPS)/azurite: tests/setup/azurite.sh | $(STAMPS)/servers
	@tests/setup/azurite.sh
	@touch $@

$(STAMPS)/giftless: tests/setup/giftless.sh tests/setup/giftless.txt | $(STAMPS)/venv
	@tests/setup/giftless.sh
	@touch $@

$(STAMPS)/example: tests/setup/example.sh tests/setup/example.txt tests/setup/messages.txt | $(STAMPS)/venv
	@tests/setup/example.sh
	@touch $@

$(STAMPS)/bench: tests/setup/system.sh pyproject.toml | $(STAMPS)/venv
	@tests/setup/system.sh bench
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint tests/setup/constraints.txt --group bench
	@mkdir -p $(@D) && touch $@

$(STAMPS)/field: tests/setup/field.sh tests/setup/field.txt tests/setup/system.sh | $(STAMPS)/venv
	@tests/setup/field.sh
	@mkdir -p $(@D) && touch $@

$(STAMPS)/image: tests/setup/system.sh
	@tests/setup/system.sh image
	@mkdir -p $(@D) && touch $@

$(STAMPS)/venv: pyproject.toml tests/setup/venv.sh tests/setup/constraints.txt $(STAMPS)/system
	@tests/setup/venv.sh
	@touch $@

$(STAMPS)/dvc3: tests/setup/dvc.sh tests/setup/dvc3.txt | $(STAMPS)/venv
	@tests/setup/dvc.sh dvc3
	@touch $@

$(STAMPS)/dvc2: tests/setup/dvc.sh tests/setup/dvc2.txt | $(STAMPS)/venv
	@tests/setup/dvc.sh dvc2
	@touch $@
