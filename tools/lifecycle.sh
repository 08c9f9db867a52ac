#!/usr/bin/env bash
# The model's life on the real components (make lifecycle): heavy tests, then the story of jobs/lifecycle.py
# against the stack, which is started where it does not run and then stopped again.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/build.sh release
tools/setup.sh --stack
python=.venv-lifecycle/bin/python
if "$python" deploy/local/stack.py status | grep -q RUNNING; then stop=false; else stop=true; fi
"$python" deploy/local/stack.py up
finish() { if "$stop"; then "$python" deploy/local/stack.py down; fi; }
trap finish EXIT
# shellcheck disable=SC1091
(. out/stack/env && "$python" jobs/lifecycle.py "$@")
PYTHONPATH=build/release/python "$python" -m pytest -q -m heavy tests/lifecycle
