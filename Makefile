# Every verb sets up its own virtual environment: python3 (with venv), git and make are enough.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_READY := $(VENV)/.ready-to-run
TEST_READY := $(VENV)/.ready-to-test
TESTERS ?= 2

.PHONY: run test check format bench bench-scale clean help
.DEFAULT_GOAL := help

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(RUN_READY) ## install, then serve ./data on 127.0.0.1:8787
	@$(BIN)/treehold serve

test: $(TEST_READY) ## all tests
	$(BIN)/pytest -n $(TESTERS) --dist worksteal

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
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(RUN_READY): pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e .
	@touch $@

$(TEST_READY): pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e . --group dev
	@touch $@ $(RUN_READY)
