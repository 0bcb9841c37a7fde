# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
unexport PYTHONDONTWRITEBYTECODE

VENV2 := .venv-airflow2
INSTALLED2 := $(VENV2)/.installed

TRIALS ?= 1000
ROUNDS ?= 120
SETS ?= 5000
SEED ?= 0

# The vendor's SDK alipai has an environment of its own: it needs numpy < 2, which there is up to Python 3.12. With a
# newer Python its tests are skipped.
VENV_ALIPAI := .venv-alipai
INSTALLED_ALIPAI := $(shell $(PYTHON) -c 'import sys; print("$(VENV_ALIPAI)/.installed" * (sys.version_info < (3, 13)))')

# The vendor's OSS suite, which is fetched when it is run, has an environment of its own.
VENV_JUDGES := .venv-judges
JUDGES := aliyun-python-sdk-kms aliyun-python-sdk-sts crcmod mock pycryptodome pytest pytest-timeout pytest-xdist requests six

# Clients of OSS that others wrote; ali-oss where there is Node.js.
VENV_CLIENTS := .venv-clients
CLIENTS := alibabacloud-oss-v2 opendal oss2 ossfs
ALI_OSS := ali-oss@6.23.0

# What ours is compared with: the providers of Amazon and Databricks, beside this package.
VENV_PEERS := .venv-peers
PEERS := apache-airflow-providers-amazon apache-airflow-providers-databricks aiobotocore
BENCH ?=

# Two thirds of the tests mostly wait, so more workers than cores pay.
WORKERS ?= 6
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --maxprocesses=16

.PHONY: demo ui check test lint types layers unit faults celery chaos chaos-cluster generated kills test-airflow2 test-loops test-python test-matrix bench \
	clients judges docs screenshots pins release clean help

help:
	@echo "make demo   train a model from an Airflow DAG on local PAI, serve it, and ask it for predictions"
	@echo "make ui     an Airflow with the example DAGs and local PAI, to click through until Ctrl-C"
	@echo "make check  lint, types, layers and unit tests: what to run before each commit"
	@echo "make test   make check, and all other tests but the next"
	@echo "make faults a real Airflow whose processes are killed, and which people and outages interrupt"
	@echo "make celery two workers of a CeleryExecutor (needs Redis and PostgreSQL)"
	@echo "make chaos  randomised runs of a task (TRIALS=1000 SEED=0): no job paid twice, none left behind"
	@echo "make chaos-cluster  the same on a real Airflow whose processes are killed (TRIALS=50 SEED=0; needs PostgreSQL)"
	@echo "make generated  arguments as people pass them (SETS=5000 SEED=0): refused by name, or taken; no secret is shown"
	@echo "make kills  local PAI, killed while it is at work (ROUNDS=120 SEED=0): nothing acknowledged is lost"
	@echo "make test-airflow2  the provider's tests on Airflow 2.11, in an environment of their own (Python 3.11 or 3.12)"
	@echo "make test-loops  task loops and watchers on Airflow 3.4.0b2, in an environment of their own"
	@echo "make test-python PYTHON=python3.13  the unit tests with another Python, in an environment of their own"
	@echo "make test-matrix  the built wheel with each Airflow and Python it is said to work with (MATRIX=--quick for some)"
	@echo "make judges the vendor's own OSS test suite, fetched now, and clients of others, against local OSS"
	@echo "make clients  the clients alone, through 60 cases"
	@echo "make docs   the guide, into site/"
	@echo "make screenshots  the guide's pictures, taken anew (needs Chromium)"
	@echo "make pins   whether each constraints*.txt still fits together, with PYTHON"
	@echo "make release  build and check what would be published, and say what a person has to do"
	@echo "make bench  measure, beside peers, what is promised (BENCH=\"imports logs\" for some only)"
	@echo "make clean  remove what these commands made"

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer with the venv module is needed; name it with: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Installing into $(VENV) (about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check pip==26.3
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[local,dev]'
	@touch $@

demo: $(INSTALLED)
	@$(BIN)/python -m devtools.demo

ui: $(INSTALLED)
	@$(BIN)/python -m devtools.ui

check: lint types layers unit

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

types: $(INSTALLED)
	$(BIN)/mypy

layers: $(INSTALLED)
	$(BIN)/lint-imports

# These compute and don't wait: a worker per core.
unit: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --dist loadgroup tests/unit tests/architecture

# Everything runs once. A test that is known to be flaky says why, is run again by the plugin, and is counted.
test: lint types layers $(INSTALLED) $(INSTALLED_ALIPAI)
	$(PYTEST) --show-capture=no --ignore=tests/faults

faults: $(INSTALLED)
	$(PYTEST) --show-capture=no tests/faults --ignore=tests/faults/celery

VENV_CELERY := .venv-celery
CELERY := apache-airflow-providers-celery
$(VENV_CELERY)/.installed: pyproject.toml constraints.txt constraints-celery.txt
	@$(PYTHON) -m venv $(VENV_CELERY)
	@$(VENV_CELERY)/bin/python -m pip install --quiet --disable-pip-version-check pip==26.3
	@$(VENV_CELERY)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -c constraints-celery.txt \
		-e '.[local,dev]' $(CELERY)
	@touch $@

# Two workers of a CeleryExecutor with separate homes; needs Redis and PostgreSQL.
celery: $(VENV_CELERY)/.installed
	PAI_TESTS_REQUIRE=celery,redis,postgresql $(VENV_CELERY)/bin/python -m pytest tests/faults/celery

chaos: $(INSTALLED)
	CHAOS_TRIALS=$(TRIALS) CHAOS_SEED=$(SEED) $(BIN)/python -m pytest tests/chaos/test_chaos.py --show-capture=no

# Arguments as people pass them, over all operators, sensors, hooks and connections.
generated: $(INSTALLED)
	PAI_GENERATED_SETS=$(SETS) PAI_GENERATED_SEED=$(SEED) $(BIN)/python -m pytest --show-capture=no \
		tests/property/test_generated_operators.py tests/property/test_generated_arguments.py tests/property/test_generated_hooks.py

# Local PAI, killed while it is at work: nothing that it has acknowledged is lost.
kills: $(INSTALLED)
	KILL_ROUNDS=$(ROUNDS) KILL_SEED=$(SEED) $(BIN)/python -m pytest tests/chaos/test_kills.py --show-capture=no

chaos-cluster: TRIALS = 50
chaos-cluster: $(INSTALLED)
	FAULT_TRIALS=$(TRIALS) FAULT_SEED=$(SEED) $(BIN)/python -m pytest tests/faults/test_chaos.py --show-capture=no

# The unit tests with another Python than the rest: make test-python PYTHON=python3.13
VENV_PYTHON := .venv-$(notdir $(PYTHON))
test-python:
	@$(PYTHON) -m venv $(VENV_PYTHON)
	@$(VENV_PYTHON)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[local,dev]'
	$(VENV_PYTHON)/bin/python -m pytest -n $(WORKERS) --dist loadgroup tests/unit

$(VENV_JUDGES)/.installed: constraints-judges.txt
	@$(PYTHON) -m venv $(VENV_JUDGES)
	@$(VENV_JUDGES)/bin/python -m pip install --quiet --disable-pip-version-check pip==26.3
	@$(VENV_JUDGES)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-judges.txt $(JUDGES)
	@touch $@

$(VENV_CLIENTS)/.installed: constraints-clients.txt
	@$(PYTHON) -m venv $(VENV_CLIENTS)
	@$(VENV_CLIENTS)/bin/python -m pip install --quiet --disable-pip-version-check pip==26.3
	@$(VENV_CLIENTS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-clients.txt $(CLIENTS)
	@! command -v npm >/dev/null || \
		npm install --silent --no-audit --no-fund --no-package-lock --prefix $(VENV_CLIENTS)/node $(ALI_OSS) || \
		echo "$(ALI_OSS) can't be fetched: it is not judged"
	@touch $@

judges: clients $(VENV_JUDGES)/.installed
	$(BIN)/python -m devtools.judges.oss2_suite

clients: $(INSTALLED) $(VENV_CLIENTS)/.installed
	$(BIN)/python -m devtools.judges.clients

$(VENV_ALIPAI)/.installed: constraints-alipai.txt
	@echo "Installing alipai into $(VENV_ALIPAI) (about a minute)"
	@$(PYTHON) -m venv $(VENV_ALIPAI)
	@$(VENV_ALIPAI)/bin/python -m pip install --quiet --disable-pip-version-check pip==26.3
	@$(VENV_ALIPAI)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-alipai.txt alipai setuptools
	@touch $@

$(INSTALLED2): pyproject.toml constraints-airflow2.txt
	@$(PYTHON) -m venv $(VENV2)
	@$(VENV2)/bin/python -m pip install --quiet --disable-pip-version-check pip==26.3
	@$(VENV2)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-airflow2.txt -e '.[local,dev]'
	@touch $@

TESTS2 := tests/airflow tests/chaos tests/unit/hooks tests/unit/client tests/integration/client tests/integration/fs -m "not cluster"
test-airflow2: $(INSTALLED2)
	$(VENV2)/bin/python -m pytest -n $(WORKERS) --dist loadgroup $(TESTS2)

# Task loops, which Airflow has from 3.4 on, and watchers over kills of its triggerer, in an environment of their own.
VENV34 := .venv-airflow34
$(VENV34)/.installed: pyproject.toml
	@$(PYTHON) -m venv $(VENV34)
	@$(VENV34)/bin/python -m pip install --quiet --disable-pip-version-check 'apache-airflow==3.4.0b2' -e '.[local,dev]'
	@touch $@

test-loops: $(VENV34)/.installed
	$(VENV34)/bin/python -m pytest -W default tests/loops tests/watchers

# Each Airflow and Python that the wheel is said to work with: see devtools/matrix.py. MATRIX=--quick for some only.
test-matrix: $(INSTALLED)
	$(BIN)/python -m devtools.matrix $(MATRIX)

VENV_DOCS := .venv-docs
DOCS := mkdocs-material 'mkdocstrings[python]'
$(VENV_DOCS)/.installed: constraints-docs.txt
	@$(PYTHON) -m venv $(VENV_DOCS)
	@$(VENV_DOCS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-docs.txt $(DOCS)
	@touch $@

# Into site/; strict: a warning is an error. It asks no other host.
docs: $(VENV_DOCS)/.installed
	NO_MKDOCS_2_WARNING=1 $(VENV_DOCS)/bin/mkdocs build --strict --quiet

# Playwright brings no browser of its own here: it steers the Chromium of the machine.
screenshots: $(INSTALLED)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check playwright==1.65.2
	$(BIN)/python -m devtools.screenshots $(SHOTS)

# Resolves and installs nothing; a pin that a Python or another pin does not allow is named.
FITS = $(BIN)/uv pip compile --quiet --python $(PYTHON) --output-file /dev/null
PACKAGE = airflow-provider-pai[local,dev] @ file://$(CURDIR)
pins: $(INSTALLED)
	@printf '%s\n' '$(PACKAGE)' | $(FITS) -c constraints.txt -
	@printf '%s\n' '$(PACKAGE)' | $(FITS) -c constraints-airflow2.txt -
	@printf '%s\n' '$(PACKAGE)' $(PEERS) | $(FITS) -c constraints-peers.txt -
	@printf '%s\n' $(DOCS) | $(FITS) -c constraints-docs.txt -
	@printf '%s\n' '$(PACKAGE)' $(CELERY) | $(FITS) -c constraints.txt -c constraints-celery.txt -
	@printf '%s\n' $(JUDGES) | $(FITS) -c constraints-judges.txt -
	@printf '%s\n' $(CLIENTS) | $(FITS) -c constraints-clients.txt -
	@$(if $(INSTALLED_ALIPAI),printf '%s\n' alipai setuptools | $(FITS) -c constraints-alipai.txt -)
	@echo "All constraints fit."

release: $(INSTALLED)
	$(BIN)/python -m devtools.release

$(VENV_PEERS)/.installed: pyproject.toml constraints-peers.txt
	@echo "Installing the peers into $(VENV_PEERS) (about a minute)"
	@$(PYTHON) -m venv $(VENV_PEERS)
	@$(VENV_PEERS)/bin/python -m pip install --quiet --disable-pip-version-check pip==26.3
	@$(VENV_PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-peers.txt -e '.[local]' $(PEERS)
	@touch $@

bench: $(INSTALLED) $(INSTALLED_ALIPAI) $(VENV_PEERS)/.installed
	$(BIN)/python -m benchmarks $(BENCH)

clean:
	rm -rf $(VENV) $(VENV2) $(VENV_CELERY) .venv-python* .venv-matrix .venv-docs dist site $(VENV_ALIPAI) $(VENV_JUDGES) $(VENV_CLIENTS) $(VENV_PEERS) benchmarks/results .demo .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
