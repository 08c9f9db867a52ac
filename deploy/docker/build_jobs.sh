#!/usr/bin/env bash
# Builds the jobs' image: jobs/, build/release/python and the environment of requirements/lifecycle.lock, by hash.
# Usage: deploy/docker/build_jobs.sh [TAG]; localhost/weir-jobs:VERSION-COMMIT when not given. BASE: see images.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/docker/images.sh
[ -d build/release/python/weir ] || { echo "image: build/release/python is missing; run make build" >&2; exit 1; }
file=deploy/docker/jobs.Dockerfile
if [ -n "${BASE:-}" ]; then base="$(fetch_base "$BASE")"; else base="$(make_base "$file" PACKAGES)"; fi
copy_out "$base" var/lib/dpkg/status "$work/dpkg-status"

context="$work/jobs_context"
rm -rf "$context"
mkdir -p "$context"
# Debian 12's Python; wheels only, so that nothing is compiled and each file is the lock's.
.venv/bin/uv pip install --quiet --require-hashes --only-binary :all: --no-binary pyspark --python-version 3.11 --python .venv/bin/python \
  --target "$context/environment" -r requirements/lifecycle.lock
rm -rf "$context/environment/bin" "$context/environment/.lock"
find "$context/environment" -name __pycache__ -prune -exec rm -rf {} +
cp -rL build/release/python "$context/python"
find "$context/python" -name __pycache__ -prune -exec rm -rf {} +
cp -r jobs "$context/jobs"
mapfile -t libraries < <(sed -n 's/^\([A-Za-z0-9_.-]*\)==\([^ ;\\]*\).*/\1=\2/p' requirements/lifecycle.lock)
python3 deploy/docker/sbom.py "$work/dpkg-status" "$version" "${libraries[@]}" >"$context/sbom.cdx.json"
build "$file" "$context" "${1:-localhost/weir-jobs:$version-$commit}" "$base"
rm -rf "$context"
