# What people and CI call; `make demo` and `make test` need nothing else to be set up.
CARGO ?= cargo
# `make demo` in a pipe or in CI ends by itself; on a terminal it goes on until Ctrl-C.
DEMO_ARGS ?= $(shell [ -t 1 ] || echo --exit-when-drained)
# The same set of features everywhere, so that nothing is compiled twice.
FEATURES := --features broker-tests,crash-points

.PHONY: demo test faults build fmt lint bench schemas setup model

setup:
	@scripts/prerequisites.sh
	@scripts/onnxruntime.sh

demo: setup
	@$(CARGO) run --locked --quiet $(FEATURES) --bin undertone -- demo $(DEMO_ARGS)

test: setup
	$(CARGO) test --locked $(FEATURES)

# The part of `make test` that injures worker and brokers, with what it measured. UNDERTONE_FAULTS=long for the long form.
faults: setup
	$(CARGO) test --locked $(FEATURES) --test faults --test crash_points -- --nocapture

build: setup
	$(CARGO) build --locked --release

fmt:
	$(CARGO) fmt

lint: setup
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets $(FEATURES) -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny check bans licenses sources; \
	else echo "cargo-deny is not installed, its check is skipped: cargo install --locked cargo-deny" >&2; fi

# The whole worker on a real Kafka; writes docs/performance.md. The rooms one by one: cargo bench --bench rooms
bench: setup
	$(CARGO) bench --locked --bench throughput

# The published JSON Schemas as files; tests/schemas.rs compares them with the code.
schemas:
	@for name in $$($(CARGO) run --locked --quiet $(FEATURES) --bin undertone -- schema | cut -d' ' -f1); do \
	$(CARGO) run --locked --quiet $(FEATURES) --bin undertone -- schema $$name > schemas/$$name.json; done

model:
	training/run.sh
