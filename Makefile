# Newcomers need `make demo` and `make test`; the other targets are for developers.

VENV   ?= .venv
PYTHON ?= python3
# Package index for torch only, for example that of PyTorch's CPU builds: make demo TORCH_INDEX=URL
TORCH_INDEX ?=

# Options for pytest: make test PYTEST='-k resume --durations=9'
PYTEST ?=

BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo demo-model pins test test-all lint format types docs reference clean

help:
	@echo "make demo      train on the embedded corpus (at most 5 minutes), score, translate"
	@echo "make test      run the test suite without the slow stress tests"
	@echo "make test-all  run the whole test suite"
	@echo "make docs      build the documentation in build/site"
	@echo "make lint types format reference demo-model pins clean"

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(PIP) --editable '.[dev]'
	touch $@

# The installation above is editable: the native engine is compiled again when its sources change.
$(VENV)/native: $(VENV)/installed nmt/engine/native/build.py $(wildcard nmt/engine/native/src/*)
	$(BIN)/python -m nmt.engine.native.build
	touch $@

demo: $(VENV)/native
	rm -rf runs/demo
	$(BIN)/nmt train configs/demo.yaml
	@echo
	@$(BIN)/python data/demo-en-fr/show.py runs/demo/model

# The demonstration model. Unlike `make demo`, this trains without a time limit.
demo-model: $(VENV)/installed
	rm -rf runs/demo-model
	$(BIN)/nmt train configs/demo.yaml training.max_minutes=null --out runs/demo-model
	$(BIN)/nmt export runs/demo-model data/demo-en-fr/model --quantize int8 --shortlist

# The images' requirements with hashes. Run this when dependencies or constraints.txt change.
pins: $(VENV)/installed
	$(BIN)/python requirements/pin.py

# Each test process runs whole files, so that fixtures of a module are built once.
RUN_TESTS := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test: $(VENV)/native
	$(RUN_TESTS) -m 'not slow' $(PYTEST)

test-all: $(VENV)/native
	$(RUN_TESTS) $(PYTEST)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/installed
	$(BIN)/mypy

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/installed
	$(BIN)/python docs/generate_reference.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

reference: $(VENV)/installed
	$(BIN)/python docs/generate_reference.py

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
