#!/usr/bin/env bash
# Builds the Python package's wheel into out/wheel/ and tries it in an environment of its own, with
# nothing of this repository on the path. Usage: tools/wheel.sh
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
rm -rf out/wheel
.venv/bin/uv build --quiet --wheel --python .venv/bin/python --build-constraints requirements/wheel.lock \
  --require-hashes --out-dir out/wheel .
fresh="$(mktemp -d)"
trap 'rm -rf "$fresh"' EXIT
.venv/bin/uv venv --quiet --python .venv/bin/python "$fresh/venv"
pyarrow="$(.venv/bin/python -c 'import pyarrow; print(pyarrow.__version__)')"
.venv/bin/uv pip install --quiet --python "$fresh/venv/bin/python" out/wheel/*.whl "pyarrow==$pyarrow"
cd "$fresh"
# The compiled core answers: one good payment and one with a negative amount.
venv/bin/python - <<'PYTHON'
import pyarrow as pa
import weir

raw = pa.table({
    "transaction_id": ["1", "2"], "tx_datetime": ["2026-01-05 10:00:00", "2026-01-05 10:05:00"],
    "customer_id": ["7", "7"], "terminal_id": ["3", "3"], "tx_amount": ["12.50", "-1"],
})
cleaned = weir.clean(raw)
kept, rejected = pa.table(cleaned.payments).num_rows, pa.table(cleaned.rejects).num_rows
if (kept, rejected) != (1, 1):
    raise SystemExit(f"wheel: kept {kept} and rejected {rejected} payments, wanted 1 and 1")
print(f"weir-fraud {weir.__version__} works in a fresh environment")
PYTHON
