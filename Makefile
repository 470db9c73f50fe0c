# Everything a person or CI does here is a target: `make help` lists them.
#
# Environments are made from the hashed locks and marked with stamp files, so a
# second run does nothing until a lock changes.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# Environments are made of it; looked for once, and only where one is made.
ifeq ($(origin PYTHON), undefined)
PYTHON = $(eval PYTHON := $(shell sh scripts/choose_python.sh python3.11 python3.12 python3.13 python3))$(PYTHON)
endif
# Processes that run tests side by side; 0 runs them in one.
JOBS ?= 2
# Processes that run networks: each has several nodes to keep busy.
NETS_JOBS ?= 2
# Priorities in `make test`: a network gets a core when it needs one; style and types are short and
# reported early; programs and sockets are next, and what only computes fills the time that is left.
FIRST ?= nice -n 3
SOON ?= nice -n 7
LATER ?= nice -n 15
# Seed of everything that `make test-full` chooses at random; the same one repeats a run.
ifeq ($(origin SEED), undefined)
SEED := $(shell od -An -N3 -tu4 /dev/urandom | tr -d ' ')
endif
# kill -9 rounds of `make crash`.
CRASHES ?= 100
# Minutes for each target of `make fuzz` and `make fuzz-cost`, and which of them (all).
MINUTES ?= 1
TARGETS ?=
# What `make bench-compare` compares with, which workloads (all of the mode), and the mode: whole,
# or quick (ten minutes, no networks).
BASE ?= f78e9887
PARTS ?=
MODE ?= whole
# What `make hostile` does: names of attacks or defects (D2,D3-old), all of them by default; for how
# many seconds each.
ATTACKS ?=
SECONDS ?= 45
# Hundreds of nodes are started: each would compile the whole program anew.
export PYTHONDONTWRITEBYTECODE :=

VENV := .venv
BIN := $(VENV)/bin
PACKAGES := btt_chain runtime p2p storage cli genesis
# Where tests marked `devnet` lie; tests/conftest.py refuses them elsewhere.
NETS := tests/devnet tests/ops tests/hostile
COMPAT := tests/compat
# Where tests start programs and nodes (tests/unit/conftest.py refuses them in unit tests), open sockets
# or wait, but for those of real clients; what else lies in `tests` only computes.
TALKING := tests/crash tests/docs tests/fuzz tests/programs \
	$(addprefix tests/unit/,care cli client compute explorer node p2p payments records rpc storage web)
# What is imported is compiled then: of most packages that is little.
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --no-compile
INSTALL_LOCKED = $(SHELL) scripts/install_locked.sh $(BIN)/uv
# For each Python and processor that pyproject.toml allows, whichever runs here.
PIP_COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(SHELL) $(CURDIR)/scripts/uv.sh $(CURDIR)/$(BIN)/uv pip compile \
	--quiet --universal --python-version 3.11 --generate-hashes

# --- environments -----------------------------------------------------------

.PHONY: setup
setup: $(VENV)/.installed ## Make .venv from the locks and install btt-chain into it, editable

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python found: set PYTHON to one of 3.11, 3.12 or 3.13"; exit 1; }
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info[:2] <= (3, 13) or sys.exit("Python 3.11, 3.12 or 3.13 is needed, and " + sys.executable + " is another: set PYTHON")'
	@$(PYTHON) -c 'import os, sys; from btt_chain.launcher import unsupported; sys.exit(unsupported(sys.version_info[:2], os.uname().machine))'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installer: requirements/install.txt | $(BIN)/python
	@$(BIN)/python $(PIP_INSTALL) --require-hashes -r $<
	@touch $@

$(VENV)/.locked: requirements/base.txt requirements/dev.txt $(VENV)/.installer scripts/install_locked.sh scripts/uv.sh
	@echo "installing requirements/base.txt and requirements/dev.txt"
	@$(INSTALL_LOCKED) $(BIN)/python requirements/base.txt requirements/dev.txt
	@touch $@

# Compiled once: the processes that run tests begin together, and each would compile the same files.
$(VENV)/.installed: pyproject.toml $(VENV)/.locked
	$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q -j 0 $(PACKAGES) tests/support
	@touch $@

# Empty where node is not installed.
NODE_MODULES := $(if $(and $(shell command -v node),$(shell command -v npm)),$(COMPAT)/node_modules/.locked)

.PHONY: compat-setup compat-setup-ci
compat-setup: compat-setup-ci $(COMPAT)/.env/py2/.locked ## Install the clients of tests/compat, each in its own environment

# Without the asynchronous Python client, which only the full tier runs.
compat-setup-ci: $(COMPAT)/.env/py1/.locked $(NODE_MODULES)
	@test -n "$(NODE_MODULES)" || echo "!!! node or npm is missing: the polkadot.js and polkadot-api suites will be SKIPPED"
	@command -v softhsm2-util >/dev/null || echo "!!! softhsm2 is missing: the card in a token will be SKIPPED"

$(COMPAT)/.env/%/.locked: $(COMPAT)/%.txt $(VENV)/.installer
	$(BIN)/python -m venv --without-pip --clear $(@D)
	@$(FIRST) $(INSTALL_LOCKED) $(@D)/bin/python $<
	@touch $@

$(COMPAT)/node_modules/.locked: $(COMPAT)/package.json $(COMPAT)/package-lock.json $(COMPAT)/.npmrc
	cd $(COMPAT) && $(FIRST) npm ci --loglevel=error
	@touch $@

# Only the full tier rates pages: CI does not install it.
LIGHTHOUSE := $(COMPAT)/lighthouse

$(LIGHTHOUSE)/node_modules/.locked: $(LIGHTHOUSE)/package.json $(LIGHTHOUSE)/package-lock.json $(LIGHTHOUSE)/.npmrc
	cd $(LIGHTHOUSE) && npm ci --loglevel=error
	@touch $@

.PHONY: lighthouse
lighthouse: setup $(LIGHTHOUSE)/node_modules/.locked ## Rate twelve pages of the explorer with Lighthouse, as on a phone
	$(BIN)/pytest -s -m full tests/programs/explorer/test_lighthouse.py

# --- the chain --------------------------------------------------------------

.PHONY: devnet
devnet: setup ## Run four validators, two providers, three feeders and an explorer on this machine and watch them
	@trap : INT; $(BIN)/btt-chain devnet up --providers 2 --feeders --explorer || [ $$? -eq 130 ]

# --- checks -----------------------------------------------------------------

# The output of each part is printed when the part ends.
SIDE_BY_SIDE := $(MAKE) --no-print-directory --jobs=16 --output-sync=target --keep-going
PYTEST := $(BIN)/pytest --durations=50 -m "not full"
# Rewriting the asserts of all tests takes a minute of processor time, and a fresh clone has none stored:
# there a failure shows the locals instead of the compared values.
PYTEST_ONCE := $(PYTEST) $(if $(wildcard tests/unit/__pycache__),,--assert=plain --showlocals)
# Processes that share files: test-computing-1 test-computing-2. tests/support/parts.py says why.
PARTS_OF_TESTS := $(or $(shell seq $(JOBS)),1)
SHARE = --part $*/$(words $(PARTS_OF_TESTS))
# One more for those that wait: at the end one of them alone would leave the machine idle.
PARTS_OF_TALKING := $(PARTS_OF_TESTS) $(words one-more $(PARTS_OF_TESTS))

.PHONY: test
test: ## Everything CI runs: lint, types, layers, tests, real clients
	$(SIDE_BY_SIDE) test-style test-types test-nets test-clients \
		$(addprefix test-talking-,$(PARTS_OF_TALKING)) $(addprefix test-computing-,$(PARTS_OF_TESTS))

.PHONY: test-style test-types test-nets test-clients
test-style: setup
	$(FIRST) $(MAKE) --no-print-directory style

# A cache is not begun here: writing it takes an eighth of the time, and a fresh clone reads none.
test-types: setup
	$(FIRST) $(BIN)/mypy $(if $(wildcard .mypy_cache),,--cache-dir=/dev/null)

test-nets: setup
	$(PYTEST_ONCE) -n $(NETS_JOBS) --dist loadfile --no-loadscope-reorder $(NETS)

# The only tests that wait for the clients to be installed.
test-clients: setup compat-setup-ci
	$(SOON) $(PYTEST_ONCE) $(COMPAT)

test-talking-%: setup
	$(SOON) $(PYTEST_ONCE) --part $*/$(words $(PARTS_OF_TALKING)) $(TALKING)

test-computing-%: setup
	$(LATER) $(PYTEST_ONCE) $(SHARE) $(addprefix --ignore=,$(NETS) $(COMPAT) $(TALKING))

.PHONY: test-minimal
test-minimal: setup ## A minimal chain in processes that cannot import the other features, and how large it is
	$(BIN)/pytest -s tests/unit/runtime/test_sets.py tests/programs/node/test_minimal_node.py tests/devnet/test_devnet_minimal.py

.PHONY: test-full
test-full: test compat-setup $(if $(NODE_MODULES),$(LIGHTHOUSE)/node_modules/.locked) ## Everything: also what is marked `full`, fresh seeds, fuzzing, speed against BASE
	@echo "seed $(SEED): 'make test-full SEED=$(SEED)' repeats this run"
	BTT_SEED=$(SEED) BTT_CRASHES=10 $(BIN)/pytest -m "full or crash" -o timeout=0 --ignore-glob='*/test_seeds_*.py'
	BTT_FIRST=$(SEED) BTT_SEEDS=500 $(BIN)/pytest -n $(JOBS) --dist loadfile -o timeout=0 $(wildcard tests/sim/test_seeds_*.py)
	HYPOTHESIS_PROFILE=full $(BIN)/pytest -m "hypothesis and not full" --hypothesis-seed=$(SEED) \
		-n $(JOBS) --dist loadfile -o timeout=0 tests/unit
	$(BIN)/python tests/fuzz/run.py --minutes $(MINUTES) --targets "$(TARGETS)" --seed $(SEED)
	$(MAKE) --no-print-directory bench-compare MODE=quick

.PHONY: check
check: setup ## What a change needs first: lint, types, layers, unit tests but those marked `slow`
	$(SIDE_BY_SIDE) style types $(addprefix test-units-,$(PARTS_OF_TESTS))

test-units-%: setup
	$(PYTEST) -m "not full and not slow" $(SHARE) tests/unit tests/lint

# Tests that `make coverage` runs.
COVERED ?= tests/unit tests/programs

.PHONY: coverage
coverage: setup $(VENV)/.coverage-locked ## Print the share of the product that tests run, file by file: COVERED, JOBS
	rm -rf .coverage-data
	$(BIN)/coverage run -m pytest -n $(JOBS) --dist loadfile -m "not full" -o timeout=0 $(COVERED); \
		code=$$?; $(BIN)/coverage combine --quiet && $(BIN)/coverage report; exit $$code

$(VENV)/.coverage-locked: requirements/coverage.txt $(VENV)/.locked
	$(BIN)/python $(PIP_INSTALL) --require-hashes -r $<
	@touch $@

.PHONY: lint
lint: style types ## Style, types, layers, sizes, words and the rules of the runtime, without tests

.PHONY: types
types: setup
	$(BIN)/mypy

.PHONY: style
style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python scripts/lint_runtime.py runtime
	$(BIN)/python scripts/lint_weights.py
	$(BIN)/python scripts/lint_shape.py
	$(BIN)/python scripts/lines.py --check
	$(BIN)/codespell

.PHONY: lines
lines: setup ## Print lines of code by folder, the budgets of scripts/budget.toml, and what this branch adds
	$(BIN)/python scripts/lines.py

.PHONY: fuzz
fuzz: setup ## Hostile input guided by coverage, MINUTES for each of TARGETS, then every test marked `fuzz`
	$(BIN)/python tests/fuzz/run.py --minutes $(MINUTES) --targets "$(TARGETS)"
	HYPOTHESIS_PROFILE=fuzz $(BIN)/pytest -m fuzz -n $(JOBS) -o timeout=0

.PHONY: fuzz-cost
fuzz-cost: setup ## Search the inputs that cost the most time for their size, MINUTES for each of TARGETS
	$(BIN)/python tests/fuzz/cost.py --minutes $(MINUTES) --targets "$(TARGETS)"

.PHONY: crash
crash: setup ## kill -9 at random moments, CRASHES times (100), and damaged databases
	BTT_CRASHES=$(CRASHES) $(BIN)/pytest -m crash -o timeout=0

.PHONY: hostile
hostile: setup ## Attack four validators in every known way, and print what held: ATTACKS, SECONDS
	$(BIN)/python tests/hostile/run.py --attacks "$(ATTACKS)" --seconds $(SECONDS)

.PHONY: chaos
chaos: setup ## Every fault scenario (F1 to F34) many times, and a report: CHAOS_RUNS, CHAOS_SEEDS, CHAOS_HOURS
	$(BIN)/python tests/chaos/run.py

.PHONY: bench
bench: setup ## Measure, and print each figure with its target and its ratio to the peers
	$(BIN)/python bench/run.py

.PHONY: bench-compare
bench-compare: setup ## Compare the speed with commit BASE by processor time: PARTS, MODE=quick
	$(BIN)/python bench/compare/run.py $(BASE) --parts "$(PARTS)" --mode $(MODE)

.PHONY: bench-record
bench-record: setup ## The same with peers and targets, recorded for docs/performance.md
	$(BIN)/python bench/compare/run.py $(BASE) --parts "$(PARTS)" --mode $(MODE) --targets all \
		--record bench/compare/recorded.json
	$(BIN)/python bench/compare/page.py

.PHONY: performance-doc
performance-doc: ## Write docs/performance.md from its template and the recorded run
	$(BIN)/python bench/compare/page.py

# Pallets (Balances,Utility) or single calls (Balances.burn) of the two targets below; all if empty.
PALLETS ?=

.PHONY: weights
weights: setup ## Measure what calls cost, and write it to the pallets' folders (PALLETS=Balances,block: these only)
	PYTHONPATH=.:tests $(BIN)/python -m bench.weights --only "$(PALLETS)"
	BTT_GOLDEN=write $(BIN)/pytest -q tests/unit/runtime/test_metadata.py tests/docs/test_wire_examples.py

# Where `make models-demo` puts packages, slices and the model.
DEMO ?= .models-demo

.PHONY: models-demo
models-demo: setup ## Download a published tumour model, and import it: minutes, and 80 MB of downloads
	$(BIN)/python examples/published_model.py $(DEMO)
	$(BIN)/btt-chain model import $(DEMO)/tumour.onnx --calibrate $(DEMO)/calibrate --compare $(DEMO)/compare -o $(DEMO)/tumour.btt

# Models (lstm) and packages of `model import` for the target below; those of the tests if empty.
MODELS ?=

.PHONY: models-errors
models-errors: setup ## Plant an error at every node of MODELS, and judge the proofs as the runtime does
	$(BIN)/python bench/models_errors.py $(MODELS)

.PHONY: byte-prices
byte-prices: setup ## Measure what a byte costs in each call, and write it to docs/byte-prices.md
	PYTHONPATH=.:tests $(BIN)/python -m bench.byte_prices

.PHONY: weights-check
weights-check: setup ## Measure, and compare with the weights declared: real / declared within 0.3 and 1.5
	PYTHONPATH=.:tests $(BIN)/python -m bench.weights --check --only "$(PALLETS)"

.PHONY: weights-fill
weights-fill: setup ## Fill blocks by weight with one call each, and print the time of their import
	PYTHONPATH=.:tests $(BIN)/python -m bench.weights --fill

.PHONY: bench-setup
bench-setup: setup ## Install the peers of the benchmarks under .bench (anvil, hardhat, ganache, py-evm)
	$(SHELL) scripts/bench_setup.sh $(BIN)/python

# --- upkeep -----------------------------------------------------------------

.PHONY: format
format: setup ## Format, and mend what ruff can mend safely
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

.PHONY: lock
lock: setup ## Pin every dependency again; add ARGS=--upgrade for newer versions
	$(PIP_COMPILE) $(ARGS) --output-file requirements/install.txt requirements/install.in
	$(PIP_COMPILE) $(ARGS) --output-file requirements/base.txt pyproject.toml
	$(PIP_COMPILE) $(ARGS) --output-file requirements/dev.txt requirements/dev.in
	cd $(COMPAT) && $(PIP_COMPILE) $(ARGS) --output-file py1.txt py1.in
	cd $(COMPAT) && $(PIP_COMPILE) $(ARGS) --output-file py2.txt py2.in
	$(PIP_COMPILE) $(ARGS) --output-file requirements/audit.txt requirements/audit.in
	$(PIP_COMPILE) $(ARGS) --output-file requirements/coverage.txt requirements/coverage.in
	cd $(COMPAT) && npm install --package-lock-only --loglevel=error
	cd $(LIGHTHOUSE) && npm install --package-lock-only --loglevel=error

.PHONY: audit
audit: setup ## Compare the locks with the registries' databases of vulnerabilities; fails where there are none
	$(BIN)/python -m venv --clear $(VENV)/audit
	$(VENV)/audit/bin/python $(PIP_INSTALL) --require-hashes -r requirements/audit.txt
	for lock in requirements/install.txt requirements/base.txt requirements/dev.txt requirements/coverage.txt $(COMPAT)/py1.txt $(COMPAT)/py2.txt; do \
		$(VENV)/audit/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r $$lock || exit 1; \
	done
	cd $(COMPAT) && npm audit
	cd $(LIGHTHOUSE) && npm audit

.PHONY: clean
clean: ## Remove caches and build output
	rm -rf build dist *.egg-info .coverage-data .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find $(PACKAGES) scripts tests -name node_modules -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## Remove the environments as well
	rm -rf $(VENV) $(COMPAT)/.env $(COMPAT)/node_modules .bench

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
