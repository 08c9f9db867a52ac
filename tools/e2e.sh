#!/usr/bin/env bash
# What is too long for make test. Usage: tools/e2e.sh [PART...], all when none is given:
#   stream    weir stream killed 200 times, 20 rebalances, the broker restarted 10 times: its output equal to an unbroken
#             run, byte for byte; of three replicas of weir serve the log's owner killed 40 times under load; of three
#             brokers each stopped or killed in turn, 9 times, under weir stream and under replicas
#   schedules the model's life in Postgres while S3, MLflow and drivers fail under the real scheduler
#   cluster   image and chart on a one-node Kubernetes: install, upgrade, faults and a drain under load; as root
set -euo pipefail
cd "$(dirname "$0")/.."

stream() {
  tools/setup.sh --stack
  WEIR_KILLS=200 WEIR_REBALANCES=20 WEIR_RESTARTS=10 WEIR_OWNER_KILLS=40 WEIR_ROLLS=3 PYTHONPATH=build/release/python .venv-stream/bin/python -m pytest -q -s \
    tests/stream/test_stream.py tests/stream/test_group.py tests/stream/test_replicas.py tests/stream/test_brokers.py
}

schedules() {
  tools/setup.sh --stack --postgres
  local out failed=0
  # A folder that another user, Postgres', may pass through.
  out="$(mktemp -d /tmp/weir-schedules-XXXXXX)"
  chmod 755 "$out"
  PYTHONPATH=build/release/python .venv-lifecycle/bin/python tests/lifecycle/faults_story.py --out "$out/story" || failed=1
  if [ "$failed" = 0 ]; then rm -rf "$out"; else echo "e2e: what it left is in $out" >&2; fi
  return "$failed"
}

cluster() {
  if [ "$(id -u)" != 0 ] || ! unshare --net --mount --pid --fork true 2>/dev/null; then
    echo "e2e: cluster needs root and the right to make namespaces; run it as root, outside of an unprivileged container" >&2
    return 1
  fi
  tools/setup.sh --stack --deploy --cluster
  local image folder failed=0
  image="$(deploy/docker/build.sh)"
  folder="$(mktemp -d /tmp/weir-cluster-XXXXXX)"
  # Namespaces of its own: no port, mount or process of the cluster outlives it.
  WEIR_IMAGE="$image" WEIR_CLUSTER_FOLDER="$folder" PYTHONPATH=build/release/python unshare --net --mount --pid --fork --kill-child --mount-proc \
    .venv-stream/bin/python -m pytest -q -s -x tests/cluster || failed=1
  find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null || true
  if [ "$failed" = 0 ]; then rm -rf "$folder"; else echo "e2e: what the cluster wrote is in $folder" >&2; fi
  return "$failed"
}

[ "$#" -gt 0 ] || set -- stream schedules cluster
for part in "$@"; do
  case "$part" in
    stream | schedules | cluster) ;;
    *) echo "e2e: no part '$part'; there are stream, schedules and cluster" >&2; exit 2 ;;
  esac
done
for part in "$@"; do
  printf '\n== %s\n' "$part"
  began="$SECONDS"
  "$part"
  echo "$part: $((SECONDS - began)) s"
done
