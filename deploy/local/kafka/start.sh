#!/usr/bin/env bash
# Runs one Kafka node (KRaft: broker and controller in one) in the foreground, on loopback only.
# Usage: start.sh DATA_FOLDER PORT [HEAP_MB] [EXTRA_PROPERTY=VALUE ...]
# Clients connect to PORT; PORT+1 is the controller's. The folder is formatted on the first start.
# One of several nodes: give node.id, controller.quorum.voters and how many copies topics have as extra properties, and
# all of them the same WEIR_KAFKA_CLUSTER_ID (22 letters of base64).
# WEIR_KAFKA_METRICS_PORT: where Prometheus gets the figures of metrics.yml; without it they are not shown.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
jars="$here/../../../build/stack/kafka"
data="${1:?data folder}" port="${2:?port}" heap="${3:-128}"
shift $(($# < 3 ? $# : 3))
[ -e "$jars/.weir-lock" ] || { echo "kafka: $jars is missing; run tools/setup.sh --stack" >&2; exit 1; }
mkdir -p "$data"
data="$(cd "$data" && pwd)"

{
  cat <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$data/log
num.partitions=1
default.replication.factor=1
min.insync.replicas=1
auto.create.topics.enable=false
# One node: every internal topic has one copy, and few partitions start faster.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=8388608
log.segment.bytes=67108864
log.retention.hours=168
END
  printf '%s\n' "$@" # Of a property given twice the last counts.
} >"$data/server.properties"

if [ ! -e "$data/log/meta.properties" ]; then
  id="${WEIR_KAFKA_CLUSTER_ID:-$(java -Xmx64m -XX:TieredStopAtLevel=1 -cp "$jars/*" kafka.tools.StorageTool random-uuid 2>/dev/null)}"
  java -Xmx64m -XX:TieredStopAtLevel=1 -cp "$jars/*" kafka.tools.StorageTool format -t "$id" \
    -c "$data/server.properties" >"$data/format.log" 2>&1 || { cat "$data/format.log" >&2; exit 1; }
fi
agent=()
if [ -n "${WEIR_KAFKA_METRICS_PORT:-}" ]; then
  agent=("-javaagent:$(echo "$jars"/jmx_prometheus_javaagent-*.jar)=127.0.0.1:$WEIR_KAFKA_METRICS_PORT:$here/metrics.yml")
fi
exec java "${agent[@]}" -Xms"${heap}m" -Xmx"${heap}m" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto \
  -Dlog4j2.configurationFile="$here/log4j2.yaml" -cp "$jars/*" kafka.Kafka "$data/server.properties"
