# You need Python 3.13 and nothing else: `make demo` and `make test` install the rest.
# Each set-up step writes a stamp file when it is done. A second run skips finished steps, and an
# interrupted step runs again. A step also runs again when its lock has changed.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

state := .evergreen
bootstrap := $(state)/bootstrap
uv := $(bootstrap)/bin/uv
bin := .venv/bin
export UV_PYTHON_DOWNLOADS := never
# Waiting OpenMP threads must sleep: on two cores, threads that spin slow each other down.
export OMP_WAIT_POLICY := PASSIVE
export PATH := $(CURDIR)/$(bin):$(PATH)

quick_tests := tests/unit tests/infrastructure
# Tests of the services themselves: they start the services that they need, and deploy nothing.
service_tests := $(wildcard local/*/tests) \
  $(addprefix tests/integration/,test_local_stack.py test_seaweedfs.py)

# Programs that PyPI and npm do not have. Each package's program has the name of the package.
apt_packages := prometheus prometheus-alertmanager prometheus-node-exporter chromium

.PHONY: help setup demo apt environments test pr quick-tests integration-tests end-to-end-tests service-tests check synth-check bench-loop bench-drift bench-estimation bench-log bench-serving bench-status-page estimators chaos test-engine fuzz-api test-clients test-images overload mutation reference docs docs-serve check-dashboards check-grafana-schema dashboards-preview how-to format locks down clean
.DELETE_ON_ERROR:

help: ## show this
	@echo "Evergreen keeps the model in production green. Start with: make demo"
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s '|'
	@echo
	@echo "After 'make setup' the command line is at $(bin)/evergreen; try '$(bin)/evergreen --help'."

setup: .venv/.done node_modules/.done ## install everything the commands need, from the locks

demo: setup ## run the whole loop once on real data: serve, drift, retrain, promote
	@$(bin)/evergreen demo

apt: ## install what the tests need from apt: Prometheus, Alertmanager, node exporter, Chromium
	@missing=""; for program in $(apt_packages); do \
	  command -v "$$program" >/dev/null || missing+=" $$program"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "setup: with apt-get:$$missing"; \
	  apt-get update -qq; \
	  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
	    apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
	else \
	  echo "Missing, and the tests that need them will fail:$$missing" >&2; \
	  echo "On Debian or Ubuntu: sudo apt-get install --no-install-recommends$$missing" >&2; fi

# Tests on a stack wait much of their time: for a schedule, a buffer, a service. What only computes
# runs beside them and takes the time that they leave (`nice`). On your own emulator (AWS_ENDPOINT_URL)
# all run one after the other: no model is promoted yet when the integration tests begin.
test: setup apt ## run every check and every test
	@$(MAKE) -j$(if $(AWS_ENDPOINT_URL),1,5) patient="nice -n 19" \
	  integration-tests end-to-end-tests service-tests check quick-tests

# Needs neither LocalStack nor a network. The coverage is printed and is no gate.
pr: setup ## run what a pull request needs: check, docs, unit and infrastructure tests, coverage
	@$(MAKE) -j2 check docs quick-tests coverage="--cov --cov-report=term"

quick-tests: setup ## run the unit and infrastructure tests
	@$(patient) $(bin)/python -m pytest $(quick_tests) -n 2 --dist loadfile $(coverage)

# The tests of the local services use the environments and do not build them.
environments: setup ## build the environments of the local services and functions
	@$(bin)/python -m local.environments

# The integration and the end-to-end tests have a stack each.
integration-tests: environments apt ## run the tests of parts of the deployed app
	@$(bin)/python -m pytest tests/integration $(addprefix --ignore=,$(service_tests))

end-to-end-tests: environments apt ## run the tests of the whole loop
	@$(bin)/python -m pytest tests/end_to_end

service-tests: environments ## run the tests of the local services
	@$(bin)/python -m pytest $(service_tests)

check: setup synth-check ## run the linters, the type checker, the import contracts, synth-check
	@$(bin)/ruff check
	@$(bin)/ruff format --check
	@$(patient) $(bin)/mypy
	@$(bin)/lint-imports

synth-check: setup $(state)/cfn-lint/.done ## check the templates of each kind of deployment: cdk-nag, quotas, cfn-lint
	@$(patient) $(bin)/python -m tests.synth_check

bench-loop: setup ## replay whole series under several retraining policies (QUICK=1: under ten minutes; ONCE=1)
	@$(bin)/python -m tests.benchmarks.loop $(if $(QUICK),--quick --few --write --part $(if $(ONCE),once,seen) \
		$(addprefix --policy ,never calendar ours),$(if $(ONCE),--part once))

how-to: environments ## run every command of docs/first-hour.md, in a copy of the repository
	@$(bin)/python -m tests.how_to

chaos: setup ## kill and refuse everything during 10,000 requests, and count the rows
	@CHAOS_REQUESTS=10000 $(bin)/python -m pytest tests/end_to_end/test_chaos.py

reference: setup ## write the pages of docs that are generated from the code
	@$(bin)/python -m cdk.reference
	@$(bin)/python -m cdk.reference.architecture

# Only these two need the environment of the site; nothing is fetched from another host.
docs: setup $(state)/docs/.done ## build the documentation as a site, strictly, and check its links
	@$(bin)/python -m cli.reference
	@NO_MKDOCS_2_WARNING=1 $(state)/docs/bin/mkdocs build --quiet --strict
	@$(bin)/python -m tests.site_check
	@echo "The site is in $(state)/site. Show it with: make docs-serve"

docs-serve: docs ## show the documentation at http://127.0.0.1:8000 (PORT=8000)
	@echo "http://127.0.0.1:$(or $(PORT),8000), until Ctrl-C"
	@$(bin)/python -m http.server $(or $(PORT),8000) --bind 127.0.0.1 --directory $(state)/site

check-dashboards: setup ## run every query of the dashboards against the local stack
	@$(bin)/python -m dashboards.checking.check

check-grafana-schema: setup $(state)/grafana-schema/.done ## compile the dashboards against the types of the newest Grafana
	@PATH=$(bin):$$PATH $(bin)/python -m dashboards.checking.grafana_types $(state)/grafana-schema

dashboards-preview: setup ## draw each dashboard with what the local stack answers, as PNG
	@$(bin)/python -m dashboards.preview

bench-drift: setup ## compare the drift check with other tools (QUICK=1: under ten minutes)
	@$(bin)/python -m tests.benchmarks.drift $(if $(QUICK),--quick)

bench-estimation: setup ## compare the estimates without ground truth with NannyML's (QUICK=1: under ten minutes)
	@OMP_NUM_THREADS=1 $(bin)/python -m tests.benchmarks.estimation $(if $(QUICK),--quick)

bench-log: setup ## measure the request log beside DuckDB and Polars (QUICK=1: under 5 minutes; LARGE=1: the rest)
	@$(bin)/python -m tests.benchmarks.log $(if $(QUICK),--quick,$(if $(LARGE),--large))

bench-serving: setup $(addprefix $(state)/,bentoml/.done mlserver/.done) ## measure answers, servers over HTTP and cold starts (QUICK=1: under 5 minutes)
	@$(bin)/python -m tests.benchmarks.serving $(if $(QUICK),--quick)

bench-status-page: environments ## measure the status page of twenty models in Chromium (some minutes)
	@$(bin)/python -m tests.benchmarks.status_page

estimators: setup ## try every estimator and write the tables of docs/estimators.md
	@$(bin)/python -m tests.benchmarks.estimators

test-engine: environments $(state)/engine/.done ## run the lake's SQL on Apache Spark (ROWS=10000000), and the loop on queries
	@LOG_ROWS=1000000 $(bin)/python -m pytest tests/integration/test_queries_at_size.py
	@$(bin)/python -m tests.benchmarks.engine $(if $(ROWS),--rows $(ROWS))
	@$(bin)/python -m pytest tests/engine

fuzz-api: setup $(state)/schemathesis/.done ## call the API with what its OpenAPI document allows and forbids (SEEDS="1 2 3")
	@$(bin)/python -m tests.api_fuzz $(if $(SEEDS),--seed $(SEEDS))

test-clients: setup $(addprefix $(state)/,clients/.done mlserver/.done typescript/.done) ## run the clients whose packages are large: KServe, MLServer, generated ones
	@$(bin)/python -m pytest tests/clients

test-images: environments ## build the images without Docker, and run what is in them (Debian, as root)
	@$(MAKE) apt apt_packages="buildah mmdebstrap"
	@PYTHONPATH=$(CURDIR)/local/lambda_executor/src $(bin)/python -m tests.images

overload: environments ## check drift each minute on busy cores, and measure memory (MINUTES=3: the short form)
	@$(bin)/python -m tests.overload --minutes $(or $(MINUTES),20)

mutation: setup $(state)/mutmut/.done ## run mutation tests: break the code, count the breaks that tests find
	@PYTHONPATH=$(CURDIR)/$(state)/mutmut $(bin)/python -m tests.mutation $(MODULES) $(if $(DIGITS),--digits $(DIGITS))

format: setup ## format the code and apply the linters' fixes
	@$(bin)/ruff check --fix-only --exit-zero
	@$(bin)/ruff format

locks: setup ## refresh requirements/*.lock and package-lock.json
	@requirements/compile
	@$(bin)/npm install --package-lock-only --ignore-scripts
	@$(bin)/npm install --prefix tests/clients/typescript --package-lock-only --ignore-scripts
	@$(bin)/npm install --prefix dashboards/checking/schema --package-lock-only --ignore-scripts

down: ## stop the local stack
	@if [ -x $(bin)/evergreen ]; then $(bin)/evergreen down; else echo "Nothing is installed, so nothing runs."; fi

clean: ## stop the local stack and delete everything it built or recorded
	@if [ -x $(bin)/evergreen ]; then $(bin)/evergreen down --clean; fi
	@rm -rf $(state) .venv node_modules cdk.out
	@echo "Deleted: $(state) .venv node_modules cdk.out"

# uv installs everything else. It has an environment of its own.
$(bootstrap)/.done: requirements/bootstrap.lock
	@rm -rf $(bootstrap); mkdir -p $(bootstrap)
	@python=""; for candidate in python3.13 python3 python; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then \
	    python="$$candidate"; break; fi; done; \
	if [ -z "$$python" ]; then \
	  echo "Evergreen needs Python 3.13. None of python3.13, python3 and python is that version." >&2; \
	  echo "Install it with your package manager or pyenv; 'python3.13 --version' must answer." >&2; \
	  exit 1; fi; \
	echo "setup: the installer, with $$("$$python" --version)"; \
	"$$python" -m venv $(bootstrap)
	@$(bootstrap)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# A .venv that is a link belongs to another copy of the repository. It stays as it is, and this copy's
# code comes before that of the other one.
ifneq ($(shell readlink .venv),)
export PYTHONPATH := $(CURDIR):$(CURDIR)/layers/evergreen/python
.venv/.done: ;
else
# An environment without its stamp was interrupted. It is deleted, because uv may take a
# half-installed package for a complete one.
.venv/.done: requirements/dev.lock pyproject.toml | $(bootstrap)/.done
	@echo "setup: the Python environment in .venv (2.3 GB, some minutes the first time)"
	@[ -e $@ ] || rm -rf .venv; rm -f $@
	@$(uv) venv --quiet --allow-existing --python $(bootstrap)/bin/python .venv
	@$(uv) pip sync --quiet --require-hashes --python $(bin)/python $<
	@$(uv) pip install --quiet --no-deps --no-build-isolation --python $(bin)/python -e .
	@touch $@
endif

$(state)/mutmut/.done: requirements/mutation.lock | .venv/.done
	@echo "setup: mutmut, beside the environment"
	@rm -rf $(state)/mutmut
	@$(uv) pip install --quiet --require-hashes --python $(bin)/python --target $(state)/mutmut -r $<
	@touch $@

$(state)/cfn-lint/.done: requirements/cfn-lint.lock | .venv/.done
	@echo "setup: cfn-lint, beside the environment"
	@rm -rf $(state)/cfn-lint
	@$(uv) pip install --quiet --require-hashes --python $(bin)/python --target $(state)/cfn-lint -r $<
	@touch $@

# Each of these has an environment of its own, built from the lock of its name.
beside := bentoml clients docs engine mlserver schemathesis
$(beside:%=$(state)/%/.done): $(state)/%/.done: requirements/%.lock | .venv/.done
	@echo "setup: the environment $*, beside the developer's$(if $(filter engine,$*), (500 MB))"
	@rm -rf $(state)/$*
	@$(uv) venv --quiet --python $(bootstrap)/bin/python $(state)/$*
	@$(uv) pip sync --quiet --require-hashes --python $(state)/$*/bin/python $<
	@touch $@

$(state)/typescript/.done: tests/clients/typescript/package-lock.json | .venv/.done
	@echo "setup: the tools of TypeScript in a folder of their own"
	@rm -rf $(@D); mkdir -p $(@D); cp tests/clients/typescript/package*.json $(@D)
	@$(bin)/npm ci --prefix $(@D) --loglevel=error --ignore-scripts
	@touch $@

$(state)/grafana-schema/.done: dashboards/checking/schema/package-lock.json | .venv/.done
	@echo "setup: Grafana's types in a folder of their own"
	@rm -rf $(@D); mkdir -p $(@D); cp dashboards/checking/schema/package*.json $(@D)
	@$(bin)/npm ci --prefix $(@D) --loglevel=error --ignore-scripts
	@touch $@

node_modules/.done: package-lock.json | .venv/.done
	@echo "setup: the CDK command line in node_modules"
	@$(bin)/npm ci --loglevel=error --ignore-scripts
	@touch $@
