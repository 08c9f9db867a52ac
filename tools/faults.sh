#!/usr/bin/env bash
# What can go wrong around the service, at full size: KILLS (200) ends by kill -9 under load, a full disk,
# 10,000 idle clients, no descriptors, a moved clock, garbage, 2,000 and more generated requests, and the
# service's C++ tests under the thread sanitizer. About half an hour; the disk needs root.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/build.sh release
export PYTHONPATH=build/release/python
.venv/bin/python -m pytest -q -s tests/faults
WEIR_KILLS="${KILLS:-100}" .venv/bin/python -m pytest -q -s tests/test_serve_crash.py
WEIR_EXAMPLES="${EXAMPLES:-250}" .venv/bin/python -m pytest -q -s tests/test_serve_openapi.py -k generated
[ -f build/tsan/build.ninja ] || cmake --preset tsan >/dev/null
cmake --build --preset tsan --target edge_http_test edge_journal_test -- --quiet
build/tsan/src/edge/http/edge_http_test
build/tsan/src/edge/journal/edge_journal_test
