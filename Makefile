# Everything a person or CI runs. `make` alone lists the targets. Only Python 3.11 or newer, make
# and git are needed: `.venv` is made from uv.lock by the first target that needs it.
#
# ARGS passes options on (make demo ARGS="--model local"), PYTHON names the interpreter to build
# the environment with, VENV another place for it.

SHELL := /bin/sh
VENV ?= .venv
PY := $(VENV)/bin/python
SYNCED := $(VENV)/.synced
JOBS ?= 2
MINUTES ?= 2
BENCH_VENV ?= .data/bench/venv
SEED ?=
# The machine's own python3 first; a version without wheels in the lock file is passed over.
PYTHON ?=
CANDIDATES := $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14

# Settings of the caller's that would make Python or uv look elsewhere: `agents` and `daemon` are
# import names of other projects too, and must be found here.
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH VIRTUAL_ENV UV_PYTHON
# Where Python may not keep what it compiled, every start takes twice as long.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help demo test chaos failover upgrade migration soak bench eval run check docs matrix format clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: $(SYNCED) ## see it work: a database, a sample gym, the daemon, requests and their answers
	@exec $(PY) -m daemon demo $(ARGS)

test: $(SYNCED) ## the whole test suite, on a real PostgreSQL
	@exec $(PY) -m pytest -n $(JOBS) $(ARGS)

chaos: $(SYNCED) ## kill, freeze and cut off three daemons at random: MINUTES=2 SEED=7
	@exec $(PY) -m tests.chaos.run --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(ARGS)

failover: $(SYNCED) ## lose one primary after another under load: MINUTES=2 SEED=7
	@exec $(PY) -m tests.chaos.failover --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(ARGS)

upgrade: $(SYNCED) ## roll from the release before this one to this one, and back, under load
	@exec $(PY) -m tests.chaos.upgrade $(if $(SEED),--seed $(SEED)) $(ARGS)

migration: $(SYNCED) ## each migration on a million requests and a busy app (ARGS="--rows 20000")
	@exec $(PY) -m tests.sql.busy $(ARGS)

soak: $(SYNCED) ## an ordinary hour, and whether anything grows: MINUTES=60 (ARGS="--million")
	@exec $(PY) -m tests.soak --minutes $(if $(filter file,$(origin MINUTES)),60,$(MINUTES)) $(ARGS)

# The peers live in an environment of their own, so that they decide nothing about ours.
bench: $(SYNCED) ## this daemon beside other queues, forty minutes (ARGS="--quick": 5 minutes)
	@UV_PROJECT_ENVIRONMENT=$(BENCH_VENV) $(VENV)/bin/uv sync --quiet --locked --all-extras \
		--group bench --no-group dev --python $(PY)
	@exec $(BENCH_VENV)/bin/python -m tests.bench $(ARGS)

eval: $(SYNCED) ## the agents against known truths, 20 minutes (ARGS="--quick": 3 minutes)
	@exec $(PY) -m tests.eval $(ARGS)

run: $(SYNCED) ## the service, on DATABASE_URL or a kept PostgreSQL of its own
	@exec $(PY) -m daemon run $(ARGS)

check: $(SYNCED) ## format, lint, types, import rules, locked packages
	@$(PY) -m ruff format --check --quiet . || { echo "run: make format" >&2; exit 1; }
	@$(PY) -m ruff check --quiet .
	@$(PY) -m mypy --no-error-summary
	@PYTHONPATH=. $(VENV)/bin/lint-imports --no-logo
	@$(VENV)/bin/uv lock --check --offline --quiet || { echo "run: uv lock" >&2; exit 1; }
	@$(VENV)/bin/uv pip check --quiet --python $(PY)
	@echo "make check: all good"

docs: $(SYNCED) ## write the pages of docs/ anew that are made from the code
	@$(PY) -m tests.kit.documents
	@$(PY) -m tests.kit.reference

matrix: $(SYNCED) ## the suite on every PostgreSQL at hand, into docs/postgresql.md
	@exec $(PY) -m tests.kit.matrix -n $(JOBS) $(ARGS)

format: $(SYNCED) ## rewrite the code in the one format
	@$(PY) -m ruff format --quiet .
	@$(PY) -m ruff check --quiet --fix .

clean: ## remove the environment and caches; the database of `make run` stays in .data/run
	@rm -rf $(VENV) .data/demo .data/test .pytest_cache .mypy_cache .ruff_cache \
		.hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(SYNCED): uv.lock pyproject.toml
	@set -e; \
	if ! $(PY) -m pip --version >/dev/null 2>&1; then \
		ok='import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 15))'; \
		for python in $(CANDIDATES) none; do \
			if [ "$$python" = none ]; then \
				echo "No Python 3.11 to 3.14 with venv was found (tried: $(CANDIDATES))." >&2; \
				echo "Install one (Debian, Ubuntu: apt-get install python3-venv), or name it:" >&2; \
				echo "  make PYTHON=/path/to/python3.12 ..." >&2; \
				exit 1; \
			fi; \
			if "$$python" -c "$$ok" >/dev/null 2>&1; then break; fi; \
		done; \
		echo "Making $(VENV) with $$("$$python" -V), once; this takes about a minute." >&2; \
		"$$python" -m venv --clear $(VENV) || { \
			echo "Cannot write $(VENV) here; choose another place: make VENV=/path ..." >&2; exit 1; }; \
	fi; \
	cache="$${UV_CACHE_DIR:-$${XDG_CACHE_HOME:-$${HOME:-/nonexistent}/.cache}/uv}"; \
	if ! mkdir -p "$$cache" 2>/dev/null || [ ! -w "$$cache" ]; then export UV_NO_CACHE=1; fi; \
	if [ ! -x $(VENV)/bin/uv ]; then \
		$(PY) -m pip install --quiet --no-cache-dir 'uv>=0.9,<1'; \
	fi; \
	$(VENV)/bin/uv sync --quiet --locked --all-extras --inexact --python $(PY); \
	touch $(SYNCED)
