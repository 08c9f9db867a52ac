"""The tasks of cleaning a lake, each a function of its JSON and of stored files.

`weir.cleaning` says which there are. Every rule is the core's; here is only what goes where.
"""

import io
import itertools
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import weir
from weir.lake import DayFile, Store
from weir.raw_text import head_of, lines_of, place_of
from weir.stored_tables import read_table
from weir.tasks import Task

QUARANTINE = pa.schema(
    [pa.field(name, pa.string(), nullable=False) for name in ("rule", "field", "value", "file")]
    + [
        pa.field("line", pa.int64(), nullable=False),
        pa.field("amount_minor", pa.int64()),
        pa.field("is_fraud", pa.bool_()),
        pa.field("raw", pa.string(), nullable=False),
    ]
)


def clean_part(task: Task) -> dict[str, Any]:
    """Clean one part and keep its rows by day, with their ids beside."""
    source, work = Store(task["raw"]), Store(task["lake"])
    file = weir.TextFile(
        head_of(source, task["path"]),
        terminals=task["terminals"],
        time_origin=task["time_origin"],
        source=source.url(task["path"]),
    )
    payments, rejects, reports, lines = [], [], [], 0
    for offset, text in lines_of(source, task):
        cleaned = file.clean(text, first=offset == 0)
        payments.append(_moved(pa.table(cleaned.payments), "offset", offset))
        rejects.append(_moved(pa.table(cleaned.rejects), "line", lines))
        reports.append(cleaned.report)
        lines += cleaned.lines
    result: dict[str, Any] = {"part": task["part"], "path": task["path"], "lines": lines}
    if not payments:
        empty = file.clean(b"", first=False)
        return {**result, "rows": 0, "days": {}, "rejects": 0, "report": empty.report}
    table = pa.concat_tables(payments).combine_chunks()
    rejected = pa.concat_tables(rejects, promote_options="default").combine_chunks()
    name = f"work/{task['run']}/part-{task['part']:06d}"
    day = table["event_time"].cast(pa.timestamp("s", "UTC")).cast(pa.int64()).to_numpy() // 86_400
    order = np.argsort(day, kind="stable")
    table, day = table.take(order), day[order]
    days, begins = np.unique(day, return_index=True)
    ends = np.append(begins, len(day))[1:]
    sink, bytes_at = pa.BufferOutputStream(), [0]
    for begin, end in zip(begins, ends, strict=True):
        _write_ipc(table.slice(begin, end - begin).combine_chunks(), sink)
        bytes_at.append(sink.tell())
    work.write(f"{name}.arrow", memoryview(sink.getvalue()))
    ids = table["transaction_id"].to_numpy()
    work.write(f"{name}.ids", ids.tobytes())
    if rejected.num_rows:
        work.write(f"{name}.rejects", _ipc(rejected))
    return {
        **result,
        "rows": table.num_rows,
        "days": {
            str(np.datetime64(int(day), "D")): [*where, int(begin), int(end)]
            for day, where, begin, end in zip(
                days, itertools.pairwise(bytes_at), begins, ends, strict=True
            )
        },
        "first_id": int(ids.min()) if len(ids) else 0,
        "last_id": int(ids.max()) if len(ids) else -1,
        "rejects": rejected.num_rows,
        "report": weir.add_reports(reports),
    }


def _moved(table: pa.Table, name: str, by: int) -> pa.Table:
    if by == 0:
        return table
    index = table.column_names.index(name)
    return table.set_column(index, table.schema.field(index), pc.add(table[name], by))


def find_copies(task: Task) -> dict[str, Any]:
    """Rows of ids in (low, high] that stood before already: what becomes of each."""
    work = Store(task["lake"])
    names = [f"work/{task['run']}/part-{part['part']:06d}" for part in task["parts"]]
    sources = [np.frombuffer(work.read(f"{name}.ids"), np.int64) for name in names]
    old = [read_table(work, path, ["transaction_id"]) for path in task["old"]]
    sources += [table["transaction_id"].to_numpy() for table in old]
    inside = [np.flatnonzero((ids > task["low"]) & (ids <= task["high"])) for ids in sources]
    ids = np.concatenate([s[i] for s, i in zip(sources, inside, strict=True)])
    ordered = np.sort(ids)
    copied = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    result: dict[str, Any] = {"task": task["task"], "parts": [], "report": None}
    if not len(copied):
        return result
    many = pc.is_in(pa.array(ids), pa.array(copied)).to_numpy(zero_copy_only=False)
    rows, at = [], 0
    for number, indices in enumerate(inside):
        chosen = indices[many[at : at + len(indices)]]
        at += len(indices)
        if not len(chosen):
            continue
        if number < len(names):
            table = _read_ipc(work.read(f"{names[number]}.arrow")).take(chosen)
            part = task["parts"][number]["part"]
        else:
            table = read_table(work, task["old"][number - len(names)]).take(chosen)
            # What was published comes first in the log.
            table = table.append_column("offset", pa.array(chosen))
            part = -1
        rows.append(
            table.append_column("row", pa.array(chosen)).append_column(
                "part", pa.array(np.full(len(chosen), part, np.int64))
            )
        )
    table = pa.concat_tables(rows, promote_options="default")
    table = table.sort_by([("part", "ascending"), ("offset", "ascending")]).combine_chunks()
    known = [
        name
        for name in table.column_names
        if name not in ("row", "part", "offset", "time_repaired")
    ]
    judged = weir.clean(table.select(known), accept_rules=["duplicate_id"])
    _, first = np.unique(table["transaction_id"].to_numpy(), return_index=True)
    gone = np.ones(table.num_rows, bool)
    gone[first] = False
    other = np.zeros(table.num_rows, bool)
    other[pa.table(judged.rejects)["row"].to_numpy()] = True
    report = json.loads(json.dumps(judged.report))
    for name in ("in", "clean", *(f"rules/{r}" for r in report["rules"] if "duplicate" not in r)):
        place = report["rules"] if "/" in name else report
        key = name.split("/")[-1]
        place[key] = {k: v if k == "action" else 0 for k, v in place[key].items()}
    report |= {"files": [], "days": 0, "first_time": None, "last_time": None}
    result["report"] = report
    part_of = table["part"].to_numpy()
    for part in np.unique(part_of[gone]):
        mine = gone & (part_of == part)
        path = f"work/{task['run']}/copies-{task['task']:06d}-{part:06d}.arrow"
        kept = table.append_column("quarantined", pa.array(other)).filter(pa.array(mine))
        work.write(path, _ipc(kept))
        result["parts"].append([int(part), path])
    return result


def write_files(task: Task) -> dict[str, Any]:
    return _write_day(task) if "day" in task else _write_rejects(task)


def _write_day(task: Task) -> dict[str, Any]:
    """One day's file: its rows of all parts, without the copies, in order."""
    work = Store(task["lake"])
    tables = []
    for part, byte, byte_end, begin, end, copies in task["parts"]:
        name = f"work/{task['run']}/part-{part:06d}.arrow"
        table = _read_ipc(work.read(name, byte, byte_end))
        keep = np.ones(end - begin, bool)
        for path in copies:
            rows = _read_ipc(work.read(path))["row"].to_numpy()
            keep[rows[(rows >= begin) & (rows < end)] - begin] = False
        tables.append(table if keep.all() else table.filter(pa.array(keep)))
    new = pa.concat_tables(tables).combine_chunks()
    ordered, report = weir.order_payments(new)
    table = pa.table(ordered)
    if task["old"]:
        old = read_table(work, task["old"]).select(table.column_names)
        both = pa.concat_tables([old.cast(table.schema), table]).combine_chunks()
        table = pa.table(weir.order_payments(both)[0])
    if not table.num_rows:
        return {"day": task["day"], "file": None, "report": report}
    path = f"data/{task['run']}/clean/date={task['day']}/part-0.parquet"
    work.write(path, _parquet(table))
    extremes = pc.min_max(table["transaction_id"]).as_py()
    file = DayFile(path, task["day"], table.num_rows, extremes["min"], extremes["max"])
    return {"day": task["day"], "file": vars(file), "report": report}


def _write_rejects(task: Task) -> dict[str, Any]:
    """The rejects of a part as one file: why, where, and the row as it came."""
    source, work = Store(task["raw"]), Store(task["lake"])
    name = f"work/{task['run']}/part-{task['part']:06d}"
    file = source.url(task["path"])
    tables = []
    if task["rejects"]:
        table = _read_ipc(work.read(f"{name}.rejects"))
        table = _moved(table, "line", task["line"] + 1)
        table = table.append_column("file", pa.array([file] * table.num_rows))
        tables.append(table.select(QUARANTINE.names).cast(QUARANTINE))
    copies = [_read_ipc(work.read(path)) for path in task["copies"]]
    chosen = [table.filter(table["quarantined"]) for table in copies]
    if any(table.num_rows for table in chosen):
        texts = list(lines_of(source, task))
        for table in chosen:
            rows = table.to_pylist()
            places = [place_of(texts, row["offset"]) for row in rows]
            ids = [str(row["transaction_id"]) for row in rows]
            tables.append(
                pa.table(
                    {
                        "rule": ["duplicate_id"] * len(rows),
                        "field": ["transaction_id"] * len(rows),
                        "value": ids,
                        "file": [file] * len(rows),
                        "line": pa.array([task["line"] + 1 + p[0] for p in places], pa.int64()),
                        "amount_minor": table["amount_minor"],
                        "is_fraud": table["is_fraud"]
                        if "is_fraud" in table.column_names
                        else pa.nulls(len(rows), pa.bool_()),
                        "raw": [p[1] for p in places],
                    }
                ).cast(QUARANTINE)
            )
    if not tables:
        return {"quarantine": None}
    path = f"data/{task['run']}/quarantine/part-{task['part']:06d}.parquet"
    sink = io.BytesIO()
    pq.write_table(pa.concat_tables(tables).sort_by("line"), sink, compression="zstd")
    work.write(path, sink.getvalue())
    return {"quarantine": path}


def _parquet(table: pa.Table) -> bytes:
    """As `weir clean` writes a day."""
    required = pa.schema([field.with_nullable(False) for field in table.schema])
    numbers = [f.name for f in required if not pa.types.is_boolean(f.type)]
    sink = io.BytesIO()
    pq.write_table(
        table.cast(required),
        sink,
        compression="zstd",
        compression_level=1,
        use_dictionary=False,
        row_group_size=1 << 20,
        column_encoding={name: "DELTA_BINARY_PACKED" for name in numbers},
        write_page_checksum=True,
        store_schema=False,
    )
    return sink.getvalue()


def _ipc(table: pa.Table) -> memoryview:
    sink = pa.BufferOutputStream()
    _write_ipc(table, sink)
    return memoryview(sink.getvalue())


def _write_ipc(table: pa.Table, sink: pa.BufferOutputStream) -> None:
    """Not packed: LZ4 halves the bytes and takes ten times as long."""
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def _read_ipc(content: bytes) -> pa.Table:
    """The table of a stream, or of several one after another."""
    source, tables = pa.BufferReader(content), []
    while source.tell() < len(content):
        tables.append(pa.ipc.open_stream(source).read_all())
    return pa.concat_tables(tables)
