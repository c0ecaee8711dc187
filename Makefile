# Everything runs in .venv, which is made on first use and left alone while the lock does not change.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install install-dev demo test peers mutants check docs dev bench crowd migrate lock clean

# Packages and our own modules are compiled once; without bytecode every start of Dagster costs a second more.
unexport PYTHONDONTWRITEBYTECODE
# A PYTHONPATH or PYTHONHOME of the caller's must not put other packages before the locked ones.
unexport PYTHONPATH
unexport PYTHONHOME

# The first interpreter that will do; `make PYTHON=/path/to/python3.12 ...` chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
PACKAGES := sync_engine connectors mappings dagster_project migrations
# Workers of the test run: one a core, `make test WORKERS=0` runs in one process.
WORKERS ?= auto
ARGS ?=

stamp = .venv/.installed-$(1)-$(shell cat $(2) pyproject.toml | sha256sum | cut -c1-16)
RUNTIME_STAMP := $(call stamp,runtime,requirements.lock)
DEV_STAMP := $(call stamp,dev,requirements-dev.lock)

help: ## what there is to do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(RUNTIME_STAMP) ## the engine and what it needs, in .venv
install-dev: $(DEV_STAMP) ## the same, with what tests and checks need

demo: install ## a Business Central company arrives in the canonical store, changes, and arrives again
	@$(BIN)/sync-engine demo $(ARGS)

test: install-dev ## every test
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

peers: install-dev ## the SQL connector on a real MariaDB (Debian: apt-get install mariadb-server); what is not installed fails
	@$(BIN)/python -m pytest -n 0 tests/peers/mariadb.py $(ARGS)

mutants: install-dev ## breaks merge, matching and ownership in every small way; a test must notice each
	@$(BIN)/python -m tests.mutation $(ARGS)

check: install-dev ## lint, format, types, layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/mypy

docs: install-dev ## writes docs/configuration.md and docs/reader-contract.md from models and schema
	@$(BIN)/python -m tests.docs

dev: install-dev ## the Dagster UI on the demo data
	@$(BIN)/sync-engine demo --ui $(ARGS)

bench: install-dev ## the engine beside its peers
	@$(BIN)/python -m tests.bench $(ARGS)

crowd: install-dev ## links a hundred thousand debtors of two systems, with known truth, and takes the time
	@$(BIN)/python -m tests.bench.crowd $(ARGS)

new-connector: install-dev ## the skeleton of a connector called NAME, with mapping, simulator and tests to fill
	@$(BIN)/python -m tests.scaffold $(NAME)

migrate: install ## brings the database to the newest version
	@$(BIN)/sync-engine migrate $(ARGS)

lock: install-dev ## resolves the newest packages that pyproject.toml allows (needs uv)
	@uv pip compile $(LOCK_OPTIONS) --extra build -o requirements.lock pyproject.toml
	@uv pip compile $(LOCK_OPTIONS) --extra build --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml

LOCK_OPTIONS := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-strip-extras --no-annotate --custom-compile-command 'make lock'

clean: ## stops the embedded database and removes .venv, .home and every cache; the demo data goes with them
	@if [ -x $(BIN)/python ]; then $(BIN)/python -c "$$REMOVE"; fi
	@rm -rf .venv .home .bench .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	@find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +

define REMOVE
from pathlib import Path
from sync_engine.platform.postgres import EmbeddedPostgres
EmbeddedPostgres(Path(".home")).remove()
endef
export REMOVE

$(RUNTIME_STAMP): LOCK = requirements.lock
$(DEV_STAMP): LOCK = requirements-dev.lock
$(RUNTIME_STAMP) $(DEV_STAMP):
	@if [ -z "$(PYTHON)" ]; then echo 'Python 3.11, 3.12 or 3.13 is needed and none was found. Name one: make PYTHON=/path/to/python3.12 ...' >&2; exit 1; fi
	@if ! $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null; then \
		echo '$(PYTHON) comes without venv or ensurepip. On Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; fi
	@if ! $(BIN)/python -c 'import pip' 2>/dev/null; then rm -rf .venv; $(PYTHON) -m venv .venv; fi
	@echo 'Installing $(LOCK) into .venv ...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r $(LOCK)
	@$(BIN)/python -m pip check --quiet
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@rm -f .venv/.installed-*
	@if [ $(LOCK) = requirements-dev.lock ]; then touch $(RUNTIME_STAMP) $(DEV_STAMP); else touch $(RUNTIME_STAMP); fi
