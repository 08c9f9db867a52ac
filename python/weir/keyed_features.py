"""Features of a lake on as many machines as there are: the bits of `weir features`.

What fits one task is computed by the command in one; a larger table by key:

    split    whole days → their rows by bucket of customers, and of terminals   (work/<run>/)
    compute  each bucket → its inputs, in time order, by the core               (work/<run>/)
    join     the days' payments with the inputs of all buckets → Parquet        (data/<run>/)

What an input looks back on is one customer's or one terminal's payments, so a bucket of keys is
computed alone. `runner` carries the tasks out, `weir.tasks`. A table is published by
writing `features.json`, which names its files: readers see the whole new table or the one before.
"""

import itertools
import json
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

import weir
from weir import _weir, command
from weir.lake import DayFile, Lake, Manifest, Store
from weir.stored_tables import read_table
from weir.tasks import Runner, Task, run_here

FORMAT = "weir-features-1"
ROWS_OF_ONE_TASK = 8_000_000
"""Up to so many `weir features` makes the whole table in a task; of the inputs `weir` in 1.3 GB."""
ROWS_OF_A_TASK = 1_500_000
GROUPS = {"customer": ("customer", "pair"), "terminal": ("terminal",)}
"""Buckets are of these keys; a pair's history is part of its customer's."""
RECORD = np.dtype(
    [
        ("customer_id", "<i8"),
        ("terminal_id", "<i8"),
        ("event_time", "<i8"),
        ("amount_minor", "<i8"),
        ("is_fraud", "?"),
    ]
)
"""What the inputs of a key look at; times in seconds."""
Floats = npt.NDArray[np.float32]


def compute_features(
    lake: str,
    out: str,
    *,
    spec: str = "weir",
    label_delay_seconds: int = 7 * 86_400,
    runner: Runner = run_here,
    rows_of_one_task: int = ROWS_OF_ONE_TASK,
    rows_of_a_task: int = ROWS_OF_A_TASK,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Compute the feature table of a lake's newest state into `out` and publish it.

    `spec` is a built-in name or a TOML file. By key where there are more than `rows_of_one_task`,
    in tasks of about `rows_of_a_task`. Gives the published `features.json`.
    """
    state, target = Lake(lake).newest(), Store(out)
    if state.number == 0:
        raise weir.Error(f'"{lake}" has no published state; run jobs/clean.py first')
    text = weir.spec_toml(spec)
    run = secrets.token_hex(6)
    common = {"lake": lake, "out": out, "run": run, "spec": text, "delay": label_delay_seconds}
    try:
        if state.rows <= rows_of_one_task:
            say(f"{state.rows} payments in one task")
            done = runner(_whole, [common])[0]
            state, files = Lake(lake).state(done["state"]), [done["file"]]
        else:
            files = _by_key(common, state, runner, rows_of_a_task, say)
        before = published(out)
        document = {
            "format": FORMAT,
            "run": run,
            "previous_run": before["run"] if before else None,
            "spec": text,
            "label_delay_seconds": label_delay_seconds,
            "fingerprint": _fingerprint(text, label_delay_seconds),
            "lake": lake,
            "lake_state": state.number,
            "lake_fingerprint": state.fingerprint,
            "rows": state.rows,
            "files": files,
        }
        target.write("features.json", (json.dumps(document, indent=1) + "\n").encode())
    except BaseException:
        target.delete(f"data/{run}/")
        raise
    finally:
        target.delete(f"work/{run}/")
    if before and before["previous_run"]:
        # Whoever reads the table of before may go on; the one before that is no longer named.
        target.delete(f"data/{before['previous_run']}/")
    return document


def _whole(task: Task) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="weir-features-") as folder:
        spec, table = Path(folder) / "spec.toml", Path(folder) / "table.parquet"
        spec.write_text(task["spec"])
        options = {"spec": spec, "label_delay": f"{task['delay']}s"}
        state = command.features(task["lake"], table, options)
        path = f"data/{task['run']}/part-00000.parquet"
        Store(task["out"]).write(path, table.read_bytes())
    days = {"from": state.files[0].day, "to": state.files[-1].day}
    return {"state": state.number, "file": {"path": path, **days, "rows": state.rows}}


def _by_key(
    common: Task, state: Manifest, runner: Runner, rows: int, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Three rounds of tasks of about so many rows; gives the table's files."""
    buckets = max(2, -(-state.rows // rows))
    common = {**common, "buckets": buckets}
    chunks = [
        {**common, "chunk": number, "files": paths}
        for number, paths in enumerate(_chunks(state.files, rows))
    ]
    split = runner(_split, chunks)
    say(f"{state.rows} payments in {len(chunks)} parts, {buckets} buckets a key")
    groups = [group for group in GROUPS if spec_of(common["spec"], GROUPS[group])]
    computed = runner(
        _compute,
        [
            {
                **common,
                "group": group,
                "bucket": bucket,
                "pieces": [part["pieces"][group][bucket] for part in split],
                "labelled": split[0]["labelled"],
            }
            for group in groups
            for bucket in range(buckets)
        ],
    )
    columns = {result["group"]: result["columns"] for result in computed}
    return runner(_join, [_join_task(chunk, split, columns, groups) for chunk in chunks])


def _fingerprint(spec: str, delay: int) -> str:
    nothing = {name: pa.array([], pa.int64()) for name in ("transaction_id", *(RECORD.names or ()))}
    nothing["event_time"] = pa.array([], pa.timestamp("s", "UTC"))
    nothing["is_fraud"] = pa.array([], pa.bool_())
    table = pa.table(_weir.features(pa.table(nothing), spec, "spec", delay, 1))
    found: bytes = table.schema.metadata[b"weir.fingerprint"]
    return found.decode()


def published(out: str) -> dict[str, Any] | None:
    """The `features.json` that readers see; None where nothing was published yet."""
    target = Store(out)
    if not any(item.path == "features.json" for item in target.list("features.json")):
        return None
    document: dict[str, Any] = json.loads(target.read("features.json"))
    if document.get("format") != FORMAT:
        raise weir.Error(f'"{target.url("features.json")}" is no {FORMAT} table')
    return document


def spec_of(text: str, keys: tuple[str, ...]) -> str:
    """The part of a canonical spec that looks at these keys; empty when nothing does."""
    lines = text.splitlines(keepends=True)
    chosen = [line for line in lines if (found := _key_of(line)) is None or found in keys]
    return "".join(chosen) if any(map(_key_of, chosen)) else ""


def _key_of(line: str) -> str | None:
    found = re.match(r'\s*\{ key = "(\w+)"', line)
    return found[1] if found else None


def _chunks(files: tuple[DayFile, ...], rows: int) -> Iterator[list[str]]:
    """Runs of whole days of about so many rows at most, as equal as days allow."""
    total = sum(file.rows for file in files)
    share = edge = total / -(-total // rows)
    paths: list[str] = []
    seen = 0
    for file in files:
        if paths and seen + file.rows / 2 > edge:
            yield paths
            paths, edge = [], edge + share
        paths.append(file.path)
        seen += file.rows
    if paths:
        yield paths


def _records(task: Task) -> tuple[npt.NDArray[Any], bool]:
    """What inputs look at of a chunk's payments, in their order; whether they have labels."""
    store, rows, labelled = Store(task["lake"]), [], False
    for path in task["files"]:
        table = read_table(store, path, list(RECORD.names or ()))
        records = np.zeros(table.num_rows, RECORD)
        labelled = "is_fraud" in table.column_names
        for name in table.column_names:
            records[name] = _seconds(table) if name == "event_time" else table[name].to_numpy()
        rows.append(records)
    return np.concatenate(rows), labelled


def _buckets(ids: npt.NDArray[np.int64], buckets: int) -> tuple[npt.NDArray[Any], list[int]]:
    """(rows by bucket, in their order within one; rows of each)."""
    mixed = (ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)
    bucket = (mixed % np.uint64(buckets)).astype(np.uint16)
    counts = np.bincount(bucket, minlength=buckets).tolist()
    return np.argsort(bucket, kind="stable"), counts


def _seconds(table: pa.Table) -> npt.NDArray[np.int64]:
    times = table["event_time"].cast(pa.timestamp("s", "UTC")).cast(pa.int64())
    return times.to_numpy()  # type: ignore[no-any-return]


def _split(task: Task) -> dict[str, Any]:
    work = Store(task["out"])
    records, labelled = _records(task)
    pieces: dict[str, list[list[int]]] = {}
    for group in GROUPS:
        order, counts = _buckets(records[f"{group}_id"], task["buckets"])
        work.write(_piece(task, group), records[order].tobytes())
        ends = np.cumsum([0, *counts]).tolist()
        pieces[group] = [[task["chunk"], *where] for where in itertools.pairwise(ends)]
    return {"pieces": pieces, "labelled": labelled}


def _piece(task: Task, group: str, chunk: int | None = None) -> str:
    number = task["chunk"] if chunk is None else chunk
    return f"work/{task['run']}/{group}-{number:05d}.rows"


def _compute(task: Task) -> dict[str, Any]:
    """All inputs of a bucket; kept by chunk, each input's values of it together."""
    work, group = Store(task["out"]), task["group"]
    size = RECORD.itemsize
    rows = np.concatenate(
        [
            np.frombuffer(
                work.read(_piece(task, group, chunk), begin * size, end * size), dtype=RECORD
            )
            for chunk, begin, end in task["pieces"]
        ]
    )
    columns = {name: np.ascontiguousarray(rows[name]) for name in RECORD.names or ()}
    times = pa.array(columns.pop("event_time"), pa.int64()).cast(pa.timestamp("s", "UTC"))
    fraud = columns.pop("is_fraud")
    # The order within a bucket is the lake's; what breaks its ties is of no other use here.
    table = {"transaction_id": np.arange(len(rows)), "event_time": times, **columns}
    if task["labelled"]:
        table["is_fraud"] = pa.array(fraud)
    found = inputs_of(pa.table(table), spec_of(task["spec"], GROUPS[group]), task["delay"])
    ends = np.cumsum([0, *(end - begin for _, begin, end in task["pieces"])]).tolist()
    parts = [values[a:b] for a, b in itertools.pairwise(ends) for values in found.values()]
    content = np.concatenate(parts).tobytes()
    work.write(f"work/{task['run']}/{group}-{task['bucket']:05d}.inputs", content)
    return {"group": group, "columns": list(found)}


def inputs_of(table: pa.Table, spec: str, delay: int) -> dict[str, Floats]:
    """Name → values of each input of a spec's text."""
    found = pa.table(_weir.features(table, spec, "spec", delay, 1))
    return {
        field.name: found[field.name].to_numpy()
        for field in found.schema
        if pa.types.is_float32(field.type)
    }


def _join_task(
    chunk: Task, split: list[Task], columns: dict[str, list[str]], groups: list[str]
) -> Task:
    """A chunk with the place of its values in each bucket's file."""
    places: dict[str, list[int]] = {}
    for group in groups:
        width = 4 * len(columns[group])
        places[group] = [
            width
            * sum(
                part["pieces"][group][bucket][2] - part["pieces"][group][bucket][1]
                for part in split[: chunk["chunk"]]
            )
            for bucket in range(chunk["buckets"])
        ]
    return {**chunk, "places": places, "columns": {group: columns[group] for group in groups}}


def _join(task: Task) -> dict[str, Any]:
    lake, work = Store(task["lake"]), Store(task["out"])
    payments = pa.concat_tables([read_table(lake, path) for path in task["files"]])
    rows = payments.num_rows
    inputs: dict[str, Floats] = {}
    for group, names in task["columns"].items():
        order, counts = _buckets(payments[f"{group}_id"].to_numpy(), task["buckets"])
        values = np.empty((len(names), rows), np.float32)
        ends = np.cumsum([0, *counts]).tolist()
        for bucket, (begin, end) in enumerate(itertools.pairwise(ends)):
            at = task["places"][group][bucket]
            length = 4 * len(names) * (end - begin)
            path = f"work/{task['run']}/{group}-{bucket:05d}.inputs"
            piece = np.frombuffer(work.read(path, at, at + length), np.float32)
            values[:, order[begin:end]] = piece.reshape(len(names), end - begin)
        inputs |= dict(zip(names, values, strict=True))
    own = spec_of(task["spec"], ("payment",))
    if own:
        inputs |= inputs_of(payments, own, task["delay"])
    # The whole spec's columns, their order and its fingerprint, from the core.
    shape = pa.table(_weir.features(payments.slice(0, 1), task["spec"], "spec", task["delay"], 1))
    columns = [
        pa.array(inputs[field.name]) if field.name in inputs else payments[field.name]
        for field in shape.schema
    ]
    schema = pa.schema(
        [f.with_nullable(False) for f in shape.schema], metadata=shape.schema.metadata
    )
    table = pa.table(columns, names=shape.schema.names).cast(schema)
    path = f"data/{task['run']}/part-{task['chunk']:05d}.parquet"
    work.write(path, _parquet(table))
    days = payments["event_time"].cast(pa.timestamp("s", "UTC"))
    return {
        "path": path,
        "from": f"{days[0].as_py():%Y-%m-%d}",
        "to": f"{days[-1].as_py():%Y-%m-%d}",
        "rows": rows,
    }


def _parquet(table: pa.Table) -> bytes:
    """As `weir features` writes a table."""
    encodings = {
        field.name: "BYTE_STREAM_SPLIT"
        if pa.types.is_float32(field.type)
        else "DELTA_BINARY_PACKED"
        for field in table.schema
        if not pa.types.is_boolean(field.type)
    }
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        table.schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=False,
        column_encoding=encodings,
        write_page_checksum=True,
        store_schema=False,
    ) as writer:
        # Without Arrow's own schema in the file its metadata would be left out too.
        writer.add_key_value_metadata(table.schema.metadata)
        writer.write_table(table, row_group_size=1 << 20)
    content: bytes = sink.getvalue().to_pybytes()
    return content
