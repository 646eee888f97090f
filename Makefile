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
run: build web ## the cloud on this laptop, at http://localhost:8787 (PORT)
	$(BIN) serve

# What is there already gets another version; the one before can be restored (docs/OPERATIONS.md).
AGENTS ?= examples/agents
URL ?= http://localhost:8787
export CONSOLE_TOKEN
.PHONY: agents
agents: ## puts the agents of a folder (AGENTS=examples/agents) where URL says; CONSOLE_TOKEN opens it
	@put() { printf 'header = "authorization: Bearer %s"\n' "$$CONSOLE_TOKEN" | curl --config - --silent --show-error \
		--request PUT --header 'content-type: application/yaml' --write-out '\n%{http_code}' "$$@"; }; \
	for agent in $(AGENTS)/*.yaml; do \
		url="$(URL)/api/agents/$$(basename "$$agent" .yaml)"; \
		answer=$$(put --data-binary "@$$agent" "$$url"); \
		case "$$answer" in *428) answer=$$(put --data-binary "@$$agent" --header 'if-match: *' "$$url");; esac; \
		case "$$answer" in *200|*201) echo "$$agent is there";; *) echo "$$agent: $$answer" >&2; exit 1;; esac; \
	done

# What the console is made of, and whether it is built from that.
CONSOLE_SOURCES := $(shell find web/src -type f 2>/dev/null) $(wildcard examples/agents/*.yaml) web/index.html web/vite.config.ts
.PHONY: web
web: web/dist/.stamp ## the console, into web/dist, from where `run` serves it

web/dist/.stamp: web/node_modules/.stamp $(CONSOLE_SOURCES)
	npm run --prefix web --silent build -- --logLevel warn
	node web/scripts/budget.mjs
	touch $@

%/node_modules/.stamp: %/package.json %/package-lock.json
	npm ci --prefix $* --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

# What the API says, as the console knows it: made of docs/openapi.json, which is made of the Rust types.
API_TYPES = web/openapi/node_modules/.bin/openapi-typescript docs/openapi.json --default-non-nullable=false --output
.PHONY: web-types
web-types: web/openapi/node_modules/.stamp ## web/src/api/schema.ts, after the API has changed
	$(API_TYPES) web/src/api/schema.ts

.PHONY: check-web
check-web: web/node_modules/.stamp web/openapi/node_modules/.stamp
	mkdir -p target/web
	$(API_TYPES) target/web/schema.ts >/dev/null
	diff web/src/api/schema.ts target/web/schema.ts >/dev/null || { echo "web/src/api/schema.ts is not made of docs/openapi.json: make web-types" >&2; exit 1; }
	npm run --prefix web --silent types
	npm run --prefix web --silent lint

# Debian's own browser, because nothing is to be had from anywhere else; CHROMIUM names another.
CHROMIUM ?= /usr/bin/chromium
export CHROMIUM
.PHONY: test-web
test-web: web ## the console: its logic, and all of it in a browser
	@test -x $(CHROMIUM) || { echo "a browser is needed: apt-get install chromium, or CHROMIUM=…" >&2; exit 1; }
	npm run --prefix web --silent unit
	npm run --prefix web --silent e2e -- --project=tests

.PHONY: screens
screens: build web ## a picture of every page of the console, into docs/screens
	npm run --prefix web --silent e2e -- --project=screens

SCENARIO ?= pharmacy
.PHONY: demo
demo: build ## one simulated call (SCENARIO=pharmacy, hold-music, transfer, conference, or dtmf: keys and hold); transcript here, recording at the end
	$(BIN) demo --scenario $(SCENARIO)

.PHONY: chaos
chaos: build ## 60 calls while relays and more die (CHAOS="--faults kill --seed 7", --rolling, --soak 30m); a verdict on each
	$(BIN) chaos $(CHAOS)

.PHONY: test
test: contract-deps ## everything, without a network
	cargo build --locked --workspace --bins
	cargo test --locked --workspace
	$(MAKE) test-web

.PHONY: check
check: .tools/bin/cargo-deny check-infra check-web ## format, lints, licences and duplicates, documentation, templates
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo fetch --locked --quiet
	.tools/bin/cargo-deny --offline check bans licenses sources
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

# Seconds for each target; of all of them, or of those in TARGETS. An input that breaks one stays in target/fuzz/broken.
SECONDS ?= 15
.PHONY: fuzz
fuzz: .tools/bin/cargo-fuzz ## any bytes at all to every reader that the network reaches (SECONDS=600 looks longer)
	RUSTC_BOOTSTRAP=1 .tools/bin/cargo-fuzz fuzz build --sanitizer none --target-dir target/fuzz
	fuzz/run.sh $(SECONDS) $(TARGETS)

.PHONY: fuzz-keep
fuzz-keep: ## adds to fuzz/corpus what the last `make fuzz` has found of use
	fuzz/run.sh --keep $(TARGETS)

.PHONY: bench
bench: ## what a frame costs and what a relay carries, stripped release; writes bench/RESULTS.md
	cargo build --locked --release --workspace --bins
	target/release/bench

# Amazon's tools, telling nobody that they are used.
export SAM_CLI_TELEMETRY := 0
SAM := PATH="$(CURDIR)/.tools/infra/bin:$$PATH" .tools/infra/bin/sam
REGION ?= us-east-1

.PHONY: check-infra
check-infra: .tools/infra/stamp .tools/lint/stamp .tools/emulator/stamp
	.tools/infra/bin/cfn-lint infra/*.yaml
	$(SAM) validate --lint --region $(REGION)
	.tools/lint/bin/checkov --file template.yaml infra/*.yaml --compact --quiet --skip-download
	.tools/infra/bin/python -m unittest discover -s infra/tests

.PHONY: package
package: .tools/infra/stamp ## what goes to the cloud, into .aws-sam
	$(SAM) build --region $(REGION)
	.tools/infra/bin/python infra/sizes.py

.PHONY: invoke
invoke: .tools/infra/stamp .tools/emulator/stamp ## each packaged function under AWS's own runtime emulator
	.tools/infra/bin/python infra/invoke.py

.PHONY: stack
stack: build .tools/infra/stamp .tools/emulator/stamp ## deploys the package to an emulator of AWS, and makes a call
	.tools/emulator/bin/python infra/stack/test_stack.py

# What CloudFormation makes, and then what it has no word for: the console's files. CONFIG is a part of samconfig.toml.
CONFIG ?= default
STACK ?= $(shell sed -n '/^\[$(CONFIG)\.global\.parameters]/,/^$$/s/^stack_name = "\(.*\)"/\1/p' samconfig.toml)
.PHONY: deploy
deploy: package ## to the cloud: the stack, and its console (CONFIG=staging, prod; the first time CONFIG=… GUIDED=1)
	$(SAM) deploy --config-env $(CONFIG) $(if $(GUIDED),--guided) $(if $(AWS_REGION),,--region $(REGION))
	$(MAKE) console

.PHONY: console
console: web .tools/infra/stamp ## the console's files alone, to where STACK serves them from
	.tools/infra/bin/python infra/put_console.py --stack $(STACK) $(if $(AWS_REGION),,--region $(REGION))

.PHONY: doctor
doctor: .tools/infra/stamp ## what a deployed STACK gets wrong, each with its mend
	.tools/infra/bin/python infra/doctor.py --stack $(STACK) $(if $(AWS_REGION),,--region $(REGION))

.PHONY: number
number: .tools/infra/stamp ## points Twilio's NUMBER at STACK; UNDO=1 puts it back
	.tools/infra/bin/python infra/point_number.py --stack $(STACK) $(if $(AWS_REGION),,--region $(REGION)) $(NUMBER) $(if $(UNDO),--undo)

# Three environments, because their tools do not agree on their libraries' versions.
.tools/%/stamp: infra/requirements/%.txt
	python3 -m venv .tools/$*
	.tools/$*/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# What the contract tests compare us with: Twilio's Python SDK and a mock server that knows its OpenAPI description.
# A stamp is as new as the list of pins it was made from.
.PHONY: contract-deps
contract-deps: .venv/stamp contract/node_modules/.stamp

.venv/stamp: contract/requirements.txt
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

.tools/bin/cargo-deny:
	cargo install cargo-deny --locked --version 0.20.2 --root .tools

.tools/bin/cargo-fuzz:
	cargo install cargo-fuzz --locked --version 0.13.2 --root .tools
