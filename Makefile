# Manent. `make` without a target lists the targets. All files are created inside the checkout (`.venv`,
# `web/node_modules`). Each target builds only what is missing or older than its sources.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --jobs=4

# The first supported Python on the PATH. To choose another one: make run PYTHON=/usr/bin/python3.11
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)
BUNDLE := src/manent/web/static/index.html
WEB_SOURCES := $(shell find web -type d \( -name node_modules -o -name bench -o -name dev -o -name dist -o -name tests \) -prune -o -type f -print)
# Two more than the number of cores: a test often waits for the processes that it has started.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1) + 2)))
EXAMPLE ?= examples/newsletter
PORT ?= 5005

.PHONY: help
help: ## list the targets
	@echo "Manent: a chatbot server whose conversations last."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Running -----------------------------------------------------------------------------------------------------------

.PHONY: run
run: .venv/runs $(BUNDLE) ## install, build the web chat, train the example and start it on http://localhost:5005/
	@cd $(EXAMPLE) && $(CURDIR)/$(BIN)/manent train && exec $(CURDIR)/$(BIN)/manent run --demo --with-actions --port $(PORT)

.PHONY: web
web: $(BUNDLE) ## build the web chat

.PHONY: install
install: .venv/develops tests/pages/node_modules/.package-lock.json $(BUNDLE) ## install everything that is needed to work on Manent

# Checking ----------------------------------------------------------------------------------------------------------

.PHONY: check
check: .venv/develops ## check format, lint, types and the direction of imports; changes no file
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/import_graph.py
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory check-web; \
		else echo "npm is not installed: the web chat was not checked."; fi

.PHONY: check-web
check-web: web/node_modules/.package-lock.json ## check format, lint and types of the web chat
	npm --prefix web run --silent check

.PHONY: format
format: .venv/develops ## format the code and fix what ruff can fix
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

.PHONY: test-unit
test-unit: .venv/tests ## run the quick tests: no server, no Node, no PostgreSQL, no browser (ARGS="-k cursor" selects some)
	$(BIN)/pytest tests/unit tests/properties -m "not slow and not server" --hypothesis-profile quick --numprocesses $(WORKERS) --dist loadfile --quiet $(ARGS)

.PHONY: test
test: test-python test-web ## run all tests except the slow ones (installs Chromium, PostgreSQL and PgBouncer with apt when root)

# Tests start many Python processes. Without stored bytecode, each of them would compile its imports again.
test-python test-slow test-unit .venv/compiled: export PYTHONDONTWRITEBYTECODE :=
test-python test-slow test-unit .venv/compiled: export PYTHONPYCACHEPREFIX := $(CURDIR)/.venv/bytecode

# Collecting the tests compiles their imports. Otherwise each worker would compile all of them at the same time. The
# workers report errors.
.venv/compiled: .venv/develops
	@echo "Compiling the tests"
	@$(BIN)/pytest --collect-only --quiet >/dev/null 2>&1 || true
	@touch $@

.PHONY: test-python
test-python: install .venv/programs .venv/compiled
	$(BIN)/pytest -m "not slow" --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder \
		--override-ini faulthandler_timeout=240 --override-ini faulthandler_exit_on_timeout=true

.PHONY: test-web
test-web: web/node_modules/.package-lock.json
	npm --prefix web run --silent test -- --reporter=dot

.PHONY: test-slow
test-slow: install .venv/programs .venv/deploys .venv/documents ## run the tests that take minutes
	$(BIN)/pytest -m slow

.PHONY: soak
soak: install ## kill servers under load and check that no message was lost (ARGS="--kills 20", ARGS=--mutations)
	PYTHONPATH=tests $(BIN)/python -m soak.crash $(ARGS)

.PHONY: soak-rolling
soak-rolling: install ## restart two servers behind nginx and HAProxy again and again under clients that do not retry (ARGS="--rounds 20")
	PYTHONPATH=tests $(BIN)/python -m soak.rolling $(ARGS)

.PHONY: soak-cluster
soak-cluster: install .venv/programs ## kill servers and PostgreSQL and cut networks under load, behind nginx and HAProxy (ARGS="--faults 20")
	PYTHONPATH=tests $(BIN)/python -m soak.cluster $(ARGS)

.PHONY: soak-memory
soak-memory: install ## let 160,000 visitors come and go, and check that the server's memory does not grow (ARGS="--scale 0.1")
	PYTHONPATH=tests $(BIN)/python -m soak.memory $(ARGS)

.PHONY: lock
lock: .venv/develops ## update requirements/*.txt, with hashes, from pyproject.toml (UPGRADE=1: to the newest versions)
	$(LOCK) pyproject.toml --extra dev --output-file requirements/dev.txt
	$(LOCK) pyproject.toml --extra actions --extra import-rasa --extra kafka --extra models --extra postgresql --extra rabbitmq --extra tracing --constraint requirements/dev.txt --output-file requirements/run.txt
	$(LOCK) pyproject.toml --extra kafka --extra models --extra postgresql --extra rabbitmq --extra tracing --constraint requirements/dev.txt --output-file requirements/server.txt
	$(LOCK) pyproject.toml --extra test --constraint requirements/dev.txt --output-file requirements/test.txt
	$(LOCK) pyproject.toml --extra bench --constraint requirements/dev.txt --output-file requirements/bench.txt
	$(LOCK) requirements/deploy.in --constraint requirements/dev.txt --output-file requirements/deploy.txt
	$(LOCK) requirements/docs.in --constraint requirements/dev.txt --output-file requirements/docs.txt
	$(LOCK) requirements/build.in --constraint requirements/dev.txt --output-file requirements/build.txt

.PHONY: audit
audit: install ## check the locked packages for known vulnerabilities, at PyPI and npm
	@.ci/audit

.PHONY: bench
bench: .venv/measures $(BUNDLE) ## measure speed and memory, compared with an echo server and, after `make bench-peer`, with Rasa
	@$(BIN)/python bench/suite.py $(ARGS)

.PHONY: bench-peer
bench-peer: ## install Rasa 3.6.21 into .venv-rasa, for comparison in `make bench` (2.7 GB; needs Python 3.10)
	@python=$$(for python in python3.10 "$$HOME"/.pyenv/versions/3.10.*/bin/python; do \
		"$$python" -c "" 2>/dev/null && echo "$$python" && break; done || true); \
	[ -n "$$python" ] || { echo "Rasa needs Python 3.10, which is not installed: Rasa will not be measured." >&2; exit 1; }; \
	[ -x .venv-rasa/bin/rasa ] || { echo "Installing Rasa into .venv-rasa"; "$$python" -m venv .venv-rasa \
		&& .venv-rasa/bin/python -m pip --disable-pip-version-check --quiet install 'rasa==3.6.21' 'setuptools<81'; }

# All files of the sdist and the wheel have the time of the last commit, so that the same commit gives the same bytes.
.PHONY: dist
dist: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1577836800)
dist: .venv/develops $(BUNDLE) ## build the sdist and the wheel, and list their dependencies (CycloneDX)
	$(BIN)/python -m build
	$(BIN)/cyclonedx-py requirements requirements/run.txt --pyproject pyproject.toml --output-reproducible \
		--output-file dist/manent.cdx.json
	npm --prefix web --silent sbom --sbom-format cyclonedx --omit dev --package-lock-only > dist/manent-web.cdx.json

.PHONY: docs
docs: .venv/documents ## build the documentation site into dist/site
	@$(BIN)/python docs/make_site.py dist/site-source
	@NO_MKDOCS_2_WARNING=1 PYTHONPATH=docs $(BIN)/mkdocs build --quiet
	@echo "The site is in dist/site. To read it: $(BIN)/python -m http.server --directory dist/site 8000"

# The program that builds images: docker, or podman, or e.g. CONTAINER="buildah". BASE= is the image to build on.
CONTAINER ?= $(shell command -v docker >/dev/null && echo docker || echo podman)
IMAGE := $(CONTAINER) build --file deploy/Dockerfile $(if $(BASE),--build-arg BASE=$(BASE))

.PHONY: image
image: dist ## build the image of the server (deploy/Dockerfile; BASE=… to build on another image)
	$(IMAGE) --tag manent .

.PHONY: image-actions
image-actions: dist ## build the image of the action server
	$(IMAGE) --build-arg REQUIREMENTS=requirements/run.txt --tag manent-actions .

.PHONY: clean
clean: ## remove all files that make and the tools have created
	rm -rf .venv web/node_modules tests/pages/node_modules $(dir $(BUNDLE)) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

# Files that the targets above depend on ----------------------------------------------------------------------------

# Only one apt can run at a time: first it installs Python's venv module, for which the other targets wait, then the
# programs for the tests, in parallel with the other targets. --force-unsafe-io saves a minute: apt does not wait for
# the disk after each file. After a crash during this time, the packages must be installed again.
APT := DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Options::=--force-unsafe-io install --no-install-recommends

.venv/module:
	@[ -n "$(PYTHON)" ] || { echo "Manent needs Python 3.11, 3.12, 3.13 or 3.14; none is on the PATH. To use another one: make PYTHON=…" >&2; exit 1; }
	@if ! $(PYTHON) -c 'import ensurepip' 2>/dev/null; then \
		package=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing $$package"; \
			apt-get update -qq; \
			$(APT) "$$package" >/dev/null; \
		else \
			echo "Python's venv module is missing. On Debian: sudo apt install $$package" >&2; exit 1; \
		fi; \
	fi
	@mkdir -p .venv
	@touch $@

.venv/bin/python: | .venv/module
	@echo "Creating .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv

# First the locked packages, then Manent: a package is installed only if its hash is in requirements/. uv takes seconds
# where pip takes a minute. If only pip is configured to reach a package index, pip installs them.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --no-compile --no-deps
UV := $(BIN)/uv --quiet --system-certs pip install --python $(BIN)/python --no-deps

.venv/bin/uv: requirements/build.txt | .venv/bin/python
	@$(PIP) --require-hashes --requirement $<
	@touch $@

.venv/runs: requirements/run.txt pyproject.toml .venv/bin/uv
	@echo "Installing Manent into .venv"
	@$(UV) --require-hashes --requirement $< || $(PIP) --require-hashes --requirement $<
	@MANENT_SKIP_WEB=1 $(PIP) --no-build-isolation --editable .
	@touch $@

.venv/tests: requirements/test.txt pyproject.toml .venv/bin/uv
	@echo "Installing Manent and the packages for its quick tests into .venv"
	@$(UV) --require-hashes --requirement $< || $(PIP) --require-hashes --requirement $<
	@MANENT_SKIP_WEB=1 $(PIP) --no-build-isolation --editable .
	@touch $@

.venv/develops: requirements/dev.txt pyproject.toml .venv/bin/uv
	@echo "Installing Manent and its tools into .venv"
	@$(UV) --require-hashes --requirement $< || $(PIP) --require-hashes --requirement $<
	@MANENT_SKIP_WEB=1 $(PIP) --no-build-isolation --editable .
	@touch $@ .venv/runs .venv/tests

.venv/measures: requirements/bench.txt .venv/develops
	@echo "Installing the packages for the benchmarks' charts"
	@$(UV) --require-hashes --requirement $< || $(PIP) --require-hashes --requirement $<
	@touch $@

.venv/documents: requirements/docs.txt .venv/develops
	@echo "Installing the programs that build the documentation site"
	@$(UV) --require-hashes --requirement $< || $(PIP) --require-hashes --requirement $<
	@touch $@

.venv/deploys: requirements/deploy.txt .venv/develops
	@echo "Installing the programs that check deploy/"
	@$(UV) --require-hashes --requirement $< || $(PIP) --require-hashes --requirement $<
	@touch $@

.venv/programs: | $(if $(filter 0,$(shell id -u)),.venv/module)
	@mkdir -p .venv
	@missing=(); \
	command -v chromium >/dev/null || missing+=(chromium); \
	for program in nginx haproxy caddy; do PATH="$$PATH:/usr/sbin:/sbin" command -v $$program >/dev/null || missing+=($$program); done; \
	[ -x /usr/sbin/apache2 ] || missing+=(apache2-bin); \
	command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql); \
	command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || missing+=(pgbouncer); \
	case "$$(/sbin/ldconfig -p 2>/dev/null)" in *libatomic.so.1*) ;; *) missing+=(libatomic1) ;; esac; \
	if [ $${#missing[@]} -gt 0 ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing $${missing[*]}"; \
			apt-get update -qq; \
			$(APT) "$${missing[@]}" >/dev/null; \
		else \
			echo "The tests need programs that are not installed. On Debian: sudo apt install $${missing[*]}" >&2; exit 1; \
		fi; \
	fi
	@touch $@

%/node_modules/.package-lock.json: %/package.json %/package-lock.json
	@command -v npm >/dev/null || { echo "Manent's web chat needs Node.js 20 or newer with npm, which is not on the PATH." >&2; exit 1; }
	@echo "Installing the packages of $*"
	@npm --prefix $* ci --no-audit --no-fund --loglevel=error
	@touch $@

$(BUNDLE): $(WEB_SOURCES) | web/node_modules/.package-lock.json
	@echo "Building the web chat"
	@npm --prefix web run --silent build
	@touch $@
