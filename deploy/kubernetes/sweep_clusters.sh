#!/usr/bin/env bash
# Ends Spark applications labelled made-by=weir that are older than HOURS (default 12). Needs kubectl.
set -euo pipefail
before="$(date -u -d "-${1:-12} hours" +%Y-%m-%dT%H:%M:%SZ)"
kubectl --namespace "${WEIR_NAMESPACE:-weir}" get sparkapplications --selector made-by=weir --output json |
  python3 -c 'import json, sys
for item in json.load(sys.stdin)["items"]:
    if item["metadata"]["creationTimestamp"] < sys.argv[1]:
        print(item["metadata"]["name"])' "$before" |
  while read -r name; do kubectl --namespace "${WEIR_NAMESPACE:-weir}" delete sparkapplication "$name"; done
