#!/usr/bin/env bash
# Ends stand-alone Spark clusters that a run left behind.
set -euo pipefail
exec "$(dirname "$0")/spark_cluster.sh" sweep "${1:-12}"
