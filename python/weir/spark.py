"""Spark as the jobs use it: a session sized by the environment, tasks over it."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession


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
        # Hadoop's default, "analytics", wants one more library.
        builder = builder.config("spark.hadoop.fs.s3a.input.stream.type", "classic")
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
    """A runner for `weir.tasks` on the session that `start` gives; results in order.

    What travels is a task's JSON, both ways; its rows it reads and writes itself, as Arrow tables.
    So there is no plan to make: a mapInArrow of the same took 0.3 s longer before its first task.
    """

    def run(work: Callable[[Any], Any], tasks: list[Any]) -> list[Any]:
        if not tasks:
            return []
        context = start().sparkContext
        # Each of Spark's tasks costs a round trip before it does anything, so there are few.
        slices = min(len(tasks), 2 * context.defaultParallelism)
        texts = context.parallelize([json.dumps(task) for task in tasks], slices)
        results = texts.map(lambda text: json.dumps(work(json.loads(text)))).collect()
        return [json.loads(result) for result in results]

    return run


def stop() -> None:
    """End the session, where there is one."""
    running = SparkSession.getActiveSession()
    if running is not None:
        running.stop()
