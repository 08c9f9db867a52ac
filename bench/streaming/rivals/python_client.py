"""Rival: a transactional consumer as written in Python. Ready-made features in, decisions out.

python_client.py BROKERS GROUP FROM TO BUNDLE BATCH

Reads to the end of FROM; prints {"events": N, "seconds": S, "cpu_seconds": C}, all from the first
event on.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import orjson
import xgboost
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition


def main() -> None:
    """All of it."""
    brokers, group, source, target, bundle, batch = sys.argv[1:]
    forest = xgboost.Booster(model_file=Path(bundle) / "forest.ubj")
    forest.set_param("nthread", 1)
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "queued.min.messages": 300_000,  # As weir stream.
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": brokers,
            "transactional.id": group,
            "linger.ms": 100,
            "batch.num.messages": 100_000,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    producer.init_transactions()
    consumer.subscribe([source])
    events = 0
    began = began_cpu = 0.0
    end = False
    while not end:
        messages = consumer.consume(int(batch), timeout=0.1)
        values = [message.value() for message in messages if not message.error()]
        faults = [message.error() for message in messages if message.error()]
        end = any(fault.code() == KafkaError._PARTITION_EOF for fault in faults)
        if not values:
            continue
        if not events:
            began, began_cpu = time.monotonic(), time.process_time()
        rows = [orjson.loads(value) for value in values]
        inputs = np.array([row["features"] for row in rows], np.float32)
        margins = forest.inplace_predict(inputs, predict_type="margin")
        producer.begin_transaction()
        for row, margin in zip(rows, margins.tolist(), strict=True):
            key = str(row["transaction_id"])
            answer = {"transaction_id": row["transaction_id"], "score": margin}
            producer.produce(target, orjson.dumps(answer), key)
        producer.send_offsets_to_transaction(
            [TopicPartition(source, 0, messages[-1 - len(faults)].offset() + 1)],
            consumer.consumer_group_metadata(),
        )
        producer.commit_transaction()
        events += len(values)
    told = {
        "events": events,
        "seconds": time.monotonic() - began,
        "cpu_seconds": time.process_time() - began_cpu,
    }
    print(json.dumps(told), flush=True)
    consumer.close()


if __name__ == "__main__":
    main()
