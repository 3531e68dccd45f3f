# `make help` lists what there is. PYTHON=python3.12 make ... chooses the interpreter that .venv is built with;
# ARGS="..." is handed on: make train ARGS="dataset=mnist seed=1", make test ARGS="tests/model -n 0".

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
STRICT := --fail-on-warning --keep-going --quiet

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-colour train test check docs docs-pictures bench

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## build .venv with ganctl and the development tools in it

demo: $(INSTALLED) ## train on digits that come with a package; some minutes, no data download
	$(BIN)/ganctl train experiment=demo $(ARGS)
	@echo "ganctl is $(BIN)/ganctl here; '. $(BIN)/activate' lets you type ganctl alone"

demo-colour: $(INSTALLED) ## train on patches of a photograph that comes with a package; some minutes, no data download
	$(BIN)/ganctl train experiment=demo_colour $(ARGS)

train: $(INSTALLED) ## ganctl train; settings in ARGS="..."
	$(BIN)/ganctl train $(ARGS)

test: $(INSTALLED) ## run the tests, in a process a core
	$(BIN)/python -m pytest $(ARGS)

check: $(INSTALLED) ## formatter, linter, type checker, import rules, documentation, then the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/python -m sphinx $(STRICT) docs site
	$(BIN)/python -m pytest $(ARGS)

docs: $(INSTALLED) ## build the documentation: site/index.html, to be read without network
	$(BIN)/python -m sphinx $(STRICT) docs site
	@echo "open site/index.html"

docs-pictures: $(INSTALLED) ## make the pictures and printed words of docs/ again, by training; some minutes
	$(BIN)/python docs/make_pictures.py
	$(BIN)/python docs/make_transcript.py
	$(BIN)/python docs/make_demo_colour.py
	$(BIN)/python docs/make_trouble.py

bench: $(INSTALLED) ## measure speed and memory against hand-written loops
	$(BIN)/python -m benchmarks.run $(ARGS)

$(INSTALLED): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not there: install Python 3.10 or newer, or name it: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "$$($(PYTHON) --version) is too old: ganctl needs 3.10 or newer; name another: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "$(PYTHON) has no venv: install it (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
