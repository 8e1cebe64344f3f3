# What a person types, and what continuous integration calls. `make help` lists it.
# The first target that needs something sets it up in .venv, without asking; the next run finds it there.

PYTHON ?= python3
ARGS ?=
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 300

# What the reference shows: the front door and the modules that people import from; nothing else below landline.
DOCUMENTED := landline '!landline\..*' $(addprefix landline.,address connection.blocking connection.events errors framing framing.base limits payload testing transfer chat)

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# A .venv that came along with a copied folder still runs the code of the old one, and one whose
# Python was taken away by a system upgrade runs nothing: both are made anew.
STALE := $(shell [ -x $(BIN)/python ] && [ "$$(cat $(VENV)/stamp-venv 2>/dev/null)" = "$(CURDIR)" ] || echo stale)
ifneq ($(STALE),)
.PHONY: $(VENV)/stamp-venv
endif

.PHONY: help setup run test check docs format bench soak fuzz torture clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/stamp-run ## create .venv with what Landline needs to run

run: $(VENV)/stamp-run ## serve every built-in service on 127.0.0.1 (ARGS="..." adds options)
	@exec $(BIN)/landline serve $(ARGS)

test: $(VENV)/stamp-dev ## run the tests, on all cores (ARGS="-k udp" chooses some)
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

check: $(VENV)/stamp-dev ## ruff, mypy --strict, and the rules of the code base
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --check . ; echo "Run: make format" >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/python -m pytest tests/rules

docs: $(VENV)/stamp-docs ## build the API reference from the docstrings, in build/docs; warnings are errors
	@rm -rf build/docs
	@$(BIN)/python -W error -m pdoc --docformat markdown --no-show-source --footer-text Landline -o build/docs $(DOCUMENTED)
	@echo "build/docs/index.html"

format: $(VENV)/stamp-dev ## sort the imports and format every Python file
	@$(BIN)/ruff check --quiet --fix --select I .
	@$(BIN)/ruff format --quiet .

bench: $(VENV)/stamp-bench ## measure side by side with other libraries (minutes; needs gcc)
	@$(BIN)/python -m bench $(ARGS)

soak: $(VENV)/stamp-run ## every kind of handler and client on a bad network for SOAK_SECONDS (300)
	@$(BIN)/python -m bench.soak --seconds $(SOAK_SECONDS) $(ARGS)

fuzz: $(VENV)/stamp-dev ## throw made-up bytes at every decoder for FUZZ_SECONDS (60)
	@$(BIN)/python -m fuzz --seconds $(FUZZ_SECONDS) $(ARGS)

torture: $(VENV)/stamp-dev ## the tests that take long
	@LANDLINE_TORTURE=1 $(BIN)/python -m pytest tests -m torture -o timeout=3600 $(ARGS)

clean: ## remove .venv and everything that was made
	@rm -rf $(VENV) build dist src/landline.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find src tests fuzz bench examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The stamps. Each is written last, so an interrupted set-up is done again.

$(VENV)/stamp-venv:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "Landline needs Python 3.11 or later, and '$(PYTHON)' was not found: install it, or name one with: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Landline needs Python 3.11 or later, and '$(PYTHON)' is $$($(PYTHON) -c 'import sys; print(sys.version.split()[0])'): name a newer one with: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Landline needs Python's venv module, and '$(PYTHON)' comes without it: install it (on Debian and Ubuntu the package python3-venv)." >&2; exit 1; }
	@echo "Setting up $(VENV), once ..." >&2
	@$(PYTHON) -m venv --clear $(VENV)
	@echo "$(CURDIR)" >$@

$(VENV)/stamp-run: $(VENV)/stamp-venv requirements/build.txt requirements/run.txt pyproject.toml
	@echo "Installing what Landline needs to run ..." >&2
	@$(PIP_INSTALL) -r requirements/build.txt -r requirements/run.txt
	@$(PIP_INSTALL) --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/stamp-dev: $(VENV)/stamp-run requirements/dev.txt
	@echo "Installing what the tests and checks need ..." >&2
	@$(PIP_INSTALL) -r requirements/dev.txt
	@touch $@

$(VENV)/stamp-docs: $(VENV)/stamp-run requirements/docs.txt
	@echo "Installing what builds the API reference ..." >&2
	@$(PIP_INSTALL) -r requirements/docs.txt
	@touch $@

$(VENV)/stamp-bench: $(VENV)/stamp-run requirements/bench.txt
	@echo "Installing what the measurements compare with ..." >&2
	@$(PIP_INSTALL) -r requirements/bench.txt
	@touch $@
