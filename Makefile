# make            this list
# make run        everything on this machine: the service, its store, mail, partners, pages (PORT=7072: elsewhere)
# make demo       a whole intake from application to audit, in simulated time
# make test       the tests
# make check      lint, types and tests
# make bench      what things cost, as counts and ratios
# make spans      what the running service traced: each command with its reads, writes, mail and calls
# make soak       long histories and whole fault sweeps
# make conformance  the Cosmos DB SDK's own tests, and the JavaScript SDK, against the local endpoint
# make docs       write the generated pages anew

PYTHON ?= python3
PORT = 7071
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: help setup run demo test check bench spans soak conformance docs
help:
	@sed -n 's/^# make/make/p' Makefile

setup: $(VENV)/.installed node_modules/.installed

$(VENV)/.installed: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  (echo "Pledge needs Python 3.11 or newer: make PYTHON=python3.13" && exit 1)
	@echo "Installing the Python packages into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.venv-infra/.installed: infra/requirements.txt
	@echo "Installing checkov into .venv-infra ..."
	@$(PYTHON) -m venv .venv-infra
	@.venv-infra/bin/python -m pip install --quiet --disable-pip-version-check -r infra/requirements.txt
	@touch $@

node_modules/.installed: package.json package-lock.json
	@command -v npm >/dev/null || (echo "Pledge needs Node for the Blob storage emulator." && exit 1)
	@echo "Installing the npm packages ..."
	@npm ci --silent --no-audit --no-fund
	@touch $@

run: setup
	@$(BIN)/python -m local --guide --port $(PORT)

demo: setup
	@$(BIN)/python -m local.demo

test: setup .venv-infra/.installed
	@$(BIN)/python -m pytest tests -n 2 --dist loadfile

check: setup .venv-infra/.installed
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	@$(BIN)/python -m pytest tests -n 2 --dist loadfile

bench: setup
	@$(BIN)/python tools/bench_policy.py
	@$(BIN)/python tools/bench_commands.py
	@$(BIN)/python tools/bench_load.py
	@$(BIN)/python tools/bench_cosmos.py
	@$(BIN)/python tools/bench_reports.py
	@$(BIN)/python tools/bench_audit.py

spans: setup
	@$(BIN)/python -m local.spans

soak: setup .venv-infra/.installed
	@$(BIN)/python -m pytest tests --run-soak

conformance: setup
	@$(BIN)/python tools/cosmos_sdk_tests.py
	@PYTHON=$(BIN)/python node tools/cosmos_js_check.mjs

docs: setup
	@$(BIN)/python -m shared.policy handbook --write
	@$(BIN)/python tools/lifecycle_page.py --write
	@$(BIN)/python tools/capacity.py --write
	@$(BIN)/python tools/intake_list.py --write
	@$(BIN)/python tools/data_page.py --write
	@$(BIN)/python tools/audit_page.py --write
	@$(BIN)/python tools/event_words.py --write
	@$(BIN)/python tools/problem_words.py --write
	@$(BIN)/python tools/terms_pages.py --write
