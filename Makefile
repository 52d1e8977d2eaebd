# `make report` sets up and makes the example's report; `make test` sets up and passes the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt
LOCK := .ci/constraints.txt pyproject.toml

.PHONY: help report test lint bench-% lab clean
.DEFAULT_GOAL := help

help:
	@echo "make report       set up, build the made-up example, make its report"
	@echo "make test         set up, check the code, run the tests"
	@echo "make lab          open the notebooks in JupyterLab"
	@echo "make bench-NAME   measure: $(subst _,-,$(patsubst tests/bench/bench_%.py,%,$(wildcard tests/bench/bench_*.py)))"
	@echo "make clean        remove .venv and what it made"

report: $(VENV)/.installed
	$(BIN)/cx demo

# One worker more than processors: many tests wait for a browser, a kernel or a server. In the order of their
# names, as files of few and long tests would otherwise come last and keep one worker busy alone.
test: $(VENV)/.installed-test lint
	$(BIN)/python -m pytest --numprocesses $$(( $$(nproc 2>/dev/null || echo 2) + 1 )) --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench-%: $(VENV)/.installed-bench
	$(BIN)/python -m tests.bench.bench_$(subst -,_,$*)

lab: $(VENV)/.installed
	$(BIN)/jupyter lab --LabApp.news_url=None \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate notebooks/0_overview.ipynb

# The editable install makes `cx` and the notebooks use this clone.
$(VENV)/.installed: $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=python3.x") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what .ci/constraints.txt names; this takes a few minutes the first time"
	@$(INSTALL) hatchling
	@$(INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@$(INSTALL) --no-build-isolation --editable '.[test,postgres]'
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed
	@$(INSTALL) --no-build-isolation --editable '.[bench]'
	@touch $@

clean:
	rm -rf $(VENV) reports/out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
