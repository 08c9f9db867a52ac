#!/usr/bin/env bash
# Every test of the repository, in the order in which they fail fastest. `make test` and CI call this.
# Two things run beside the rest, because they mostly wait: the set-up of what only the last tests need, and those
# tests. What they print follows when they are done.
set -euo pipefail
cd "$(dirname "$0")/.."
logs=build/logs
mkdir -p "$logs"

step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

beside() { # NAME COMMAND...: in a process group of its own, to be ended whole
  setsid "${@:2}" >"$logs/$1.log" 2>&1 </dev/null &
  pid=$!
}
end_beside() {
  for group in ${setup:-} ${live:-}; do kill -- "-$group" 2>/dev/null || true; done
}
trap end_beside EXIT

joined() { # NAME PID: waits, prints what it printed, fails as it failed
  local code=0
  wait "$2" || code=$?
  cat "$logs/$1.log"
  return "$code"
}

live_tests() {
  step "tests of the local stack and the jobs"
  PYTHONPATH=build/release/python .venv-lifecycle/bin/python -m pytest -q -m "not heavy" tests/lifecycle
  step "tests of the stream, against a broker"
  PYTHONPATH=build/release/python .venv-stream/bin/python -m pytest -q -m "not heavy" tests/stream
  step "tests of the schedules"
  .venv-airflow/bin/python -m pytest -q -c /dev/null -p no:cacheprovider --rootdir tests/dags tests/dags
}
if [ "${1:-}" = --live ]; then # Itself, beside itself.
  live_tests
  exit
fi

step "set-up"
tools/setup.sh --fuzz --browser
beside setup tools/setup.sh --stack --deploy
setup="$pid"
step "checks: format, lint, layers, documents"
tools/check.sh
step "build: address and undefined-behaviour sanitizers"
tools/build.sh asan
step "C++ tests under sanitizers"
ctest --preset asan --output-on-failure
step "build: release"
tools/build.sh release
step "set-up of the stack and of what delivers"
joined setup "$setup"
setup=
beside live tools/test.sh --live
live="$pid"
step "C++ tests"
ctest --preset release --output-on-failure
step "fuzz targets, briefly"
fuzz/run.sh 5
step "tests of the commands and the Python package"
PYTHONPATH=build/release/python .venv/bin/python -m pytest -q tests --ignore tests/lifecycle --ignore tests/dags --ignore tests/faults --ignore tests/stream --ignore tests/cluster \
  --ignore tests/deploy/test_live_alerts.py --ignore tests/deploy/test_image.py
joined live "$live"
live=
printf '\nall tests passed in %s s\n' "$SECONDS"
