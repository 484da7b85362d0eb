# The two commands of a newcomer are `make run` and `make test`.

.DEFAULT_GOAL := help
.PHONY: help install-dependencies build run test bench lint format clean

SWIFT_SOURCES := Sources Tests Benchmarks Package.swift

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install-dependencies: ## install the system packages that are missing, check the Swift toolchain
	@scripts/install-dependencies

build: install-dependencies ## build everything in release
	swift build -c release

run: build ## start a local MongoDB, replay a sample feed into it, say what to type next
	@scripts/run-sample

test: build ## run all tests (the system tests use the release binary and a mongod of their own)
	@mongod=$$(scripts/local-mongo binary) && export TAPEDESK_MONGOD="$$mongod" TAPEDESK_OPTIMIZED_TESTS=1 && \
		swift test --parallel

bench: build ## measure against the budgets and against peers
	@Benchmarks/run

lint: ## check the format of all Swift sources
	swift format lint --strict -r $(SWIFT_SOURCES)

format: ## format all Swift sources in place
	swift format -i -r $(SWIFT_SOURCES)

clean: ## stop the local MongoDB, delete everything that was built, generated or stored
	@scripts/local-mongo down
	rm -rf .build .local
