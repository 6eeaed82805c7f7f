# Every target makes its own .venv from uv.lock, and does so only when the lock changed. The
# certificates are the machine's own, so that it works behind a proxy that inspects TLS.
SHELL := /bin/sh
PYTHON ?= python3
UV_VERSION := 0.13.9
# Hundreds of processes are started by the tests, and each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
READY := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install test faults whole soak soak-faults fuzz bench check format lint types demo states messages metrics clean lock

help: ## List all targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Unglue needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv sync --quiet --frozen --all-extras --inexact --system-certs --compile-bytecode
	@touch $@

install: $(READY) ## Create .venv and install everything from uv.lock

# Two files a core, for they mostly wait. Each worker has a Valkey of its own, and a file's tests stay
# together, since they share what is slow to start. The folders' order begins with the slowest.
PYTEST = $(BIN)/pytest -n $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1))') --dist loadfile --no-loadscope-reorder

test: $(READY) ## Run the tests against a real Valkey, without those that kill processes
	$(PYTEST) tests/contract tests/integration tests/unit

faults: $(READY) ## Kill, freeze and cut off real processes; prints a table of what was lost or doubled
	$(PYTEST) tests/faults tests/end_to_end

# One run of both: the processors are idle while a killed process is waited for.
whole: $(READY)
	$(PYTEST)

fuzz: $(READY) ## Throw mutated and random deliveries at every adapter; prints how many
	$(BIN)/python -m tests.fuzz --inputs 100000

BENCH ?=
bench: $(READY) ## Measure everything in docs/performance.md (BENCH=--quick or --full)
	$(BIN)/python -m benchmarks $(BENCH)

soak: $(READY) ## Run the stateful test for long and print how many steps it ran
	$(BIN)/python -m tests.soak

DELIVERIES ?= 20000
soak-faults: $(READY) ## 20000 deliveries while every process is killed again and again (DELIVERIES=n)
	$(BIN)/python -m tests.soak_faults --deliveries $(DELIVERIES)

format: $(READY) ## Format the code and fix what ruff can fix
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lint: $(READY) ## Check formatting and lint
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: $(READY) ## Check types (mypy strict)
	$(BIN)/mypy

check: lint types whole ## Everything that must be green: ruff, mypy strict, tests

demo: $(READY) ## Run the main job end to end on this machine
	@$(BIN)/unglue demo

states: $(READY) ## Write docs/states.md from the table of transitions
	$(BIN)/python -m workers.pipeline.transitions > docs/states.md

messages: $(READY) ## Write docs/errors.md from the code
	$(BIN)/python -m service.terminal.messages_page > docs/errors.md

metrics: $(READY) ## Write the table of docs/monitoring.md from the code
	$(BIN)/python -m service.supervision.metrics.reference

lock: $(READY) ## Resolve the dependencies anew into uv.lock
	$(BIN)/uv lock --system-certs

clean: ## Remove .venv and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
