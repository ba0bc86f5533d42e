# Manent. Bare `make` says what one can do; everything is made inside the checkout (`.venv`, `web/node_modules`).
# Each target makes only what is missing or older than what it is made from.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# The first Python on the PATH that we support, unless one is named: make run PYTHON=/usr/bin/python3.11
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
BUNDLE := src/manent/web/static/index.html
WEB_SOURCES := $(shell find web -type d \( -name node_modules -o -name bench -o -name dev -o -name dist -o -name tests \) -prune -o -type f -print)
EXAMPLE ?= examples/newsletter
PORT ?= 5005

.PHONY: help
help: ## this list
	@echo "Manent: a chatbot server whose conversations last."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Running -----------------------------------------------------------------------------------------------------------

.PHONY: run
run: .venv/runs $(BUNDLE) ## install, build the web chat, train the example and start it on http://localhost:5005/
	@cd $(EXAMPLE) && $(CURDIR)/$(BIN)/manent train && exec $(CURDIR)/$(BIN)/manent run --with-actions --port $(PORT)

.PHONY: web
web: $(BUNDLE) ## build the web chat

.PHONY: install
install: .venv/develops web/node_modules/.package-lock.json $(BUNDLE) ## install everything that work on Manent needs

# Checking ----------------------------------------------------------------------------------------------------------

.PHONY: check
check: install ## format, lint, types and the direction of imports, without changing a file
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	npm --prefix web run --silent check

.PHONY: format
format: .venv/develops ## write files the way `make check` wants them
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

.PHONY: test
test: install .venv/programs ## all tests but the slow ones (installs Chromium and PostgreSQL with apt when root)
	$(BIN)/pytest -m "not slow"
	npm --prefix web run --silent test

.PHONY: test-slow
test-slow: install .venv/programs ## the tests that take minutes
	$(BIN)/pytest -m slow

.PHONY: audit
audit: install ## ask PyPI and npm about known weaknesses of what is installed
	@$(BIN)/python -m pip_audit --version >/dev/null 2>&1 || $(PIP) install pip-audit
	@$(BIN)/python -m pip_audit --local --skip-editable --progress-spinner off
	@npm --prefix web audit --omit=dev

.PHONY: bench
bench: .venv/measures $(BUNDLE) ## measure speed and memory beside the bare transport, and Rasa after `make bench-peer`
	@$(BIN)/python bench/suite.py $(ARGS)

.PHONY: bench-peer
bench-peer: ## install Rasa 3.6.21 into .venv-rasa, to be measured beside (2.7 GB; needs Python 3.10)
	@python=$$(command -v python3.10 || compgen -G "$$HOME/.pyenv/versions/3.10.*/bin/python" | tail -n 1 || true); \
	[ -n "$$python" ] || { echo "Rasa needs Python 3.10, and there is none: Rasa will not be measured." >&2; exit 1; }; \
	[ -x .venv-rasa/bin/rasa ] || { echo "Installing Rasa into .venv-rasa"; "$$python" -m venv .venv-rasa \
		&& .venv-rasa/bin/python -m pip --disable-pip-version-check --quiet install 'rasa==3.6.21' 'setuptools<81'; }

.PHONY: dist
dist: .venv/develops ## build the sdist and the wheel
	$(BIN)/python -m build

.PHONY: clean
clean: ## remove what make and the tools made
	rm -rf .venv web/node_modules $(dir $(BUNDLE)) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

# What the targets above are made of --------------------------------------------------------------------------------

.venv/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "Manent needs Python 3.11, 3.12 or 3.13; none is on the PATH (make PYTHON=… names one)." >&2; exit 1; }
	@echo "Making .venv with $$($(PYTHON) --version)"
	@if ! $(PYTHON) -m venv .venv 2>/dev/null; then \
		rm -rf .venv; \
		version=$$($(PYTHON) -c 'import sys; print("python%d.%d" % sys.version_info[:2])'); \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -qq -y --no-install-recommends $$version-venv >/dev/null; \
			$(PYTHON) -m venv .venv; \
		else \
			echo "Python's venv module is missing. On Debian: sudo apt install $$version-venv" >&2; exit 1; \
		fi; \
	fi

.venv/runs: pyproject.toml | .venv/bin/python
	@echo "Installing Manent into .venv"
	@MANENT_SKIP_WEB=1 $(PIP) install --no-compile --editable '.[actions]'
	@touch $@

.venv/develops: pyproject.toml | .venv/bin/python
	@echo "Installing Manent and its tools into .venv"
	@MANENT_SKIP_WEB=1 $(PIP) install --no-compile --editable '.[actions,dev]'
	@touch $@ .venv/runs

.venv/measures: .venv/develops
	@echo "Installing what the benchmarks draw with"
	@MANENT_SKIP_WEB=1 $(PIP) install --no-compile --editable '.[bench]'
	@touch $@

.venv/programs: | .venv/bin/python
	@missing=(); \
	command -v chromium >/dev/null || missing+=(chromium); \
	command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql); \
	if [ $${#missing[@]} -gt 0 ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing $${missing[*]}"; \
			apt-get update -qq; \
			DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$${missing[@]}" >/dev/null; \
		else \
			echo "The tests need programs that are not installed. On Debian: sudo apt install $${missing[*]}" >&2; exit 1; \
		fi; \
	fi
	@touch $@

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	@command -v npm >/dev/null || { echo "The web chat needs Node.js 20 or newer with npm, which is not on the PATH." >&2; exit 1; }
	@echo "Installing what the web chat is built with"
	@npm --prefix web ci --no-audit --no-fund --loglevel=error
	@touch $@

$(BUNDLE): $(WEB_SOURCES) | web/node_modules/.package-lock.json
	@echo "Building the web chat"
	@npm --prefix web run --silent build
	@touch $@
