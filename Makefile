# Everything that is done often. `make` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Outside the clone, so that fresh clones find compiled dependencies.
CACHE := $(if $(SLUICE_CACHE),$(SLUICE_CACHE),$(HOME)/.cache/sluice)
export CARGO_TARGET_DIR ?= $(CACHE)/target

# The names by which the multi-call binary is called. scripts/image reads this line.
CONTROLLERS := source-controller source-watcher kustomize-controller helm-controller notification-controller image-reflector-controller image-automation-controller

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' | sed 's/ *$$//'

.PHONY: setup
setup: ## Check that the needed tools are there; as root on Debian, install those that are missing
	@scripts/setup

.PHONY: build
build: setup ## Build the release binaries into bin/
	cargo build --release --locked --package sluice-multicall --package sluice-cli
	@mkdir -p bin
	@install -m 755 "$(CARGO_TARGET_DIR)/release/sluice-controllers" "$(CARGO_TARGET_DIR)/release/sluice" bin/
	@for name in $(CONTROLLERS); do ln -sf sluice-controllers "bin/$$name"; done
	@ls -l bin

.PHONY: controlplane
controlplane: setup ## Build the test control plane (about five minutes, once) and print its path
	@scripts/build-controlplane

.PHONY: image
image: build ## Write the controllers' images to bin/sluice-images.tar, without a container engine; TAG=latest
	@scripts/image --tag "$(if $(TAG),$(TAG),latest)"

.PHONY: demo
demo: build ## Show the main job on this machine; KEEP=1 leaves it running
	@e2e/demo/run $(if $(KEEP),--keep)

.PHONY: dev
dev: setup ## Run a control plane and the controllers, rebuilt and restarted when a source changes
	@e2e/dev

.PHONY: test
test: setup ## Run every test: crates, controllers on a real API server, conformance; ONLY=crates, kustomize, traces or notify for a part
	@e2e/test $(ONLY)

.PHONY: check
check: setup ## Check format, lints, generated files, layers and licences
	@scripts/check

.PHONY: crds
crds: setup ## Generate config/crd from the API types
	cargo xtask crds

.PHONY: clean
clean: ## Remove what was built, except the control plane
	rm -rf bin .demo
	cargo clean
