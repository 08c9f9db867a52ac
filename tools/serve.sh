#!/usr/bin/env bash
# The service as a newcomer sees it first: the closed loop of `make run`, its console, and the last ten days of the lake
# sent to it as if it happened now, faster than life: 200 payments a second are a day in three minutes.
# RATE payments a second (200), LISTEN (127.0.0.1:8080), LIMIT payments (0: all), RUN the result of make run (out/run).
set -euo pipefail
cd "$(dirname "$0")/.."
listen="${LISTEN:-127.0.0.1:8080}"
run="${RUN:-out/run}"
[ -d "$run/loop-bundle" ] || build/release/weir run --out "$run"
from="$(find "$run/lake/clean" -maxdepth 1 -name 'date=*' | sort | tail -10 | head -1 | sed 's/.*date=//')"

# Days that were sent before begin again.
rm -rf "$run/serve-journal"
build/release/weir serve "$run/loop-bundle" --history "$run/lake" --history-to "$from" --clock payments \
  --journal "$run/serve-journal" --listen "$listen" --metrics-listen "${METRICS_LISTEN:-127.0.0.1:9090}" &
service=$!
trap 'kill "$service" 2>/dev/null || true; wait "$service" || true' EXIT
.venv/bin/python tools/send_payments.py "$run/lake" --from "$from" --url "http://$listen" \
  --rate "${RATE:-200}" --limit "${LIMIT:-0}"
[ "${LIMIT:-0}" != 0 ] || wait "$service"
