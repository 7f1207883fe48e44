# The front door: `make` lists what there is. Longer scripts are in hack/, versions in versions.env.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --warn-undefined-variables --no-builtin-rules
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

include versions.env
export $(shell sed -n 's/^\([A-Z_]*\) ?=.*/\1/p' versions.env)

# An interpreter to use instead of the first one on PATH that is new enough.
PYTHON ?=
export PYTHON
# With it, every process would compile everything it imports again.
unexport PYTHONDONTWRITEBYTECODE
# What is passed on to the program behind `make run`, `make test`, `make lint`.
ARGS ?=
# One row of `make bench`, by name.
ONLY ?=
# The local cluster: its name, the ports on 127.0.0.1 that it answers on, and its mesh (none or istio).
KIND_CLUSTER ?= tradewind
HTTP_PORT ?= 8080
HTTPS_PORT ?= 8443
MESH ?= istio
export KIND_CLUSTER HTTP_PORT HTTPS_PORT MESH
# How many test processes run at once; the order of files is the root conftest's.
JOBS ?= 3
parallel := -n $(JOBS) --dist loadfile --no-loadscope-reorder

# The interpreter of .venv, never a script of it: those hold an absolute path, which may hold a space.
python := .venv/bin/python
services := $(sort $(notdir $(patsubst %/service.yaml,%,$(wildcard services/*/service.yaml))))

# What the tests of a deployed system know of it.
in_cluster = env BASE_URL=http://127.0.0.1:$(HTTP_PORT) CORS_ORIGIN=https://shop.example \
  KUBECONFIG=$(CURDIR)/.kind/$(KIND_CLUSTER)/kubeconfig $$(cat .kind/$(KIND_CLUSTER)/admin.env 2>/dev/null)

# One of the chassis' commands for every service; what one says does not keep the next from speaking.
each_service = failed=; for name in $(services); do SERVICE=$$name $(python) -m chassis $(1) || failed=1; done; [ -z "$$failed" ]

##@ Run

.PHONY: run
run: .installed-run ## Start the whole system on this machine: http://127.0.0.1:8000 (ARGS='--port 9000')
	@exec $(python) -m tradewind up $(ARGS)

.PHONY: doctor
doctor: .installed-run ## Say whether this machine has what Tradewind needs
	@$(python) -m tradewind doctor $(ARGS)

##@ Check

.PHONY: check
check: lint verify test ## Everything CI asks for: lint, verify, test

.PHONY: test
test: .installed-dev ## Run the tests (ARGS='-k refresh services/auth', JOBS=6)
	@$(python) -m pytest $(parallel) $(ARGS)

.PHONY: fuzz
fuzz: export FUZZ_SECONDS := $(or $(value SECONDS),300)
fuzz: .installed-dev ## Throw generated requests at every service (SECONDS=300)
	@$(python) -m pytest $(parallel) tests/fuzz $(ARGS)

.PHONY: chaos
chaos: .installed-dev ## Buy while processes are killed, then look at the books (ORDERS=500 KILLS=60 SEED=1)
	@$(python) -m tests.chaos --orders $(or $(value ORDERS),500) --kills $(or $(value KILLS),60) --seed $(or $(value SEED),1)

.PHONY: lint
lint: .installed-dev ## Check style, types and who imports whom
	@$(python) -m ruff format --check .
	@$(python) -m ruff check .
	@$(python) -m mypy
	@$(python) hack/imports.py

.PHONY: format
format: .installed-dev ## Rewrite the sources the way `make lint` wants them
	@$(python) -m ruff format .
	@$(python) -m ruff check --fix .

##@ Generated files

.PHONY: generate
generate: generate-routes generate-openapi generate-events generate-benchmarks generate-charts generate-problems ## Write every generated file anew

.PHONY: verify
verify: verify-routes verify-openapi verify-events verify-benchmarks verify-charts verify-problems verify-requirements ## Say which generated file is not current

.PHONY: generate-routes verify-routes
generate-routes: .installed-dev ## Gateway routes and auth's clients and scopes, from every service.yaml
	@$(python) hack/generate.py
verify-routes: .installed-dev
	@$(python) hack/generate.py --check

.PHONY: generate-openapi verify-openapi
generate-openapi: .installed-dev ## Each service's openapi.json; a breaking change is refused
	@$(call each_service,openapi)
verify-openapi: .installed-dev
	@$(call each_service,openapi --check)

.PHONY: generate-events verify-events
generate-events: .installed-dev ## Schemas of the events each service tells; a breaking change is refused
	@$(call each_service,schemas)
verify-events: .installed-dev
	@$(call each_service,schemas --check)

.PHONY: generate-charts verify-charts
generate-charts: .installed-dev ## Each chart's values.schema.json and README.md, from its commented values
	@$(python) hack/charts.py
verify-charts: .installed-dev
	@$(python) hack/charts.py --check

.PHONY: generate-benchmarks verify-benchmarks
generate-benchmarks: .installed-dev ## The table of docs/benchmarks.md, from bench/results.json
	@$(python) bench/run.py --table
verify-benchmarks: .installed-dev
	@$(python) bench/run.py --check

.PHONY: generate-problems verify-problems
generate-problems: .installed-dev ## The list in docs/problems, from its pages
	@$(python) hack/problems.py
verify-problems: .installed-dev
	@$(python) hack/problems.py --check

.PHONY: requirements verify-requirements
requirements: ## Compile requirements/ from the pyprojects (needs uv)
	@hack/requirements.sh
verify-requirements: .installed-dev
	@$(python) hack/pins.py

##@ Cluster

.PHONY: kind-up
kind-up: ## Make the local cluster, with Gateway API, metrics and mesh (KIND_CLUSTER, HTTP_PORT, HTTPS_PORT, MESH=none)
	@hack/cluster.sh up

.PHONY: mesh-up
mesh-up: ## Install the mesh into it, or bring it up to date; kind-up does it too
	@hack/cluster.sh mesh

.PHONY: images
images: ## Build an image of each service
	@hack/cluster.sh images

.PHONY: load
load: ## Give the nodes the images that this machine has
	@hack/cluster.sh load

.PHONY: prepare
prepare: .installed-dev charts-deps ## Make what comes before the charts: namespaces, secrets, values; deploy does it too
	@hack/cluster.sh prepare

.PHONY: deploy
deploy: .installed-dev charts-deps images load ## Build, load and install the system (MESH=none)
	@hack/cluster.sh deploy

.PHONY: e2e
e2e: .installed-dev ## Run the journeys and the cluster's own tests against what `make deploy` installed
	@$(in_cluster) $(python) -m pytest tests/e2e/journeys tests/e2e/cluster -m 'not rotation' $(ARGS)

.PHONY: e2e-rotation
e2e-rotation: .installed-dev ## Replace the signing key under load, through the ingress; takes a quarter of an hour
	@$(in_cluster) $(python) -m pytest tests/e2e/cluster -m rotation $(ARGS)

.PHONY: kind-down
kind-down: ## Remove the local cluster and everything in it
	@hack/cluster.sh down

.PHONY: charts-deps
charts-deps: ## Put the library chart into each chart that uses it
	@hack/vendor.sh

##@ Compose

.PHONY: compose-up
compose-up: .installed-run images ## Run the same images with Docker Compose: http://127.0.0.1:8080 (HTTP_PORT)
	@$(python) hack/credentials.py compose --state .compose
	@docker compose up --detach --wait

.PHONY: compose-down
compose-down: ## Stop what compose-up started; `docker compose down -v` also removes its data
	@docker compose down

##@ Measure

.PHONY: bench
bench: .installed-dev ## Measure each row of docs/benchmarks.md here, both sides (ONLY=gateway)
	@$(python) bench/run.py $(if $(ONLY),--only $(ONLY)) $(ARGS)

##@ Keep house

.PHONY: clean
clean: ## Remove caches and build output; .venv and the local system's data stay
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis dist
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

.PHONY: help
help: ## List what make can do
	@awk 'BEGIN { FS = ":.*## "; print "make <task>" } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  %-20s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: .installed-run .installed-dev
.installed-run:
	@hack/install.sh run
.installed-dev:
	@hack/install.sh dev
