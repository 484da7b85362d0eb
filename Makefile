# The two commands of a newcomer are `make run` and `make test`.

.DEFAULT_GOAL := help
.PHONY: help install-dependencies build run test soak bench lint format build-install install uninstall clean

SWIFT_SOURCES := Sources Tests Benchmarks Package.swift
PREFIX ?= /usr/local

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install-dependencies: ## install the system packages that are missing, check the Swift toolchain
	@scripts/install-dependencies

build: install-dependencies ## build everything in release
	swift build -c release

run: build ## start a local MongoDB, show a replay, the desk, and a live market until Ctrl-C
	@scripts/run-sample

# Tests are built like the programs, and with them, so that everything is built once. Some have the machine for
# themselves, one after the other: what kills servers and programs, and waits for them, is not to be starved, and long
# simulations are not to starve what waits. What hangs is ended, and fails.
ALONE := SystemTests|ReplicaSetTests|LinearizabilityTests|LinearizabilityPropertyTests|LeaseSimulationTests
ALONE := $(ALONE)|NewerProgramStormTests|KeptConnectionsTests
test: install-dependencies ## run all tests (the system tests run the programs, and a mongod of their own)
	@set -e; TAPEDESK_MONGOD=$$(scripts/local-mongo binary); TAPEDESK_TESTABLE=1; \
		export TAPEDESK_MONGOD TAPEDESK_TESTABLE; \
		swift build -c release --build-tests; \
		failed=0; \
		timeout -s INT -k 10 1200 swift test -c release --skip-build --parallel --skip '$(ALONE)' || failed=1; \
		timeout -s INT -k 10 2700 swift test -c release --skip-build --no-parallel --filter '$(ALONE)' || failed=1; \
		$$(scripts/local-mongo python) -m unittest discover -s scripts/mongo -t scripts -p 'test_*.py' || failed=1; \
		exit $$failed

SOAK_SECONDS ?= 3600
soak: install-dependencies ## let everything go wrong for SOAK_SECONDS (3600): the soak of the tests, for longer
	@mongod=$$(scripts/local-mongo binary) && export TAPEDESK_MONGOD="$$mongod" TAPEDESK_TESTABLE=1 && \
		swift build -c release --build-tests && \
		TAPEDESK_SOAK_SECONDS=$(SOAK_SECONDS) swift test -c release --skip-build --filter SoakTests

bench: build ## measure against the budgets and against peers
	@Benchmarks/run

lint: ## check the format of all Swift sources, and the syntax of the scripts
	swift format lint --strict -r $(SWIFT_SOURCES)
	@for script in $$(grep -lsI -d skip '^#!.*bash' scripts/* .ci/* Benchmarks/*); do bash -n "$$script" || exit 1; done

format: ## format all Swift sources in place
	swift format -i -r $(SWIFT_SOURCES)

# In a folder of its own: other flags than those of `build` would make both build everything again, time after time.
build-install: install-dependencies ## build the programs for a server that has no Swift toolchain
	swift build -c release --static-swift-stdlib --scratch-path .build-install --product tapedesk
	swift build -c release --static-swift-stdlib --scratch-path .build-install --product ticket

# Builds nothing: it is run as root, who has no toolchain.
install: ## install what build-install built, below PREFIX (/usr/local) and DESTDIR
	@scripts/install --from .build-install/release --destdir "$(DESTDIR)" --prefix "$(PREFIX)"

uninstall: ## remove what install installed; configuration and data stay
	@scripts/install --uninstall --destdir "$(DESTDIR)" --prefix "$(PREFIX)"

clean: ## stop the local MongoDB, delete everything that was built, generated or stored
	@scripts/local-mongo down
	@if [ -d .local/mongo-replicas ]; then scripts/local-mongo down --replicas 3; fi
	@if [ -d .local/mongo-sharded ]; then scripts/local-mongo down --sharded; fi
	rm -rf .build .build-install .local
