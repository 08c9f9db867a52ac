#!/usr/bin/env bash
# Rewrites requirements/*.lock from the .in files: exact versions and hashes, for Python 3.11 and newer.
set -euo pipefail
cd "$(dirname "$0")/.."
for name in uv weir build wheel bench lifecycle airflow stream serving go; do
  .venv/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
    --python .venv/bin/python --custom-compile-command tools/lock.sh \
    "requirements/$name.in" --output-file "requirements/$name.lock"
done
