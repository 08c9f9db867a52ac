#!/usr/bin/env bash
# The service as a newcomer sees it first: the bundle of `make run`, its console, and the last days of
# the lake sent to it as if they happened now. RATE payments a second (200), LISTEN (127.0.0.1:8080).
set -euo pipefail
cd "$(dirname "$0")/.."
listen="${LISTEN:-127.0.0.1:8080}"
[ -d out/run/bundle ] || build/release/weir run --out out/run
from="$(find out/run/lake/clean -maxdepth 1 -name 'date=*' | sort | tail -3 | head -1 | sed 's/.*date=//')"

build/release/weir serve out/run/bundle --history out/run/lake --history-to "$from" \
  --journal out/serve/journal --listen "$listen" &
service=$!
trap 'kill "$service" 2>/dev/null || true; wait "$service" || true' EXIT
for _ in $(seq 600); do
  curl -fs "http://$listen/readyz" >/dev/null 2>&1 && break
  kill -0 "$service" 2>/dev/null || exit 1
  sleep 0.1
done
echo "console: http://$listen/   (Ctrl-C ends it)"
.venv/bin/python tools/send_payments.py out/run/lake --from "$from" --url "http://$listen" \
  --rate "${RATE:-200}" --limit "${LIMIT:-0}"
[ "${LIMIT:-0}" != 0 ] || wait "$service"
