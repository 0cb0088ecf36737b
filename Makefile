# Each target sets up all that it needs: Python 3.11 or newer, make and pip's registry are enough.
# `make VENV=… PYTHON=…` works in another environment, with another Python; `make RESOLUTION=lowest-direct` with old releases.

PYTHON     ?= python3
VENV       ?= .venv
RESOLUTION ?= highest
BIN        := $(VENV)/bin
UV         := $(BIN)/uv pip install --quiet --python $(BIN)/python --resolution $(RESOLUTION)
PYTEST     := $(BIN)/python -m pytest
INTEROP    := .interop
SPREAD     := -n 4 --dist worksteal

.PHONY: demo test test-lowest proof proof-long simulate simulate-fixed interop lint types contract check coverage verifytypes dist docs drawings bench-setup clean browser screenshots test-plugin demo-workers proof-workers

demo: $(VENV)/.installed-all  ## a video from a photograph, on the emulator
	$(BIN)/kling-async demo

demo-workers: $(VENV)/.installed-test  ## three workers on one queue, one of them killed
	$(BIN)/python examples/workers_demo.py

test: $(VENV)/.installed-test  ## the tests, under three minutes
	$(PYTEST) $(SPREAD)

test-lowest:  ## the tests with the oldest releases that pyproject.toml allows
	$(MAKE) test VENV=$(VENV)-lowest RESOLUTION=lowest-direct

test-plugin: $(VENV)/.installed-test  ## the pytest fixtures in fresh projects, under each plugin that runs async tests
	$(PYTEST) tests/plugin -m slow

proof: $(VENV)/.installed-test  ## the proofs of CI, with the figures that they print
	$(PYTEST) tests/proofs -s -m "proof and not slow"

proof-long: $(VENV)/.installed-test  ## more seeds, 200 kills, ten million inputs: an hour and more
	$(PYTEST) tests/proofs -s -m slow --timeout 7200

proof-workers: $(VENV)/.installed-test  ## many machines on PostgreSQL, under five minutes
	$(PYTEST) tests/workers -m "workers and not slow" --timeout 280

simulate: $(VENV)/.installed-test  ## fresh worlds: SEEDS=1000 (FROM=0), one of them: SEED=17, the controls: CONTROLS=500
	PYTHONPATH=tests $(BIN)/python -m simulation.run $(foreach name,SEEDS FROM SEED CONTROLS WORKERS,$(if $($(name)),$(name)=$($(name))))

simulate-fixed: $(VENV)/.installed-test  ## the fixed list of worlds, under three minutes on one core
	$(PYTEST) tests/simulation -m simulation

interop: $(VENV)/.installed-test  ## other people's clients on the emulator; needs PyPI, npm and node, skips what it cannot install
	$(BIN)/python tests/interop/install.py $(INTEROP)
	KLING_INTEROP=$(abspath $(INTEROP)) $(PYTEST) tests/interop -m interop

browser: $(VENV)/.installed-browser  ## pages in a headless Chromium; Debian's package chromium has to be there
	$(PYTEST) tests -m browser -n 2 --dist loadfile

screenshots: $(VENV)/.installed-browser  ## docs/gallery.jpg and docs/preview.jpg, made anew
	PYTHONPATH=tests $(BIN)/python -m gallery.screenshots

coverage: $(VENV)/.installed-test  ## the tests, with the floor on branch coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(SPREAD)
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev  ## the package, the examples, and each Python block of README and docs
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python tests/docs/check_types.py

contract: $(VENV)/.installed-dev  ## who may import whom
	$(BIN)/lint-imports

check: lint types contract coverage  ## what CI runs first; minutes

dist: $(VENV)/.installed-dev  ## sdist, and the wheel that is built from it
	rm -rf dist
	$(BIN)/python -m build --installer uv --outdir dist .
	$(BIN)/twine check --strict dist/*

verifytypes: dist  ## how many public types of the installed wheel are known
	$(BIN)/python .ci/verify_types.py dist/*.whl

docs: $(VENV)/.installed-docs  ## the documentation's site, each warning an error and each link followed; no network
	$(BIN)/python tests/docs/check_site.py

drawings: $(VENV)/.installed-all  ## the figures of docs/slots.md
	$(BIN)/python -m benchmarks.drawings

bench-setup: $(VENV)/.installed-bench  ## the other clients that benchmarks/side_by_side.py measures

clean:
	rm -rf $(VENV) $(VENV)-lowest $(INTEROP) dist build .coverage* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# Dependency groups (PEP 735) need pip 25.1; uv reads them too, and is quicker.
$(BIN)/uv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8'

$(VENV)/.installed-all: pyproject.toml | $(BIN)/uv
	$(UV) -e '.[all]'
	touch $@

$(VENV)/.installed-%: pyproject.toml | $(BIN)/uv
	$(UV) -e '.[all]' --group $*
	touch $@
