# Every target sets up .venv in the checkout first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest

.PHONY: help setup demo test test-all check bench prove crash simulate mutants fuzz soak infra docs mutation packages vms systemd-vms clean

help:
	@echo "make demo [SHORT=1]  three VMs, three reboots, live traffic: with the sidecar, then without"
	@echo "make vms             the same on network namespaces, with the real 169.254.169.254"
	@echo "make systemd-vms     the package in booted Debian VMs: reboots and a power cut under traffic; as root"
	@echo "make test            lint, types, architecture, and every fast tier of tests"
	@echo "make test-all        the long forms too"
	@echo "make check           ruff, mypy, import-linter, bandit"
	@echo "make bench           measure, and write bench/report.json"
	@echo "make prove           the whole abstract state graph of the decision core"
	@echo "make crash [REAL=1]  killed in every act of every step, and with damaged journals; real daemons too"
	@echo "make simulate SEEDS=N [SEED=N]  fleets in virtual time, one seed one story"
	@echo "make mutants         wrong beliefs, each of which a check must catch"
	@echo "make mutation        every small change of the decision core: killed by a test, or judged (minutes)"
	@echo "make fuzz SECONDS=N  hostile input, guided by coverage, for N seconds per target"
	@echo "make soak MINUTES=N  real processes, maintenances and faults"
	@echo "make docs            the documentation as a site, into dist/site"
	@echo "make infra           validate what is deployed, without building or deploying it"
	@echo "make packages        wheel, sdist, single file, .deb, bills of materials, notices and checksums, into dist/; as root an image"

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
	$(BIN)/bandit -q -c pyproject.toml -r drainer metadata_server

# Fast tiers with the coverage gates; two processes: some keep a core busy, and real traffic needs the other.
test: check
	tests/install-system-packages
	tests/install-node-packages
	tests/install-checkov
	$(PYTEST) -m "not slow" -n 2 --dist worksteal --cov --cov-report=term:skip-covered --durations=10
	$(BIN)/coverage report --include='drainer/core/*' --fail-under=100
	$(BIN)/coverage report --fail-under=95 --format=total

test-all: check
	tests/install-system-packages
	tests/install-node-packages
	tests/install-checkov
	$(PYTEST) -n 2 --dist worksteal

demo: setup
	$(BIN)/drainer demo $(if $(SHORT),--short)

# VMs as network namespaces, each with the metadata service at 169.254.169.254; needs iproute2, not root.
vms: setup
	$(BIN)/drainer demo --namespaces --short

# Real systemd VMs with the packaged unit; needs root, systemd-container and mmdebstrap. The root is made once.
systemd-vms: setup
	@ls dist/drainer_*.deb >/dev/null 2>&1 || $(MAKE) packages
	$(BIN)/python -m infra.local.systemd

bench: setup
	$(BIN)/python -m bench

# Each prints one closing line with its counts, and exits non-zero on any finding.
prove mutants: setup
	$(BIN)/python -m tests.$@

crash: setup
	$(BIN)/python -m tests.crash $(if $(REAL),--real)

simulate: setup
	$(BIN)/python -m tests.simulate $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SEED),--seed $(SEED))

fuzz: setup
	$(BIN)/python -m tests.fuzz $(if $(SECONDS),--seconds $(SECONDS))

# MODULE=gates asks about one module of the core.
mutation: setup
	$(BIN)/python -m tests.mutants.mutation $(if $(MODULE),--module $(MODULE))

soak: setup
	$(BIN)/python -m tests.soak $(if $(MINUTES),--minutes $(MINUTES))

docs: setup
	$(BIN)/python -m infra.docs.build

infra: setup
	tests/install-system-packages
	tests/install-checkov
	$(PYTEST) tests/infra

packages: setup
	$(BIN)/python -m infra.packages

clean:
	rm -rf $(VENV) .node .checkov mutants build dist report .coverage* htmlcov
