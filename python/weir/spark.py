"""Spark as the jobs use it: a session sized by the environment, tasks over it."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

RESULT = "number long, result string"


def session(name: str, settings: Mapping[str, str] | None = None) -> SparkSession:
    """A session on `WEIR_SPARK_MASTER` (default: this machine's two cores), with more `settings`.

    `WEIR_SPARK_MEMORY` (1g) is the heap of the driver and of each executor, `WEIR_JARS` a folder
    with the S3 connectors; S3's address and keys are the AWS_* variables, in every process.
    """
    memory = os.environ.get("WEIR_SPARK_MEMORY", "1g")
    builder = (
        SparkSession.builder.appName(name)
        .master(os.environ.get("WEIR_SPARK_MASTER", "local[2]"))
        .config("spark.driver.memory", memory)
        .config("spark.executor.memory", memory)
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", os.environ.get("WEIR_SPARK_PARTITIONS", "4"))
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "1000000")
        .config("spark.task.maxFailures", "2")
        # 15 s to start a Python worker is not enough where both cores are busy.
        .config("spark.python.authenticate.socketTimeout", "120s")
        .config("spark.log.level", "ERROR")
    )
    jars = os.environ.get("WEIR_JARS")
    if jars:
        paths = ",".join(str(path) for path in sorted(Path(jars).glob("*.jar")))
        builder = builder.config("spark.jars", paths)
        builder = builder.config("spark.driver.extraClassPath", f"{jars}/*")
        builder = builder.config("spark.executor.extraClassPath", f"{jars}/*")
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        builder = builder.config("spark.hadoop.fs.s3a.endpoint", endpoint)
        builder = builder.config("spark.hadoop.fs.s3a.path.style.access", "true")
        region = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
        builder = builder.config("spark.hadoop.fs.s3a.endpoint.region", region)
    for variable in ("PYTHONPATH", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"):
        if variable in os.environ:
            builder = builder.config(f"spark.executorEnv.{variable}", os.environ[variable])
    for key, value in (settings or {}).items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def run_tasks(
    start: Callable[[], SparkSession],
) -> Callable[[Callable[[Any], Any], list[Any]], list[Any]]:
    """A runner for `weir.tasks`: tasks by mapInArrow, results in order.

    `start` gives the session; it is called when there is something to do.
    """

    def run(work: Callable[[Any], Any], tasks: list[Any]) -> list[Any]:
        if not tasks:
            return []
        texts = [json.dumps(task) for task in tasks]

        def of_partition(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                for number in batch.column(0).to_pylist():
                    result = json.dumps(work(json.loads(texts[number])))
                    yield pa.RecordBatch.from_pydict(
                        {"number": pa.array([number]), "result": pa.array([result])}
                    )

        spark = start()
        # The tasks travel with the function, so that rows go through Python once; each of Spark's
        # tasks costs 40 ms before it does anything, so there are few.
        slices = min(len(texts), 2 * spark.sparkContext.defaultParallelism)
        numbers = spark.range(0, len(texts), 1, slices)
        results = numbers.mapInArrow(of_partition, RESULT).collect()
        return [json.loads(row["result"]) for row in sorted(results, key=lambda row: row["number"])]

    return run


def stop() -> None:
    """End the session, where there is one."""
    running = SparkSession.getActiveSession()
    if running is not None:
        running.stop()
