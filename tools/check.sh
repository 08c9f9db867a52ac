#!/usr/bin/env bash
# Format, lint, layer rule and documents. Changes nothing; says how to put right what it finds.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0
report() { echo "check: $1" >&2; failed=1; }

mapfile -t sources < <(git ls-files --cached --others --exclude-standard '*.cpp' '*.h')
mapfile -t scripts < <(git ls-files --cached --others --exclude-standard '*.sh' .ci/run)
.venv/bin/clang-format --dry-run -Werror "${sources[@]}" ||
  report "C++ is not formatted; run .venv/bin/clang-format -i on the files above"
.venv/bin/ruff format --check --quiet . || report "Python is not formatted; run .venv/bin/ruff format"
.venv/bin/ruff check --quiet . || report "ruff found faults"
.venv/bin/mypy --no-error-summary || report "mypy found faults in python/weir"
shellcheck "${scripts[@]}" || report "shellcheck found faults"
.venv/bin/python tools/check_layers.py || failed=1
.venv/bin/python tools/check_docs.py || failed=1
exit "$failed"
