"""What a round of tasks costs on Spark when they do nothing: as names in an RDD, and by mapInArrow.

    bench/spark/rounds.py [--tasks 60] [--rounds 12]

Both give the same answers. docs/decisions/0005-tasks-not-rows-through-spark.md rests on this.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession
from weir import spark


def number(task: dict[str, Any]) -> int:
    """A task that does nothing."""
    return int(task["number"])


def by_arrow(
    session: SparkSession,
) -> Callable[[Callable[[Any], Any], list[Any]], list[Any]]:
    """The runner that `weir.spark.run_tasks` would be with mapInArrow."""

    def run(work: Callable[[Any], Any], tasks: list[Any]) -> list[Any]:
        def each(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                texts = batch.column(0).to_pylist()
                done = [json.dumps(work(json.loads(text))) for text in texts]
                yield pa.RecordBatch.from_arrays([pa.array(done)], ["result"])

        slices = min(len(tasks), 2 * session.sparkContext.defaultParallelism)
        texts = [(json.dumps(task),) for task in tasks]
        rows = session.createDataFrame(texts, "task string").repartition(slices)
        return [json.loads(row[0]) for row in rows.mapInArrow(each, "result string").collect()]

    return run


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=12)
    arguments = parser.parse_args()
    session = spark.session("weir rounds")
    ways = {"names in an RDD": spark.run_tasks(lambda: session), "mapInArrow": by_arrow(session)}
    tasks = [{"number": n} for n in range(arguments.tasks)]
    times: dict[str, list[float]] = {name: [] for name in ways}
    try:
        for _ in range(arguments.rounds):
            for name, runner in ways.items():
                began = time.perf_counter()
                found = runner(number, tasks)
                times[name].append(time.perf_counter() - began)
                if sorted(found) != list(range(arguments.tasks)):
                    print(f"rounds: {name} gave {found}", file=sys.stderr)
                    return 1
    finally:
        spark.stop()
    for name, seconds in times.items():
        print(
            f"{name:<16} first {seconds[0]:.2f} s, then {min(seconds[1:]):.2f} to "
            f"{max(seconds[1:]):.2f}, median {statistics.median(seconds[1:]):.2f} s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
