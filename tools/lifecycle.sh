#!/usr/bin/env bash
# The model's life on the real components (make lifecycle): the story of tests/lifecycle/story.py on a
# stack of its own, then, whatever came of it, the tests that are too heavy for make test.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/build.sh release
tools/setup.sh --stack
export PYTHONPATH=build/release/python
failed=0
.venv-lifecycle/bin/python tests/lifecycle/story.py "$@" || failed=1
.venv-lifecycle/bin/python -m pytest -q -m heavy tests/lifecycle || failed=1
exit "$failed"
