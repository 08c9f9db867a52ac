#!/usr/bin/env bash
# Every test of the repository, in the order in which they fail fastest. `make test` and CI call this.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

step "set-up"
tools/setup.sh --fuzz --browser --stack --deploy
step "checks: format, lint, layers, documents"
tools/check.sh
step "build: address and undefined-behaviour sanitizers"
tools/build.sh asan
step "C++ tests under sanitizers"
ctest --preset asan --output-on-failure
step "build: release"
tools/build.sh release
step "C++ tests"
ctest --preset release --output-on-failure
step "fuzz targets, briefly"
fuzz/run.sh 5
step "tests of the commands and the Python package"
PYTHONPATH=build/release/python .venv/bin/python -m pytest -q tests --ignore tests/lifecycle --ignore tests/dags --ignore tests/faults --ignore tests/stream --ignore tests/cluster \
  --ignore tests/deploy/test_live_alerts.py --ignore tests/deploy/test_image.py
step "tests of the local stack and the jobs"
PYTHONPATH=build/release/python .venv-lifecycle/bin/python -m pytest -q -m "not heavy" tests/lifecycle
step "tests of the stream, against a broker"
PYTHONPATH=build/release/python .venv-stream/bin/python -m pytest -q -m "not heavy" tests/stream
step "tests of the schedules"
.venv-airflow/bin/python -m pytest -q -c /dev/null -p no:cacheprovider --rootdir tests/dags tests/dags
printf '\nall tests passed in %s s\n' "$SECONDS"
