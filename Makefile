# Targets for people who build warden. `make demo` and `make test` are all that a newcomer needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find src charter -type f -not -path '*/__pycache__/*' -not -path 'src/warden/_charter/*' 2>/dev/null)

.PHONY: demo test quick check lint

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml hatch_build.py $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --compile .
	touch $@

$(VENV)/.tools: pyproject.toml $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --compile '.[dev]'
	touch $@

lint: $(VENV)/.tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(VENV)/.tools
	$(BIN)/python -m pytest
