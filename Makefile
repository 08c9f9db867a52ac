# Each target is one line that calls the real thing; run and test set up the machine themselves.
.PHONY: help run test bench build check fuzz

help: ## this list
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

run: build ## set up, build, then the whole job on simulated payments (or INPUT=file|folder): out/run/
	@build/release/weir run $(INPUT) --out out/run

test: ## set up, check, build, and run every test
	@tools/test.sh

bench: ## the benchmarks with their rivals; each checks the answer before it times
	@bench/run.sh

build: ## set up this machine and build the release preset
	@tools/build.sh release

check: ## format, lint, layers and documents only
	@tools/check.sh

fuzz: ## each fuzz target for SECONDS seconds (default 60)
	@fuzz/run.sh $(SECONDS)
