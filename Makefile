# The verbs a person types. A fresh machine has Rust, Python 3.11 and Node 20; whatever more is needed comes from the
# package registries, into this folder.

.DEFAULT_GOAL := help
BIN := target/debug/voicebridge

.PHONY: help
help: ## what can be done
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: build
build: ## the Lambda binaries, the relay and the workshop, as `run`, `demo` and `test` use them
	cargo build --locked --workspace --bins

.PHONY: run
run: build ## the cloud on this laptop, at http://localhost:8787 (PORT)
	$(BIN) serve

.PHONY: demo
demo: build ## one simulated call: greeting, tool call, barge-in; transcript here, recording at the end
	$(BIN) demo

.PHONY: test
test: contract-deps ## everything, without a network
	cargo build --locked --workspace --bins
	cargo test --locked --workspace

.PHONY: check
check: .tools/bin/cargo-deny ## format, lints, licences and duplicates, documentation
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo fetch --locked --quiet
	.tools/bin/cargo-deny --offline check bans licenses sources
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

.PHONY: bench
bench: ## what a frame costs and what a relay carries, stripped release; writes bench/RESULTS.md
	cargo build --locked --release --workspace --bins
	target/release/bench

# What the contract tests compare us with: Twilio's Python SDK and a mock server that knows its OpenAPI description.
# A stamp is as new as the list of pins it was made from.
.PHONY: contract-deps
contract-deps: .venv/stamp contract/node_modules/.stamp

.venv/stamp: contract/requirements.txt
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

contract/node_modules/.stamp: contract/package.json contract/package-lock.json
	npm ci --prefix contract --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

.tools/bin/cargo-deny:
	cargo install cargo-deny --locked --version 0.20.2 --root .tools
