# make demo    make .venv, install, and see it work
# make test    install what tests need, and run them all
# make lint    format and lint (ruff), types (mypy), layers (import-linter)
# make bench   the measured claims of the README
# Another Python: make demo PYTHON=/path/to/python3.12

# The folder of this file, whatever folder make was called from and whatever its name holds.
ROOT := $(shell cd "$$(dirname "$(strip $(MAKEFILE_LIST))")" && pwd)
BIN := $(ROOT)/.venv/bin
PYTHON ?=

.PHONY: demo test lint bench clean
.NOTPARALLEL:

demo:
	@PYTHON="$(PYTHON)" sh "$(ROOT)/scripts/install.sh" run
	@"$(BIN)/beenhere" demo

test:
	@PYTHON="$(PYTHON)" sh "$(ROOT)/scripts/install.sh" dev
	@cd "$(ROOT)" && "$(BIN)/python" -m pytest -n 2 --dist loadfile

lint:
	@PYTHON="$(PYTHON)" sh "$(ROOT)/scripts/install.sh" dev
	@cd "$(ROOT)" && "$(BIN)/ruff" format --check . && "$(BIN)/ruff" check . && "$(BIN)/mypy" && "$(BIN)/lint-imports" --no-cache

bench:
	@PYTHON="$(PYTHON)" sh "$(ROOT)/scripts/install.sh" run
	@cd "$(ROOT)" && "$(BIN)/python" benchmarks/pipeline.py && "$(BIN)/python" benchmarks/memory.py

clean:
	rm -rf "$(ROOT)/.venv"
