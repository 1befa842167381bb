# Every target says what it does; `make` alone lists them.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
# Two at a time on small machines: a link needs about a gigabyte.
export CARGO_BUILD_JOBS ?= 2

.PHONY: help demo test test-fast test-e2e test-chart test-docs test-delivery image reproducible supply-chain test-canary test-model test-verdicts gitops test-crash-few test-crash test-sdk fuzz lint bench control-plane manifests

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: ## watch the product: a share is created, changed and deleted, on a real API server
	@tests/demo/run.sh

test: lint test-fast test-model test-verdicts test-e2e test-crash-few test-chart test-docs test-sdk demo ## everything that CI runs

test-fast: ## what needs no control plane: about a minute
	@echo "== tests without a control plane"
	cargo test --locked --workspace --lib --bins --test house --test http --test simulator --test wire --test telemetry --test fuzz --test memory

test-e2e: ## whole flows on a real API server (built once: some minutes)
	@echo "== the control plane"
	tests/control-plane/build.sh
	@echo "== whole flows on a real API server"
	cargo test --locked --test e2e -- --show-output

test-chart: ## the chart by the real Helm, and all manifests, on a real API server: a minute, 4 the first time
	@echo "== the chart, by the real Helm"
	@tests/control-plane/build.sh > /dev/null
	cargo test --locked --test delivery -- --show-output --skip promtool

test-docs: ## every command and manifest of the documentation is run, and every link followed: about two minutes
	@echo "== the documentation"
	@tests/control-plane/build.sh > /dev/null
	cargo test --locked --test docs -- --show-output

test-delivery: ## the same, and alerts and dashboard by promtool, which takes 6 minutes to build
	@tests/control-plane/build.sh > /dev/null
	cargo test --locked --test delivery -- --show-output

image: ## the image for amd64 and arm64 without a container engine, looked at and run: half an hour the first time
	@tests/control-plane/build.sh > /dev/null
	deploy/image/build.sh
	cargo test --locked --test delivery image -- --show-output --include-ignored

reproducible: ## two release builds of this commit, compared byte by byte
	deploy/image/reproducible.sh

supply-chain: ## deny.toml: TLS stacks, licences, sources, known faults; builds cargo-deny the first time
	deploy/release/supply-chain.sh

test-canary: ## the suite at TRACE: no piece of a secret is in any log, event, status, ledger or share: half an hour
	@tests/control-plane/build.sh > /dev/null
	CANARY=1 cargo test --locked --test e2e -- --show-output

test-model: ## every state of a small world, and bad rules found out: about two minutes
	@echo "== every state of a small world"
	cargo test --locked --profile model --test model -- --show-output --test-threads 1

test-verdicts: ## what kstatus (Flux, Helm) and Argo CD make of every status: seconds, once their code is built
	@echo "== what Flux, Helm and Argo CD make of every status"
	cargo test --locked --test verdicts -- --show-output

gitops: ## with the real Flux and Argo CD's comparison: two minutes, and the first time ten to forty to build them
	@tests/control-plane/build.sh > /dev/null
	@for tool in registry argocd flux-source flux-kustomize flux-helm; do tests/tools/build.sh $$tool > /dev/null; done
	@echo "== beside the real Flux and Argo CD"
	cargo test --locked --test gitops -- --show-output

test-crash-few: ## the operator is killed at a few points of each of its ways: about a minute
	@echo "== the operator is killed, at some points"
	@tests/control-plane/build.sh > /dev/null
	cargo test --locked --test crash -- --show-output

test-crash: ## the operator is killed before, at and after each of its effects: some minutes
	@echo "== the operator is killed, at every point"
	@tests/control-plane/build.sh > /dev/null
	CRASH_POINTS=all cargo test --locked --test crash -- --show-output

test-sdk: ## the official Python SDKs for SWR, IAM and STS against the simulator
	@echo "== the official Python SDKs against the simulator"
	cargo build --locked --bin imageshare
	tests/sdk/run.sh

fuzz: ## every fuzz target under libFuzzer, FUZZ_SECONDS (600) each; needs nightly and cargo-fuzz
	@tests/fuzz/run.sh

lint: ## formatting, clippy, documentation
	@echo "== formatting, clippy, documentation"
	cargo fmt --all -- --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
	@! cargo tree --locked --edges normal --invert aws-lc-rs 2>/dev/null | grep . || { echo "a second TLS provider is in the tree"; exit 1; }

bench: ## time, CPU, memory and calls beside a bare loop and other operators: ten minutes; BENCH=full: an hour
	@tests/control-plane/build.sh > /dev/null
	cargo build --release --locked --package imageshare-operator --package imageshare-bench
	@target/release/imageshare-bench

control-plane: ## start a real API server to play with; Ctrl-C ends it
	@binary=$$(tests/control-plane/build.sh); \
	echo "kubectl: export KUBECONFIG=<kubeconfig below>; $${binary%/*}/kubectl get namespaces" >&2; \
	exec "$$binary" serve

manifests: ## write anew what is made from the chart and from src/api.rs
	deploy/manifests.sh
	cargo test --locked --quiet --test docs write_the_reference -- --ignored
