# Each target sets up all that it needs: Python 3.11 or newer, make and pip's registry are enough.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: demo test proof proof-long simulate simulate-fixed lint types contract check coverage wheel clean

demo: $(VENV)/.installed-all  ## a video from a photograph, on the emulator
	$(BIN)/kling-async demo

test: $(VENV)/.installed-dev  ## the tests, under three minutes
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

proof: $(VENV)/.installed-dev  ## the proofs of CI, with the figures that they print
	$(BIN)/python -m pytest tests/proofs -s -m "proof and not slow"

proof-long: $(VENV)/.installed-dev  ## more seeds, 200 kills, ten million inputs: an hour and more
	$(BIN)/python -m pytest tests/proofs -s -m slow --timeout 7200

simulate: $(VENV)/.installed-dev  ## fresh worlds: SEEDS=1000 (FROM=0), one of them: SEED=17, the controls: CONTROLS=500
	PYTHONPATH=tests $(BIN)/python -m simulation.run $(foreach name,SEEDS FROM SEED CONTROLS WORKERS,$(if $($(name)),$(name)=$($(name))))

simulate-fixed: $(VENV)/.installed-dev  ## the fixed list of worlds, under three minutes on one core
	$(BIN)/python -m pytest tests/simulation -m simulation

coverage: $(VENV)/.installed-dev  ## the tests, with the floor on branch coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

contract: $(VENV)/.installed-dev  ## who may import whom
	$(BIN)/lint-imports

check: lint types contract coverage  ## all that CI runs on one Python

wheel: $(VENV)/.installed-dev
	$(BIN)/python -m build --wheel --outdir dist .

clean:
	rm -rf $(VENV) dist build .coverage* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-all: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all]'
	touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@
