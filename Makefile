# Parley. `make help` lists what there is to make; PYTHON= chooses the interpreter.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test test-fast test-browser test-load lint format image image-check cluster cluster-test lock bench bench-growth load ceiling observe faults clean

VENV ?= .venv
PY := $(VENV)/bin/python
# The first interpreter that is new enough, unless one is named.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)
PIP := $(PY) -m pip --disable-pip-version-check --no-input install --require-hashes --no-deps -q
# Nothing that appeared later than this is locked: a week lets a bad release be noticed.
LOCK_DATE ?= 2026-11-14
COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-annotate --no-header -q --exclude-newer $(LOCK_DATE)
# A Node.js of the machine comes first, one from a wheel (see .node below) after it.
export PATH := $(PATH):$(CURDIR)/$(VENV)/bin
CODE := auth chassis chat clients contracts deploy devstack gateway loadtests notifications profile tests

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run $(VENV)/.node ## Start the whole platform here, at http://127.0.0.1:8000 (PORT=, DATA_DIR=)
	@$(PY) -m devstack.web
	@exec $(PY) -m devstack

.PHONY: demo
demo: $(VENV)/.run ## Bring people, rooms with a history and a bot to a platform that runs (URL=)
	@exec $(PY) -m devstack.demo $(URL)

test: $(VENV)/.test $(VENV)/.checkov $(VENV)/.node ## Run all tests but those in a browser and of load, files beside each other (ARGS= for pytest, JOBS=)
	$(PY) -m pytest -n $(or $(JOBS),auto) --maxprocesses 4 --dist loadfile --ignore tests/browser --ignore tests/load $(ARGS)

test-fast: $(VENV)/.test ## Run the unit tests
	$(PY) -m pytest tests/unit $(ARGS)

test-browser: $(VENV)/.browser $(VENV)/.node ## Drive the web client in Chromium (ARGS= for pytest, CHROMIUM=)
	$(PY) -m pytest tests/browser $(ARGS)

test-load: $(VENV)/.test $(VENV)/.load ## Test the load tests: each kind of user, broken builds, reports (ARGS= for pytest)
	$(PY) -m pytest tests/load $(ARGS)

test-kafka: $(VENV)/.test ## Run the tests of events against Apache Kafka itself (needs Java and Maven; ARGS= for pytest)
	@$(PY) -m tests.support.apache_kafka
	$(PY) -m pytest --apache-kafka --timeout 300 tests/kafka tests/integration/chassis/test_outbox.py tests/integration/chassis/test_consumer.py \
		tests/integration/profile/test_events.py tests/integration/chat/test_events.py \
		tests/integration/notifications/test_killed.py tests/integration/notifications/test_through_kafka.py $(ARGS)

lint: $(VENV)/.browser ## Check style, types and the import rules
	$(VENV)/bin/ruff check $(CODE)
	$(VENV)/bin/ruff format --check $(CODE)
	$(VENV)/bin/mypy $(CODE)
	$(VENV)/bin/lint-imports

format: $(VENV)/.test ## Format the code
	$(VENV)/bin/ruff check --fix $(CODE)
	$(VENV)/bin/ruff format $(CODE)

bench: $(VENV)/.test ## Measure CPU per delivery and message, peers beside it, 4 min (ARGS=--quick; needs a C compiler)
	$(PY) -m loadtests.bench $(ARGS)

bench-growth: $(VENV)/.test ## Measure costs against room size and history, and draw them into docs/performance, 5 min
	$(PY) -m loadtests.bench.growth --into docs/performance $(ARGS)

load: $(VENV)/.run $(VENV)/.load ## Play users and check what they get (USERS=, RATE=, TIME=, SHAPE=, HOST=, ARGS= for Locust)
	$(PY) -m loadtests.load $(if $(HOST),--host $(HOST)) $(if $(USERS),--users $(USERS)) $(if $(RATE),--rate $(RATE)) \
		$(if $(TIME),--time $(TIME)) $(if $(SHAPE),--shape $(SHAPE)) $(ARGS)

ceiling: $(VENV)/.run $(VENV)/.load ## Raise the load until deliveries are late, and draw the curve, 5 min (ARGS=)
	$(PY) -m loadtests.load.ceiling $(ARGS)

observe: $(VENV)/.run ## Start a Prometheus with our alerts on the running platform (PORT=, DATA_DIR=; needs Debian's prometheus)
	@exec $(PY) -m devstack.observe

faults: $(VENV)/.test ## Break things while clients talk, and check (MINUTES=, SEED=, ARGS=)
	$(PY) -m tests.faults --minutes $(or $(MINUTES),10) --seed $(or $(SEED),1) $(ARGS)

image: $(VENV)/.run $(VENV)/.node ## Build the image with docker, podman or buildah (IMAGE=, BASE_IMAGE=)
	$(PY) -m deploy.image $(or $(IMAGE),parley:dev) $(if $(BASE_IMAGE),--base $(BASE_IMAGE))

image-check: $(VENV)/.test ## Build the image and run each service in it as a pod would (needs Debian's buildah, podman, runc, mmdebstrap)
	$(PY) -m deploy.imagecheck

cluster: $(VENV)/.test ## Start a Kubernetes cluster of one node here, with a shell beside it (ARGS= a command; README in tests/cluster)
	$(PY) -m tests.cluster.onenode $(ARGS)

cluster-test: $(VENV)/.test ## Install the chart on a real cluster and break it under load (KUBECONFIG= and IMAGE=, else one is made here; ARGS=)
	$(PY) -m tests.cluster$(if $(KUBECONFIG), --kubeconfig $(KUBECONFIG) --image $(IMAGE),.here --) $(ARGS)

lock: ## Write the files in requirements/ anew from pyproject.toml (needs uv)
	$(COMPILE) requirements/build.in -o requirements/build.txt
	$(COMPILE) pyproject.toml --extra local --extra test --extra load -o requirements/load.txt
	$(COMPILE) pyproject.toml --extra local --extra test -c requirements/load.txt -o requirements/test.txt
	$(COMPILE) pyproject.toml --extra local -c requirements/load.txt -o requirements/run.txt
	$(COMPILE) pyproject.toml --extra client -c requirements/load.txt -o requirements/image.txt
	$(COMPILE) requirements/browser.in -c requirements/load.txt -o requirements/browser.txt
	$(COMPILE) requirements/locust.in -c requirements/load.txt -o requirements/locust.txt
	$(COMPILE) requirements/node.in -o requirements/node.txt
	$(COMPILE) requirements/deploy.in --override requirements/deploy-overrides.txt -c requirements/load.txt \
		-o requirements/deploy.txt
	$(COMPILE) requirements/checkov.in -o requirements/checkov.txt
	$(COMPILE) loadtests/peers/requirements.in -o loadtests/peers/requirements.txt

clean: ## Remove the virtual environment and caches; the data of `make run` stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# --- the virtual environment -----------------------------------------------------------------------------------------

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Parley needs Python 3.11 or newer; none was found. Name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Parley needs Python 3.11 or newer; $(PYTHON) is older. Name another: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "making a virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.build: $(VENV)/bin/python requirements/build.txt
	@$(PIP) -r requirements/build.txt
	@touch $@

$(VENV)/.run: $(VENV)/.build requirements/run.txt pyproject.toml
	@echo "installing what Parley needs (once) ..."
	@$(PIP) -r requirements/run.txt
	@$(PY) -m pip --disable-pip-version-check --no-input install -q --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run requirements/test.txt requirements/deploy.txt
	@echo "installing what the tests need (once) ..."
	@$(PIP) -r requirements/test.txt
	@$(PIP) -r requirements/deploy.txt
	@touch $@

$(VENV)/.browser: $(VENV)/.test requirements/browser.txt
	@echo "installing what drives a browser (once) ..."
	@$(PIP) -r requirements/browser.txt
	@touch $@

# What needs Node.js says so if there is none.
$(VENV)/.node: $(VENV)/.build requirements/node.txt
	@command -v node >/dev/null && command -v npm >/dev/null || { \
		echo "installing Node.js from a wheel (once) ..."; $(PIP) -r requirements/node.txt || echo "Node.js cannot be had here"; }
	@touch $@

# It pins a hundred packages, so it has an environment of its own.
$(VENV)/.checkov: $(VENV)/bin/python requirements/checkov.txt
	@$(PY) -m venv $(VENV)/checkov
	@$(VENV)/checkov/bin/python -m pip --disable-pip-version-check --no-input install --require-hashes --no-deps -q \
		-r requirements/checkov.txt
	@touch $@

# gevent changes what it is imported into, so the load generators have one too.
$(VENV)/.load: $(VENV)/bin/python requirements/locust.txt
	@echo "installing what makes load (once) ..."
	@$(PY) -m venv $(VENV)/load
	@$(VENV)/load/bin/python -m pip --disable-pip-version-check --no-input install --require-hashes --no-deps -q \
		-r requirements/locust.txt
	@touch $@
