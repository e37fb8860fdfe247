# Everything runs in .venv beside this file, made on first use. Start with another Python: make demo PYTHON=python3.12

PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check
SOUND = data/audio/hello_en.wav
VIDEO = out/hello_en.mp4

.PHONY: help demo test lint format docs samples benchmark install install-test install-docs clean

help:
	@echo 'make demo        write $(VIDEO): the default person says $(SOUND)'
	@echo 'make test        run the tests'
	@echo 'make lint        check style, types and layers'
	@echo 'make format      put the style right where that needs no thought'
	@echo 'make docs        make the site: build/docs/site'
	@echo 'make samples     make the sample sounds in data/audio anew'
	@echo 'make benchmark   measure speed, memory and quality'
	@echo 'make install     make $(VENV) with the program in it; install-test adds what tests and lint need'
	@echo 'make clean       remove caches and build leftovers; $(VENV) and out stay'

demo: $(VENV)/.installed
	$(BIN)/python run.py --sf $(SOUND) --out $(VIDEO)

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: $(VENV)/.installed-test
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-test
	$(BIN)/python -m ruff check --fix
	$(BIN)/python -m ruff format

docs: $(VENV)/.installed-docs
	$(BIN)/python docs/make_site.py
	$(BIN)/python -m zensical build --strict --config-file build/docs/zensical.toml

samples: $(VENV)/.installed
	$(BIN)/python data/make_samples.py

benchmark: $(VENV)/.installed-test
	$(BIN)/python benchmarks/speak.py

install: $(VENV)/.installed

install-test: $(VENV)/.installed-test

install-docs: $(VENV)/.installed-docs

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	    echo 'Python 3.11, 3.12 or 3.13 is needed (TensorFlow has wheels for these); got:' >&2; \
	    $(PYTHON) --version >&2; echo 'Name another one so: make demo PYTHON=python3.12' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.cfg pyproject.toml | $(BIN)/python
	$(PIP) install --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP) install --editable '.[test]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(PIP) install --editable '.[docs]'
	@touch $@

clean:
	rm -rf build dist obamanet.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name $(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
