# Two commands for a newcomer: `make demo` and `make test`. Everything else: `make help`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
SHARED ?= ../shared
ZOO    ?= .zoo
DEMO   ?= demo

.PHONY: help demo test lint types layers check packs lock score bench fuzz docs system clean image pictures release-check wheelhouse

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mlsbom needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --no-deps -e .
	@$(BIN)/python -m compileall -q mlsbom
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q mlsbom  # an editable install is not compiled by pip: half a second at every start without it
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run ## scan a real model package and the example repository; leaves the documents in demo/
	$(BIN)/python tools/demo.py $(DEMO)

system: ## install Debian's Chromium and a Korean font for the browser tests, where that is allowed
	@sh tools/system.sh

test: $(VENV)/.dev system ## run the tests
	$(BIN)/python -m pytest

lint: $(VENV)/.dev ## ruff
	$(BIN)/ruff check .
	$(BIN)/python tools/make_index.py --check

types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy

layers: $(VENV)/.dev ## the import layers of the design
	$(BIN)/lint-imports --no-cache

check: lint types layers test ## everything that CI checks

packs: $(VENV)/.dev ## write the index of the data packs
	$(BIN)/python tools/make_index.py

lock: ## pin the dependencies with hashes, without addresses (needs uv)
	uv pip compile -q --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --python-version 3.11 pyproject.toml --extra postgres --extra serve -o requirements.lock
	uv pip compile -q --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --python-version 3.11 pyproject.toml --extra postgres --extra serve --extra dask --group test --group lint --group docs --group build -o requirements-dev.lock
	$(BIN)/python tools/build_lock.py

score: $(VENV)/.dev ## run the scoring programs, where they are present (SHARED=folder)
	@test -d $(SHARED)/score || { echo "no scoring programs at $(SHARED)/score"; exit 0; }
	@for s in sbom modelfiles packages licenses license_chains signatures speed fleet; do \
	  echo "== $$s"; $(BIN)/python $(SHARED)/score/$$s.py --mlsbom $(BIN)/mlsbom || true; done
	@echo "== lineage"; $(BIN)/python $(SHARED)/score/lineage.py --mlsbom $(BIN)/mlsbom --small || true

bench: $(VENV)/.dev ## the benchmarks of the project
	@for b in benchmarks/*.py; do echo "== $$b"; $(BIN)/python $$b || exit 1; done

fuzz: $(VENV)/.dev ## fuzz every reader for a minute each (SECONDS_EACH=60); needs atheris
	$(BIN)/python -m pip install -q 'atheris>=2.3,<4'
	@for f in tests/fuzz/fuzz_*.py; do echo "== $$f"; $(BIN)/python $$f -max_total_time=$(or $(SECONDS_EACH),60) -rss_limit_mb=1024 -timeout=10 || exit 1; done

docs: $(VENV)/.dev ## build the documentation into docs/_build
	$(BIN)/sphinx-build -q -W -b html docs docs/_build

pictures: $(VENV)/.dev ## the pictures of README and documentation, anew (needs Chromium)
	$(BIN)/python tools/make_pictures.py

image: ## build the container image
	docker build -t mlsbom --build-arg SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) .

wheelhouse: $(VENV)/.dev ## wheels of mlsbom and all it needs, for a room without network
	rm -rf wheelhouse && mkdir wheelhouse
	$(BIN)/python -m pip download -q --require-hashes -r requirements.lock -d wheelhouse
	$(BIN)/python -m build -q --wheel --no-isolation -o wheelhouse .

release-check: $(VENV)/.dev ## build the wheel, scan it with itself, write its SBOM and bid package
	$(BIN)/python tools/release_check.py

clean: ## remove what make made
	rm -rf $(VENV) $(DEMO) $(ZOO) docs/_build dist build wheelhouse .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
