# `make quickstart` and `make test` are what most people want; `make help` lists the rest.

PREFIX = /usr/local

# What tests could not run, for want of a tool.
PASSED_OVER = $(or $(CARGO_TARGET_DIR),target)/tmp/passed-over

TEST = cargo $(if $(shell command -v cargo-nextest),nextest run,test) --locked

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

.PHONY: quickstart
quickstart: ## from nothing to two booted kernels and a coverage table
	@scripts/quickstart

.PHONY: install
install: ## build kflake, and install it with manual and completions (PREFIX=/usr/local, DESTDIR=)
	cargo build --release --locked
	PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) scripts/install $(or $(CARGO_TARGET_DIR),target)/release/kflake

.PHONY: deps
deps: ## install what the tests need from Debian
	@scripts/install-debian-packages nix kernel test

.PHONY: test
test: deps lint check ## the default test suite, one real cell from pins to boot included
	@rm -f $(PASSED_OVER)
	$(TEST)
	@if [ -e $(PASSED_OVER) ]; then echo; cat $(PASSED_OVER); fi

.PHONY: test-hermetic
test-hermetic: ## the tests that need no Nix, no root and no network (two minutes)
	@scripts/test-hermetic

.PHONY: test-nix
test-nix: deps ## the tests that build small things with Nix
	cargo nextest run --locked --profile nix

.PHONY: test-real
test-real: deps ## the tests that build and boot real kernels
	cargo nextest run --locked --profile real

.PHONY: test-containers
test-containers: ## images with Debian's podman, skopeo and umoci, and a registry: a kernel built and booted (root; ten minutes)
	@scripts/install-debian-packages nix kernel containers
	cargo test --locked --test containers -- --ignored --nocapture --test-threads=1

.PHONY: test-sysext
test-sysext: ## a system extension merged by systemd-sysext (root, loop devices, and Debian's systemd)
	cargo test --locked --test extension -- --ignored

.PHONY: lint
lint: ## formatting and clippy
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

.PHONY: msrv
msrv: ## whether the oldest Rust that Cargo.toml names builds everything (run it with that toolchain)
	cargo check --locked --all-targets

.PHONY: check
check: ## kflake's own checks on the matrix data, and whether docs/coverage.md says what it measured
	cargo run --locked -q -- check
	cargo run --locked -q -- report coverage --check docs/coverage.md

.PHONY: architecture
architecture: ## bring the table of docs/architecture.md up to date
	KFLAKE_WRITE_DOCS=1 cargo test --locked -q --test architecture the_page

.PHONY: test-browser
test-browser: ## the HTML report in a real browser
	@scripts/install-debian-packages browser
	cargo build --locked
	cd tests/browser && npm ci --no-audit --no-fund && npm test

.PHONY: sweep
sweep: ## every arch on the kernels that Debian ships, or on KERNELS="6.1 linux-4.4.178.tar.gz …": a coverage page (two hours)
	@scripts/sweep $(KERNELS)

.PHONY: bench
bench: bench-matrix bench-engine bench-build ## how fast it all is

.PHONY: bench-matrix
bench-matrix: ## the catalog, the resolver and gen, in Rust and in Nix
	cargo bench --locked --bench matrix
	cargo bench --locked --bench resolve_in_nix

.PHONY: bench-engine
bench-engine: ## a run of 300 cells beside a bare nix-build
	cargo test --locked --release --test engine -- --ignored --exact fleet::costs --nocapture

.PHONY: bench-build
bench-build: ## kflake build of a kernel beside a bare make, and TuxMake
	@scripts/bench-build

.PHONY: guide
guide: ## run docs/guide.md with a real kernel
	cargo test --locked --test guide -- --ignored --nocapture

.PHONY: reproducible
reproducible: ## build a real kernel twice, and compare every file
	cargo test --locked --test reproducible -- --ignored

.PHONY: hermetic
hermetic: ## the same kernels by other host tools and another Nix, compared byte for byte (FILES="linux-2.6.31.tar.gz …")
	@scripts/hermetic $(FILES)

.PHONY: nixpkgs-contract
nixpkgs-contract: ## what kflake's Nix asks of nixpkgs, held against a checkout of it (NIXPKGS=DIR)
	@scripts/nixpkgs-contract $(NIXPKGS)

.PHONY: dkms-modules
dkms-modules: ## build v4l2loopback of its -dkms package for arm64 and mipsel
	scripts/dkms-modules

.PHONY: sdk-projects
sdk-projects: ## cross-build three projects with an SDK for arm64 and mipsel, and run them
	scripts/sdk-projects

FUZZ_SECONDS = 1800

.PHONY: attack
attack: ## try to make kflake lie, panic or touch what is not its own: a table of families, tries and breaks
	@scripts/attack

.PHONY: kill-test
kill-test: ## kill commands at random moments, KILLS times (100), and look at what is left: a table (half an hour)
	@scripts/kill-test

.PHONY: fuzz
fuzz: ## mutate data, reports, logs and whatever else kflake reads for FUZZ_SECONDS (1800)
	nice cargo run --locked --release --example fuzz -- --seconds $(FUZZ_SECONDS)

.PHONY: sweep-source
sweep-source: ## build musl compilers from Debian's sources, run their programs, boot a kernel
	@scripts/sweep-source

PROJECT = out/validate-bands

.PHONY: validate-bands
validate-bands: ## build the stock kernel of every era; what is not reachable is named (PROJECT=DIR)
	@mkdir -p $(PROJECT)
	cargo run --release --locked -q -- -C $(PROJECT) validate --bands --packages debian --retries 0
