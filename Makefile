# Everything runs in .venv, which the first target asked for makes; a second run finds its stamp and starts at once.
# PYTHON=/path/to/python chooses another interpreter.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo demo-sweep test check format docs bench bench-check bench-gpu clean help

help:
	@echo "make demo    set up, then open the demo (prints the plane where there is no terminal)"
	@echo "make demo-sweep  a sweep over 60 checkpoints of a slow hub on this machine, with room for three: a few minutes"
	@echo "make test    set up, then run the tests on all cores"
	@echo "make check   set up, then lint, format and type checks"
	@echo "make format  set up, then format and fix what can be fixed"
	@echo "make docs    set up, then write the table of options into the README and docs/models.md"
	@echo "make bench   set up, then measure speed and memory: about 20 minutes on an idle machine"
	@echo "make bench-check  whether anything has become a quarter slower than benchmarks/ratios.json has it"
	@echo "make bench-gpu    the same for models of 1 B and 7 B parameters on a CUDA device"

demo: $(STAMP)
	@$(BIN)/ib-explorer demo

demo-sweep: $(STAMP)
	@$(BIN)/python -m benchmarks night

# One process a core; one that has finished its share takes tests from the others.
test: $(STAMP)
	$(BIN)/python -m pytest -q --numprocesses logical --dist worksteal

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP)
	$(BIN)/python docs/options_table.py
	$(BIN)/python docs/models.py

BENCHMARK := $(BIN)/python -m benchmarks

bench: $(STAMP)
	$(BENCHMARK) measure
	$(BENCHMARK) estimate
	$(BENCHMARK) scaling
	$(BENCHMARK) memory
	$(BENCHMARK) bound
	$(BENCHMARK) screen
	$(BENCHMARK) drawing

bench-check: $(STAMP)
	$(BENCHMARK) check

bench-gpu: $(STAMP)
	$(BENCHMARK) gpu --shape 1B
	$(BENCHMARK) gpu --shape 7B

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build *.egg-info

# soft-entropy declares jax and matplotlib, which the parity tests never import: hence --no-deps.
$(STAMP): pyproject.toml constraints.txt
	@python=; \
	for candidate in $(PYTHON) python3.11 python3 python3.12 python3.13 python3.14; do \
	  if $$candidate -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    python=$$candidate; break; \
	  fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Python 3.11 or newer with venv was not found: install it (Debian: apt install python3.11-venv) or run make PYTHON=/path/to/python." >&2; \
	  exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$($$python --version): this takes a few minutes, once." >&2; \
	test -x $(BIN)/python || $$python -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,dev]'
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps soft-entropy
	@touch $(STAMP)
