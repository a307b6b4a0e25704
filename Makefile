# make demo | test | test-rigs | check: each sets up what it needs on a fresh machine.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SECONDS_ARG := $(if $(SECONDS),--seconds $(SECONDS),)

.PHONY: demo test test-rigs check bench clean

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: $(VENV)/ready
	$(BIN)/edgecls demo $(SECONDS_ARG)

test: $(VENV)/ready
	@tests/need-mosquitto
	$(BIN)/python -m pytest -n 2 -m "not rig"

test-rigs: $(VENV)/ready
	$(BIN)/python -m pytest -m rig -rs

check: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/ready
	@tests/need-mosquitto
	$(BIN)/python -m tests.benchmarks.classify
	$(BIN)/python -m tests.benchmarks.daemon
	$(BIN)/python -m tests.benchmarks.accuracy

clean:
	rm -rf $(VENV) build *.egg-info
