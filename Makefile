# Each target is one line that calls the real thing; run and test set up the machine themselves.
.PHONY: alerts image help run test bench build faults check tidy fuzz stack stack-down lifecycle parity e2e serve money wheel

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 13

run: program ## set up, build, then the whole job on simulated payments (or INPUT=file|folder): out/run/
	@build/release/weir run $(INPUT) --out out/run

serve: program ## the service and its console on the result of make run, with payments coming in: http://127.0.0.1:8080
	@tools/serve.sh

test: ## set up, check, build, and run every test
	@tools/test.sh

bench: ## the benchmarks with their rivals; each checks the answer before it times
	@bench/run.sh

money: program ## the closed loop on course-shaped months against its bounds; about an hour
	@.venv/bin/python bench/money/run.py

.PHONY: program
program: # the binary alone: a third less to compile than the tests need
	@tools/build.sh release weir

build: ## set up this machine and build the release preset
	@tools/build.sh release

faults: ## kills, full disk, idle crowds, moved clock, garbage against the service; about half an hour, as root
	@tools/faults.sh

check: ## format, lint, layers and documents only
	@tools/check.sh

tidy: ## clang-tidy over src; minutes, so not part of test
	@tools/tidy.sh

fuzz: ## each fuzz target for SECONDS seconds (default 60)
	@fuzz/run.sh $(SECONDS)

wheel: ## the Python package as a wheel, tried in a fresh environment: out/wheel/
	@tools/wheel.sh

stack: ## S3, MLflow, Airflow and Kafka on this machine, supervised: out/stack/ (SERVICES="s3 kafka" for some)
	@tools/build.sh release && tools/setup.sh --stack && .venv-lifecycle/bin/python deploy/local/stack.py up $(SERVICES)

stack-down: ## stop them; their data stays
	@.venv-lifecycle/bin/python deploy/local/stack.py down

parity: build ## three days through files, REST and Kafka, and a log through Spark: the same decisions, one by one
	@tools/setup.sh --stack && WEIR_PARITY_DAYS=3 PYTHONPATH=build/release/python .venv-stream/bin/python -m pytest -q tests/stream/test_parity.py tests/stream/test_spark_stream.py

e2e: build ## the stream killed 200 times, 20 rebalances; the schedules in Postgres while things fail; image and chart on a real one-node Kubernetes, as root (PARTS="cluster" for some)
	@tools/e2e.sh $(PARTS)

lifecycle: ## the model's life on Spark, S3, MLflow and Airflow, every bound checked
	@tools/lifecycle.sh

alerts: build ## five alerts provoked against a running service, Prometheus and Alertmanager
	@tools/setup.sh --stack && .venv/bin/python -m pytest -q -s tests/deploy/test_live_alerts.py

image: build ## both images compiled and packed twice; the service's run, scanned, pushed to a registry and pulled
	@tools/setup.sh --deploy --scan && .venv/bin/python -m pytest -q -s tests/deploy/test_image.py
