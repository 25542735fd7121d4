# `make demo` runs the main job, `make test` passes the tests; both set up everything they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TYPES := tests/web/types
DSTACK := .dstack
# Each process of the tests would compile everything that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-long test-dstack test-all check lint types soak bench lock clean

$(VENV)/.runtime: requirements/runtime.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	touch $@

demo: $(VENV)/.runtime
	sh examples/demo.sh $(BIN)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest

# What `make test` leaves out: the remaining storms and crossings, and what takes real parts many seconds.
test-long: $(VENV)/.dev
	$(BIN)/pytest -m long

# dstack's own command line against a server: installs dstack (160 MB) in an environment of its own.
test-dstack: $(VENV)/.dev
	test -x $(DSTACK)/bin/python || $(PYTHON) -m venv $(DSTACK)
	$(DSTACK)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dstack.lock
	DSTACK=$(DSTACK)/bin/dstack $(BIN)/pytest -m dstack -n 0 tests/dstack/test_client.py

test-all: test test-long

# The types of the page's modules. Needs npm; nothing but this check does.
types:
	npm ci --prefix $(TYPES) --no-audit --no-fund --silent
	$(TYPES)/node_modules/.bin/tsc -p $(TYPES)

# Regenerates what is generated, then fails where the tree differs from what is committed.
check: $(VENV)/.dev
	$(BIN)/python -m atoll.cli.reference > docs/reference/cli.md
	$(BIN)/python -m atoll.model.diagrams > docs/states.md
	$(BIN)/python -m atoll.configuration.codes > docs/diagnostics.md
	$(BIN)/python -m atoll.model.error_codes > docs/reference/errors.md
	$(BIN)/python -m atoll.configuration.reference > docs/configuration.md
	$(BIN)/python -m atoll.fronts.web.typescript > src/atoll/fronts/web/static/wire.d.ts
	$(MAKE) test
	git diff --exit-code

soak: $(VENV)/.dev
	$(BIN)/pytest -m soak --timeout 3600

bench: $(VENV)/.dev
	$(BIN)/python -m bench

# New pins, with hashes and without any address.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --group build pyproject.toml -o requirements/runtime.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --group build --group dev pyproject.toml -o requirements/dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  requirements/dstack.in -o requirements/dstack.lock

clean:
	rm -rf $(VENV) $(DSTACK) .demo $(TYPES)/node_modules
