#!/usr/bin/env bash
# Ends Data Processing clusters labelled made-by=weir that are older than HOURS (default 12). Needs the yc client.
set -euo pipefail
before="$(date -u -d "-${1:-12} hours" +%Y-%m-%dT%H:%M:%SZ)"
yc dataproc cluster list --format json |
  python3 -c 'import json, sys
for cluster in json.load(sys.stdin):
    if cluster.get("labels", {}).get("made-by") == "weir" and cluster["created_at"] < sys.argv[1]:
        print(cluster["id"])' "$before" |
  while read -r id; do yc dataproc cluster delete "$id" --async; done
