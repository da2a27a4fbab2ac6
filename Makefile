# Every target sets up .venv in the checkout first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest

.PHONY: help setup demo test test-all check bench clean

help:
	@echo "make demo [SHORT=1]  three VMs, three reboots, live traffic: with the sidecar, then without"
	@echo "make test            lint, types, architecture, and every fast tier of tests"
	@echo "make test-all        the long forms too"
	@echo "make check           ruff, mypy, import-linter"
	@echo "make bench           measure, and write bench/report.json"

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

setup: $(STAMP)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Fast tiers with the coverage gates; three processes, since many tests wait for processes of their own.
test: check
	tests/install-system-packages
	$(PYTEST) -m "not slow" -n 3 --dist worksteal --cov --cov-report=term:skip-covered --durations=10
	$(BIN)/coverage report --include='drainer/core/*' --fail-under=100
	$(BIN)/coverage report --fail-under=95 --format=total

test-all: check
	tests/install-system-packages
	$(PYTEST) -n 2 --dist worksteal

demo: setup
	$(BIN)/drainer demo $(if $(SHORT),--short)

bench: setup
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) build dist report .coverage* htmlcov
