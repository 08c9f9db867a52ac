#!/usr/bin/env bash
# A stand-alone Spark cluster on loopback that lives for one run.
# Usage: spark_cluster.sh up NAME | master NAME | down NAME | sweep [HOURS]
set -euo pipefail
cd "$(dirname "$0")/../.."
root="${WEIR_CLUSTERS:-$PWD/out/clusters}"
export SPARK_HOME="$PWD/.venv-lifecycle/lib/python3.11/site-packages/pyspark"
[ -d "$SPARK_HOME" ] || SPARK_HOME="$(.venv-lifecycle/bin/python -c 'import pyspark, os; print(os.path.dirname(pyspark.__file__))')"
export SPARK_NO_DAEMONIZE=1 SPARK_DAEMON_MEMORY="${SPARK_DAEMON_MEMORY:-256m}" SPARK_LOCAL_IP=127.0.0.1
export PYSPARK_PYTHON="${PYSPARK_PYTHON:-$PWD/.venv-lifecycle/bin/python}"

start() { # NAME CLASS ARGUMENT...
  local folder="$root/$1" class="$2"
  shift 2
  setsid "$SPARK_HOME/bin/spark-class" "org.apache.spark.deploy.$class" "$@" \
    >"$folder/${class##*.}.log" 2>&1 </dev/null &
  echo "$!" >"$folder/${class##*.}.pid"
}

stop() { # NAME
  local folder="$root/$1" file pid
  for file in "$folder"/*.pid; do
    [ -e "$file" ] || continue
    pid="$(cat "$file")"
    # The pid may be another's by now: only a process of Spark's is ended.
    if grep -qs org.apache.spark.deploy "/proc/$pid/cmdline"; then
      kill -- "-$pid" 2>/dev/null || kill "$pid" 2>/dev/null || true
      for _ in $(seq 100); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
      kill -9 -- "-$pid" 2>/dev/null || true
    fi
    rm -f "$file"
  done
  rm -rf "$folder/work"
}

master() { # NAME
  grep -o 'spark://127.0.0.1:[0-9]*' "$root/$1/Master.log" 2>/dev/null | head -1 | grep . || {
    echo "spark_cluster: no cluster $1 is up" >&2
    return 1
  }
}

case "${1:-}" in
  up)
    name="$2" folder="$root/$2"
    stop "$name"
    mkdir -p "$folder"
    # Port 0: clusters of several runs stand side by side, each where there is room.
    start "$name" master.Master --host 127.0.0.1 --port 0 --webui-port 0
    for _ in $(seq 600); do
      grep -qs "elected leader" "$folder/Master.log" && break
      [ -d "/proc/$(cat "$folder/Master.pid")" ] || { tail -5 "$folder/Master.log" >&2; exit 1; }
      sleep 0.1
    done
    start "$name" worker.Worker --host 127.0.0.1 --webui-port 0 --work-dir "$folder/work" \
      --cores "${WEIR_SPARK_CORES:-2}" --memory "${WEIR_SPARK_WORKER_MEMORY:-2g}" "$(master "$name")"
    for _ in $(seq 600); do
      grep -qs "Successfully registered" "$folder/Worker.log" && exit 0
      [ -d "/proc/$(cat "$folder/Worker.pid")" ] || break
      sleep 0.1
    done
    echo "spark_cluster: the worker did not register; $folder/Worker.log ends:" >&2
    tail -5 "$folder/Worker.log" >&2
    stop "$name"
    exit 1
    ;;
  master) master "$2" ;;
  down) stop "$2" ;;
  sweep)
    [ -d "$root" ] || exit 0
    find "$root" -name Master.pid -mmin "+$((${2:-12} * 60))" | while read -r file; do
      name="$(basename "$(dirname "$file")")"
      echo "spark_cluster: ending $name, left behind"
      stop "$name"
    done
    ;;
  *) echo "usage: spark_cluster.sh up NAME | master NAME | down NAME | sweep [HOURS]" >&2; exit 2 ;;
esac
