"""The steps of a stream by key, as Spark Structured Streaming runs them: state and rows are bytes.

`decide` makes outputs out of a Kafka source: events are read into parcels, each terminal's applied
to its state, then each customer's, which decides. What a step does is the core's; here is only how
Spark hands over rows and keeps state.

Spark calls a step once for a group of keys, not for each key: a call, and what it gives back, cost
milliseconds. In a group the states are a map by key, of which a batch touches what it needs.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame, GroupedData
from pyspark.sql import functions as f
from pyspark.sql.streaming.stateful_processor import StatefulProcessor, StatefulProcessorHandle

from weir import _weir

PARCELS = "terminal_id long, customer_id long, parcel binary"
OUTPUTS = (
    "is_reject boolean, key binary, value binary, headers array<struct<key string, value binary>>"
)
STATE = "bytes binary"
GROUPS = 64
"""Of keys: the most tasks that can share a step. Checkpoints hold to it."""


class _Step(StatefulProcessor):  # type: ignore[misc]
    """One value of bytes by key, handed to the core with the rows of the key."""

    key: str

    def init(self, handle: StatefulProcessorHandle) -> None:
        self.states = handle.getMapState("states", f"{self.key} long", STATE)
        self.step = self.make_step()

    def make_step(self) -> Any:
        raise NotImplementedError

    def apply(self, rows: Iterator[pd.DataFrame]) -> Iterator[Any]:
        """What the core gives for the rows of a group; the states move with it."""
        by_key: dict[int, list[bytes]] = {}
        for frame in rows:
            for key, parcel in zip(frame[self.key].tolist(), frame["parcel"], strict=True):
                by_key.setdefault(key, []).append(bytes(parcel))
        for key, parcels in by_key.items():
            before = self.states.getValue((key,)) if key >= 0 else None
            known = b"" if before is None else bytes(before[0])
            after, results = self.step.run(key, known, parcels)
            if key >= 0:
                self.states.updateValue((key,), (after,))
            yield from results

    def close(self) -> None:
        pass


class Terminals(_Step):
    """Parcels of a terminal → parcels for its customers."""

    key = "terminal_id"

    def __init__(self, files: Mapping[str, bytes], source: str) -> None:
        self.files, self.source = dict(files), source

    def make_step(self) -> _weir.TerminalStep:
        return _weir.TerminalStep(self.files, self.source)

    def handleInputRows(
        self, key: Any, rows: Iterator[pd.DataFrame], timerValues: Any
    ) -> Iterator[pd.DataFrame]:
        yield pd.DataFrame(self.apply(rows), columns=["terminal_id", "customer_id", "parcel"])


class Customers(_Step):
    """Parcels of a customer → decisions and rejects."""

    key = "customer_id"

    def __init__(self, files: Mapping[str, bytes], source: str, reasons: bool) -> None:
        self.files, self.source, self.reasons = dict(files), source, reasons

    def make_step(self) -> _weir.CustomerStep:
        return _weir.CustomerStep(self.files, self.source, self.reasons)

    def handleInputRows(
        self, key: Any, rows: Iterator[pd.DataFrame], timerValues: Any
    ) -> Iterator[pd.DataFrame]:
        outputs = [
            (is_reject, key, value, [{"key": name, "value": text} for name, text in headers])
            for is_reject, key, value, headers in self.apply(rows)
        ]
        yield pd.DataFrame(outputs, columns=["is_reject", "key", "value", "headers"])


def read_parcels(
    batches: Iterator[pa.RecordBatch], terminals: str | None
) -> Iterator[pa.RecordBatch]:
    """Rows of `value`, `schema`, `partition`, `offset`, `logged_at` → parcels."""
    reader = _weir.ParcelReader(terminals)
    for batch in batches:
        rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        parcels = [reader.read(*row) for row in rows]
        terminal, customer, parcel = zip(*parcels, strict=True) if parcels else ((), (), ())
        yield pa.RecordBatch.from_arrays(
            [
                pa.array(terminal, pa.int64()),
                pa.array(customer, pa.int64()),
                pa.array(parcel, pa.binary()),
            ],
            names=["terminal_id", "customer_id", "parcel"],
        )


def decide(
    events: DataFrame,
    files: Mapping[str, bytes],
    source: str,
    *,
    terminals: str | None = None,
    reasons: bool = True,
) -> DataFrame:
    """Outputs of the events of a Kafka source (`includeHeaders`), under the bundle of `files`.

    Gives `is_reject`, `key`, `value`, `headers`. Raises `weir.Error` for a bundle with beliefs.
    """
    _weir.TerminalStep(files, source)  # A faulty bundle shows here, not in a task.
    schema = f.expr("element_at(filter(headers, h -> h.key = 'schema_version'), -1).value")
    rows = events.select(
        "value",
        f.when(f.size("headers") > 0, schema).alias("schema"),
        "partition",
        "offset",
        f.floor(f.unix_millis("timestamp") / 1000).cast("long").alias("logged_at"),
    )
    parcels = rows.mapInArrow(partial(read_parcels, terminals=terminals), PARCELS)
    passed = _grouped(parcels, "terminal_id").transformWithStateInPandas(
        Terminals(files, source), PARCELS, "append", "none"
    )
    return _grouped(passed, "customer_id").transformWithStateInPandas(
        Customers(files, source, reasons), OUTPUTS, "append", "none"
    )


def _grouped(parcels: DataFrame, key: str) -> GroupedData:
    """By the groups of a key."""
    group = f.pmod(f.xxhash64(key), f.lit(GROUPS))
    return parcels.withColumn("key_group", group).groupBy("key_group")


STATE_STORE = {
    "spark.sql.streaming.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    ),
    # The state as it was and what has changed since, not all of it, with every batch.
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
}
"""What Spark's session needs for `decide`."""


def kafka_properties(path: str | None) -> dict[str, str]:
    """The options of a file of Kafka's properties, `name=value` a line."""
    if path is None:
        return {}
    found = {}
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals:
            raise _weir.UsageError(f"{path} line {number}: wanted name=value")
        found[f"kafka.{name.strip()}"] = value.strip()
    return found
