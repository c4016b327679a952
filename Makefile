PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Another build of torch: make test TORCH='torch==2.13.0 --index-url <where that build lies>'
TORCH ?= torch==2.13.0

# A part of the tests: make test T=tests/data
T ?=
PYTEST = $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# Without compiled modules, each of the many processes that the tests start compiles hundreds of them again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: quickstart test quick nightly lint pages docs clean

quickstart: $(VENV)/.stamp  ## train a tagger for a made-up language, from nothing, in minutes
	$(BIN)/python examples/quickstart.py

test: $(VENV)/.stamp  ## run all tests, or those in T, without network
	$(PYTEST) $(T)

quick: $(VENV)/.stamp  ## run the tests that neither train nor start other programs, in under a minute
	$(PYTEST) -m 'not slow' $(T)

nightly: $(VENV)/.stamp  ## kill a run at every change that it makes on disk, make every form of file wrong, run all tests; takes hours
	TOF_KILLS=all $(BIN)/python -m pytest tests/test_kill.py
	TOF_FUZZ=10000 $(BIN)/python -m pytest tests/test_fuzz.py
	TOF_NIGHTLY=1 $(PYTEST)

lint: $(VENV)/.stamp  ## check style, imports and types without running the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

pages: $(VENV)/.stamp  ## write the generated pages again
	$(BIN)/python docs/generate_config.py
	$(BIN)/python docs/generate_commands.py
	$(BIN)/tof-hf config --schema > examples/configs/schema.json

docs: pages $(VENV)/.docs  ## write the generated pages again, then build the site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) site

# The tools of the site are not part of dev: the tests do not need them.
$(VENV)/.docs: $(VENV)/.stamp
	$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@

# torch comes in a call of its own: together with the rest, pip may choose another build of it.
$(VENV)/.stamp: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@
