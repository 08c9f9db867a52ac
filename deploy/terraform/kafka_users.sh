#!/usr/bin/env bash
# Makes the Kafka users gateway and weir with the passwords that Lockbox holds, so that none stands in Terraform's state.
# Usage: kafka_users.sh ENVIRONMENT_NAME KAFKA_CLUSTER_ID (weir-prod c9q...). Needs the yc client, logged in.
set -euo pipefail
name="${1:?name of the environment, as weir-prod}" cluster="${2:?id of the Kafka cluster}"
password() {
  yc lockbox payload get --name "$name-kafka-$1" --format json |
    python3 -c 'import json, sys; print(next(one["text_value"] for one in json.load(sys.stdin)["entries"] if one["key"] == "value"))'
}
make() {
  local user="$1"
  shift
  yc managed-kafka user get "$user" --cluster-id "$cluster" >/dev/null 2>&1 && return
  yc managed-kafka user create "$user" --cluster-id "$cluster" --password "$(password "$user")" "$@"
}
make gateway --permission topic=weir.events,role=producer --permission topic=weir.decisions,role=consumer
make weir --permission topic=weir.events,role=consumer --permission topic=weir.decisions,role=producer \
  --permission topic=weir.rejects,role=producer
