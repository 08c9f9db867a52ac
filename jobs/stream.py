"""Decide on the payments of a Kafka topic in Spark, where one machine is not enough.

    python jobs/stream.py --bundle bundle --brokers 127.0.0.1:22004 --checkpoint s3://weir/stream

The decisions are those of `weir stream`, to the bit; a decision's position is its event's offset.
Spark's Kafka sink writes at least once: after a restart the last batch may come twice, with the
same bytes under the same key, and a reader drops what it has seen (docs/operating/stream.md).

Exit 0: ended by a signal, or with --until-end at the end of the log. Exit 1: an error.
"""

import argparse
import os
import signal
import sys
import threading
from typing import Any

import weir
from pyspark.sql import functions as f
from weir import jobs, spark, streaming


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bundle", required=True, help="model bundle (folder), without beliefs")
    parser.add_argument("--brokers", required=True, help="host:port, more between commas")
    parser.add_argument("--events", default="weir.events")
    parser.add_argument("--decisions", default="weir.decisions")
    parser.add_argument("--rejects", default="weir.rejects")
    parser.add_argument("--checkpoint", required=True, help="folder or s3:// prefix of the state")
    parser.add_argument("--terminals", help="those that exist, 0..999; any if not given")
    parser.add_argument("--no-reasons", action="store_true")
    parser.add_argument("--every", default="1 second", help="time between batches")
    parser.add_argument("--batch", type=int, default=20_000, help="events of a batch at most")
    parser.add_argument("--until-end", action="store_true", help="stop at the end of the log")
    parser.add_argument("--kafka-properties", help="file of name=value: SASL, TLS, …")
    return jobs.run("stream", lambda: stream(parser.parse_args()))


def stream(arguments: argparse.Namespace) -> int:
    """Run until ended."""
    files = weir.bundle_files(arguments.bundle)
    session = spark.session("weir stream", streaming.STATE_STORE)
    kafka = {
        "kafka.bootstrap.servers": arguments.brokers,
        **streaming.kafka_properties(arguments.kafka_properties),
    }
    events = (
        session.readStream.format("kafka")
        .options(**kafka)
        .option("subscribe", arguments.events)
        .option("startingOffsets", "earliest")
        .option("includeHeaders", "true")
        .option("kafka.isolation.level", "read_committed")
        .option("maxOffsetsPerTrigger", arguments.batch)
        .load()
    )
    outputs = streaming.decide(
        events,
        files,
        arguments.bundle,
        terminals=arguments.terminals,
        reasons=not arguments.no_reasons,
    )
    topic = f.when(f.col("is_reject"), arguments.rejects).otherwise(arguments.decisions)
    writer = (
        outputs.select(topic.alias("topic"), "key", "value", "headers")
        .writeStream.format("kafka")
        .options(**kafka)
        .option("includeHeaders", "true")
        .option("checkpointLocation", arguments.checkpoint.replace("s3://", "s3a://", 1))
        .outputMode("append")
    )
    trigger: dict[str, Any] = (
        {"availableNow": True} if arguments.until_end else {"processingTime": arguments.every}
    )
    query = writer.trigger(**trigger).start()
    print(f"stream: reading {arguments.events} at {arguments.brokers}", file=sys.stderr, flush=True)
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    # Not in the handler: a call to the JVM would fall into the one that waits.
    while not query.awaitTermination(1):
        if told.is_set():
            query.stop()
    if os.environ.get("WEIR_STREAM_PROGRESS"):
        for progress in query.recentProgress:
            print(progress.json, flush=True)
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
