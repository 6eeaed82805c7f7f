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
.PHONY: help install test test-redis7 faults whole soak soak-faults fuzz bench image image-check check format lint types demo states messages metrics reference docs audit wheel release-check clean lock

help: ## List all targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Unglue needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv sync --quiet --frozen --all-extras --inexact --system-certs --compile-bytecode
	@touch $@

install: $(READY) ## Create .venv and install everything from uv.lock

# Three files a core, for they mostly wait. Each worker has a Valkey of its own, and a file's tests stay
# together, since they share what is slow to start. The folders' order begins with the slowest.
PYTEST = $(BIN)/pytest -n $(shell $(PYTHON) -c "import os; print(3 * (os.cpu_count() or 1))") --dist loadfile --no-loadscope-reorder

# What takes long besides is run with the faults: every page in a browser, every file of the tree.
LONG = $(wildcard tests/integration/test_*_browser.py) tests/unit/test_no_secret_in_the_tree.py

test: $(READY) ## Run the tests against a real Valkey, without those that kill processes
	$(PYTEST) tests/contract tests/integration tests/unit $(addprefix --ignore=, $(LONG))

# Where the ledger, intake and durability meet the server.
REDIS7 ?= redis-server
ON_REDIS = tests/contract/test_continuity.py tests/faults/test_failing_valkey.py $(addprefix tests/integration/, test_ledger_*.py test_durability.py test_lease.py test_decided_twice.py test_repeats.py test_quarantine.py test_fair_hand_out.py test_outbox.py test_audit_writer.py test_retention.py test_jobs.py test_service_health.py test_foreign_jobs.py test_rq_dashboard.py test_redis_*.py)
test-redis7: $(READY) ## The tests about the server, against Redis (REDIS7=path; Debian: redis-server)
	REDIS_SERVER=$(REDIS7) $(PYTEST) $(ON_REDIS)

faults: $(READY) ## Kill, freeze and cut off real processes; prints what was lost or doubled
	$(PYTEST) tests/faults tests/end_to_end $(LONG)

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

# BASE by digest for a release: make image BASE=python:3.13-slim@sha256:…
ENGINE ?= docker
BASE ?= python:3.13-slim
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
image: ## Build the image with docker (ENGINE=podman: with that)
	$(ENGINE) build --build-arg BASE=$(BASE) --build-arg VERSION=$(VERSION) \
	  --build-arg REVISION=$$(git rev-parse HEAD) -t unglue:$(VERSION) .

image-check: $(READY) ## Build the image on a base of Debian packages, without a registry, and run the demo in it
	$(BIN)/python -m tests.image_check

DELIVERIES ?= 20000
soak-faults: $(READY) ## 20000 deliveries while every process is killed again and again (DELIVERIES=n)
	$(BIN)/python -m tests.soak_faults --deliveries $(DELIVERIES)

format: $(READY) ## Format the code and fix what ruff can fix
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lint: $(READY) ## Check formatting, lint, and the patterns that only bandit knows
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive adapters workers service publishing

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

reference: $(READY) states messages metrics ## Write every page that is made from the code
	$(BIN)/python -m publishing.configuration > docs/configuration.md
	$(BIN)/python -m publishing.commands > docs/cli.md
	$(BIN)/python -m publishing.api > docs/api.md
	$(BIN)/python -m publishing.licences > docs/licences.md

# The group's tools are installed where they are asked for, and not for every check.
GROUP = UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv sync --quiet --frozen --all-extras --inexact --system-certs --group

docs: $(READY) ## Build the documentation as a site into site/; a warning fails it
	$(GROUP) docs
	$(BIN)/python -m publishing.site build/pages
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

audit: $(READY) ## Look the locked packages up among known vulnerabilities; asks the package index
	$(GROUP) audit
	@mkdir -p build
	$(BIN)/uv export --quiet --frozen --no-dev --all-extras --no-emit-project > build/requirements.txt
	$(BIN)/pip-audit --requirement build/requirements.txt --require-hashes --disable-pip --strict

wheel: $(READY) ## Build wheel, sdist and bill of materials into dist/
	@rm -rf dist
	UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv build --quiet --system-certs --out-dir dist
	$(BIN)/uv export --quiet --frozen --no-dev --all-extras --format cyclonedx1.5 \
	  --preview-features sbom-export > dist/unglue-$(VERSION).cdx.json
	@ls dist

release-check: $(READY) ## Walk the checklist of docs/releasing.md, and stop at what is not met
	$(BIN)/python -m publishing.release

lock: $(READY) ## Resolve the dependencies anew into uv.lock
	$(BIN)/uv lock --system-certs

clean: ## Remove .venv, caches and what was built
	rm -rf build dist site .image .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
