# Python 3.11 or newer; another one: make demo PYTHON=python3.12
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LOWEST := .venv-lowest

.PHONY: demo test test-slow test-lowest fuzz lint wheel clean

demo: $(VENV)/.installed
	$(BIN)/grids similarity builtin --out runs/demo

test: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

test-slow: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto -m slow

# Under the lower bounds of setup.cfg, in an environment of its own
test-lowest: $(LOWEST)/.installed-lowest
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n auto -m "slow or not slow"

# Minutes of damaged files, then of searches that are killed; what is found lies in runs/fuzz
fuzz: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/fuzz.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/fuzz.py kills

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

wheel: $(VENV)/.installed-dev
	$(BIN)/python -m build --wheel

clean:
	rm -rf $(VENV) .venv-* build dist *.egg-info runs/demo

$(LOWEST)/.installed-lowest: setup.cfg pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]' \
		--constraint constraints-lowest.txt
	touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "grids needs Python 3.11 or newer; name one with PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python setup.cfg pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --constraint constraints.txt
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' --constraint constraints.txt
	touch $@
