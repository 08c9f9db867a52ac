#!/usr/bin/env bash
# Looks an image (docker-archive, packed) and its list of contents up in the OSV database. Fails when a fault is known that
# a newer version mends; the rest is told. Usage: deploy/docker/scan.sh IMAGE.tar.gz CONTENTS.cdx.json
# OSV_DATABASE: a folder with a copy of the database (osv-scanner's --local-db-path); else api.osv.dev is asked.
set -euo pipefail
cd "$(dirname "$0")/../.."
flags=(--format json --verbosity error)
[ -z "${OSV_DATABASE:-}" ] || flags+=(--offline-vulnerabilities --local-db-path "$OSV_DATABASE")
found="$(mktemp -d)"
trap 'rm -rf "$found"' EXIT
# 0: nothing known, 1: something; the rest are failures of the scan.
scan() {
  local code=0
  build/tools/osv-scanner scan "$@" "${flags[@]}" --output-file "$found/$1.json" || code="$?"
  [ "$code" -le 1 ] || { echo "scan: osv-scanner ended with $code" >&2; exit 2; }
}
gzip -dc "$1" >"$found/image.tar"
scan image --archive "$found/image.tar"
scan source --lockfile "$2"
python3 deploy/docker/known_faults.py "$found/image.json" "$found/source.json"
