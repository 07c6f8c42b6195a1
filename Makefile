# `make demo` and `make test` do all their own set-up into $(VENV).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CONSTRAINTS ?= requirements/constraints.txt
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check
DATA ?=
PYTEST_ARGS ?=
# Each process takes about 2 GB.
PARALLEL ?= -n auto --maxprocesses 4 --dist worksteal
DEMO ?= fast
DEMO_DIR ?= work_dirs/demo
DEMO_STAMP := $(VENV)/.installed-synthetic

.PHONY: install demo demo-long demo-pose test test-legacy lint format clean
install: $(STAMP)

$(STAMP): setup.py pyproject.toml Makefile $(wildcard requirements/*.txt)
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q --upgrade "pip>=24"
	$(PIP) install -q -c $(CONSTRAINTS) -r requirements/build.txt
	@# From source, against the numpy and the OpenCV just installed; a cached wheel may be one for
	@# another numpy.
	$(PIP) install -q --no-cache-dir --no-build-isolation \
	    --no-binary xtcocotools,albumentations,albucore -c $(CONSTRAINTS) \
	    xtcocotools albumentations
	$(PIP) install --progress-bar on --no-build-isolation -c $(CONSTRAINTS) \
	    -r requirements/lint.txt -e ".[tests]"
	$(PIP) check
	@# For two test files, in a folder apart: stock mmpretrain cannot be imported beside transformers.
	$(PIP) install -q --no-deps --target $(VENV)/apart -c $(CONSTRAINTS) \
	    transformers tokenizers peft accelerate psutil
	touch $@

# What renders people, beside $(STAMP).
$(DEMO_STAMP): $(STAMP) requirements/synthetic.txt
	$(PIP) install --progress-bar on -c $(CONSTRAINTS) \
	    -r requirements/synthetic.txt
	touch $@

# Four tasks from nothing, and a page with images. DEMO=long takes an hour,
# DEMO=gpu needs one; DATA=... is a folder with photographs of people.
demo: $(DEMO_STAMP)
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python projects/demo/demo.py \
	    --variant $(DEMO) --work-dir $(DEMO_DIR) \
	    $(if $(DATA),--data "$(DATA)")

demo-long: DEMO := long
demo-long: demo

# Fine-tunes pose on a folder in COCO's layout, DATA=..., or on one portrait.
demo-pose: $(STAMP)
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python projects/demo/pose_demo.py \
	    --work-dir $(DEMO_DIR)-pose $(if $(DATA),--data "$(DATA)")

test: $(STAMP) lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q $(PARALLEL) $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/mypy
	$(BIN)/interrogate --quiet mmsapiens tools projects
	$(BIN)/pylint --disable=all --enable=duplicate-code \
	    --min-similarity-lines=8 --ignore-imports=y --score=n \
	    --recursive=y mmsapiens configs projects/demo/configs

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The whole suite on an older stack: torch 2.9.1 and numpy 1.26.
test-legacy: $(STAMP)
	$(BIN)/nox -s tests_legacy

clean:
	rm -rf $(VENV) .nox build *.egg-info
