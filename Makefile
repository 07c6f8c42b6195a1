# `make demo` and `make test` do all their own set-up into $(VENV).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CONSTRAINTS ?= requirements/constraints.txt
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check
DATA ?=
DEMO_DIR ?= work_dirs/demo

.PHONY: install demo test lint format clean
install: $(STAMP)

$(STAMP): setup.py Makefile $(wildcard requirements/*.txt)
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q --upgrade "pip>=24"
	$(PIP) install -q -c $(CONSTRAINTS) -r requirements/build.txt
	@# Built here, against the numpy just installed; a cached wheel may be
	@# one for another numpy.
	$(PIP) install -q --no-cache-dir --no-build-isolation \
	    --no-binary xtcocotools -c $(CONSTRAINTS) xtcocotools
	$(PIP) install --progress-bar on --no-build-isolation -c $(CONSTRAINTS) \
	    -r requirements/tests.txt -r requirements/lint.txt -e .
	$(PIP) check
	touch $@
