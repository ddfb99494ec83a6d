# The two commands of a newcomer are `make demo` and `make test`; the rest is for developers.

VENV   ?= .venv
PYTHON ?= python3
# Another index for torch alone, such as that of PyTorch's CPU builds: make demo TORCH_INDEX=URL
TORCH_INDEX ?=

# Options of pytest: make test PYTEST='-k resume --durations=9'
PYTEST ?=

BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo demo-model pins test lint format types clean

help:
	@echo "make demo    train on the embedded corpus (at most 5 minutes), score, translate"
	@echo "make test    the test suite"
	@echo "make lint types format demo-model pins clean"

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(PIP) --editable '.[dev]'
	touch $@

demo: $(VENV)/installed
	rm -rf runs/demo
	$(BIN)/nmt train configs/demo.yaml
	@echo
	@$(BIN)/python data/demo-en-fr/show.py runs/demo/model

# The model that the image serves where none is mounted. Unlike in `make demo`, no clock ends the training.
demo-model: $(VENV)/installed
	rm -rf runs/demo-model
	$(BIN)/nmt train configs/demo.yaml training.max_minutes=null --out runs/demo-model
	$(BIN)/nmt export runs/demo-model data/demo-en-fr/model --quantize int8 --shortlist

# What the images install, with hashes; to be made anew when dependencies or constraints.txt change.
pins: $(VENV)/installed
	$(BIN)/python requirements/pin.py

# A file of tests a core.
test: $(VENV)/installed
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(PYTEST)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/installed
	$(BIN)/mypy

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
