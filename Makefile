# `make quickstart` and `make test` are what most people want; `make help` lists the rest.

TEST = cargo $(if $(shell command -v cargo-nextest),nextest run,test) --locked

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

.PHONY: quickstart
quickstart: ## from nothing to two booted kernels and a coverage table
	@scripts/quickstart

.PHONY: deps
deps: ## install what the tests need from Debian
	@scripts/install-debian-packages nix build boot kernel

.PHONY: test
test: deps lint ## the default test suite, one real cell from pins to boot included
	$(TEST)

.PHONY: lint
lint: ## formatting and clippy
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

.PHONY: check
check: ## kflake's own checks on the matrix data
	cargo run --locked -q -- check

.PHONY: bench
bench: ## how fast the catalog and the resolver are
	cargo bench --locked --bench matrix

FUZZ_SECONDS = 1800

.PHONY: fuzz
fuzz: ## mutate data, versions and Nix strings for FUZZ_SECONDS (1800)
	nice cargo run --locked --release --example fuzz -- --seconds $(FUZZ_SECONDS)
