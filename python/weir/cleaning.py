"""Cleaning of a lake in parts, on as many machines as there are: the tasks and their plan.

    parts  each part of a raw file → clean rows by day, rejects        (work/<run>/)
    ids    each range of ids → which rows came before, in log order    (work/<run>/)
    days   each day → one sorted Parquet file; each part → its rejects (data/<run>/)

`runner` carries the tasks out: Spark's in the job, a plain loop in tests. Tasks are functions of
their JSON and of stored files, and write the same bytes to the same paths when they are run again.
Every rule is the core's; here is only what goes where.
"""

import io
import itertools
import json
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import weir
from weir.lake import DayFile, Item, Lake, Manifest, Store

Task = dict[str, Any]
Runner = Callable[[Callable[[Task], Any], list[Task]], list[Any]]

HEAD_BYTES = 1 << 17
PART_BYTES = 32 << 20
IDS_OF_A_TASK = 8_000_000
QUARANTINE = pa.schema(
    [pa.field(name, pa.string(), nullable=False) for name in ("rule", "field", "value", "file")]
    + [
        pa.field("line", pa.int64(), nullable=False),
        pa.field("amount_minor", pa.int64()),
        pa.field("is_fraud", pa.bool_()),
        pa.field("raw", pa.string(), nullable=False),
    ]
)
TEXT_ENDINGS = (".txt", ".csv", ".tsv", ".json", ".jsonl", ".ndjson")
PACKED = {".zst": "zstd", ".gz": "gzip"}


def run_here(work: Callable[[Task], Any], tasks: list[Task]) -> list[Any]:
    """Carry out tasks one after another in this process."""
    return [work(task) for task in tasks]


def clean_lake(
    raw: str,
    lake: str,
    *,
    terminals: str | None = None,
    accept_rules: tuple[str, ...] = (),
    runner: Runner = run_here,
    part_bytes: int = PART_BYTES,
    say: Callable[[str], None] = lambda text: None,
) -> Manifest:
    """Bring the lake up to date with the raw files and publish it; gives the newest state.

    Only new files are read when they come after the known ones by name; anything else that changed
    (a file replaced, removed or put in between, other settings) makes the lake anew, since the
    first row of an id is the one that stays. Nothing is published when a rule would take frauds
    beyond chance, a raw file changed meanwhile, or another run published first.
    """
    source, target = Store(raw), Lake(lake)
    if f"{target.store.location}/".startswith(f"{source.location.rstrip('/')}/"):
        raise weir.Error(
            f'the lake "{target.store.location}" lies in the folder of the raw files, which would '
            "take it for more of them; put it beside"
        )
    before = target.newest()
    items = raw_files(source)
    settings = {"terminals": terminals or "", "raw": source.location}
    known = len(before.raw)
    grows = before.settings == settings and tuple(items[:known]) == before.raw
    if grows and len(items) == known:
        say(f"nothing new: state {before.number} holds all {known} raw files")
        return before
    base = before if grows else Manifest(number=0)
    fresh = items[known:] if grows else items
    say(f"{len(fresh)} of {len(items)} raw files to clean{'' if base.number else ', lake anew'}")
    run = secrets.token_hex(6)
    try:
        manifest = _clean_files(
            source, target, base, fresh, settings, run, accept_rules, runner, part_bytes, say
        )
        if raw_files(source) != items:
            raise weir.Error(
                f'raw files of "{source.location}" changed while they were read; nothing is '
                "published, run again"
            )
        published = target.publish(manifest, before)
    except BaseException:
        target.store.delete(f"data/{run}/")
        raise
    finally:
        target.store.delete(f"work/{run}/")
    say(f"state {published.number}: {published.rows} payments of {len(published.files)} days")
    return published


def raw_files(source: Store) -> list[Item]:
    """The raw files in log order: by name."""
    found = []
    for item in source.list():
        name = item.path.rsplit("/", 1)[-1]
        if name.startswith((".", "_")) or "/." in item.path:
            continue
        bare = name.removesuffix(".zst").removesuffix(".gz")
        if bare.endswith(".parquet"):
            raise weir.Error(
                f'"{source.url(item.path)}": the job reads text and JSON lines, not Parquet; '
                "use weir clean"
            )
        if bare.endswith(TEXT_ENDINGS):
            found.append(item)
    if not found:
        raise weir.Error(
            f'"{source.location}" holds no raw data; wanted files named {", ".join(TEXT_ENDINGS)}, '
            "also with .zst or .gz"
        )
    return found


def _clean_files(
    source: Store,
    target: Lake,
    base: Manifest,
    fresh: list[Item],
    settings: dict[str, Any],
    run: str,
    accept_rules: tuple[str, ...],
    runner: Runner,
    part_bytes: int,
    say: Callable[[str], None],
) -> Manifest:
    common = {"raw": source.location, "lake": target.store.location, "run": run}
    with ThreadPoolExecutor(8) as pool:  # A few bytes a file: Spark takes longer to start on them.
        heads = list(pool.map(lambda item: _inspect(source, item.path), fresh))
    labelled = base.report["labelled"] if base.report else heads[0]["labelled"]
    for item, head in zip(fresh, heads, strict=True):
        if head["labelled"] != labelled:
            has = "has" if head["labelled"] else "has no"
            raise weir.Error(
                f'"{source.url(item.path)}" {has} labels, unlike the rest of the lake; clean '
                "labelled and unlabelled data into separate lakes"
            )
    # The first file that has an origin speaks for all, as in `weir clean`; a lake keeps its own.
    origins = [head["time_origin"] for head in heads if head["time_origin"] is not None]
    origin = base.time_origin
    if origin is None and origins:
        origin = origins[0]
    parts = [
        {**common, **part, "terminals": settings["terminals"] or None, "time_origin": origin}
        for item in fresh
        for part in _cut(item, part_bytes)
    ]
    for number, part in enumerate(parts):
        part["part"] = number
    read = runner(_clean_part, parts)
    say(f"read {sum(part['rows'] for part in read)} rows in {len(parts)} parts")

    copies = runner(_find_copies, _id_tasks(common, read, base, labelled))
    copies_of: dict[int, list[str]] = {}
    for result in copies:
        for number, path in result["parts"]:
            copies_of.setdefault(number, []).append(path)
    tasks = _day_tasks(common, read, copies_of, base)
    tasks += _reject_tasks(parts, read, copies_of)
    written = runner(_write, tasks)
    days = [result for result in written if "day" in result]
    report = weir.add_reports(
        ([base.report] if base.report else [])
        + [part["report"] for part in read]
        + [found["report"] for found in copies if found["report"]]
        + [day["report"] for day in days]
    )
    files = {file.day: file for file in base.files}
    files |= {day["day"]: DayFile(**day["file"]) for day in days if day["file"]}
    report["days"] = len(files)
    weir.check_report(report, accept_rules=accept_rules)
    if not files:
        raise weir.Error(
            f'no clean payment in {report["in"]["rows"]} rows of "{source.location}"; the lake is '
            "not published"
        )
    quarantine = [result["quarantine"] for result in written if result.get("quarantine")]
    return Manifest(
        run=run,
        settings=settings,
        time_origin=origin,
        raw=base.raw + tuple(fresh),
        files=tuple(files[day] for day in sorted(files)),
        quarantine=base.quarantine + tuple(quarantine),
        report=report,
    )


def _inspect(source: Store, path: str) -> dict[str, Any]:
    file = weir.TextFile(_head(source, path), source=source.url(path))
    return {"labelled": file.labelled, "time_origin": file.time_origin}


def _packing(path: str) -> str | None:
    return next((name for ending, name in PACKED.items() if path.endswith(ending)), None)


def _unpacked(source: Store, path: str, size: int | None = None) -> Any:
    packed = io.BytesIO(source.read(path, 0, size))
    return pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), _packing(path))


def _head(source: Store, path: str) -> bytes:
    if _packing(path) is None:
        return source.read(path, 0, HEAD_BYTES)
    # What does not pack at all is longer by a frame only, and the last block is not looked at.
    with _unpacked(source, path, 4 * HEAD_BYTES) as stream:
        head: bytes = stream.read(HEAD_BYTES)
        return head


def _cut(item: Item, part_bytes: int) -> Iterator[Task]:
    """A plain file in ranges of bytes; a packed one can only be read from its beginning."""
    if _packing(item.path) is not None:
        yield {"path": item.path, "start": 0, "end": None}
        return
    for start in range(0, max(item.size, 1), part_bytes):
        end = min(start + part_bytes, item.size)
        yield {"path": item.path, "start": start, "end": end, "size": item.size}


def _lines_of(source: Store, part: Task) -> Iterator[tuple[int, bytes]]:
    """(offset, whole lines) that begin in [start, end) of the file."""
    path, start, end = part["path"], part["start"], part["end"]
    if end is None:
        with _unpacked(source, path) as stream:
            offset, carry = 0, b""
            while block := stream.read(PART_BYTES):
                text = carry + block
                cut = text.rfind(b"\n") + 1
                if cut:
                    yield offset, text[:cut]
                offset, carry = offset + cut, text[cut:]
            if carry:
                yield offset, carry
        return
    text = source.read(path, max(start - 1, 0), end)
    begin = start
    if start > 0:
        cut = text.find(b"\n") + 1  # The line before belongs to the part before.
        if cut == 0:
            return
        begin, text = start - 1 + cut, text[cut:]
    if not text:
        return
    while not text.endswith(b"\n"):
        rest = source.read(path, end, end + HEAD_BYTES) if end < part["size"] else b""
        if not rest:
            break
        cut = rest.find(b"\n") + 1
        text += rest[:cut] if cut else rest
        end += len(rest)
    yield begin, text


def _clean_part(task: Task) -> dict[str, Any]:
    """Clean one part and keep its rows by day, with their ids beside."""
    source, work = Store(task["raw"]), Store(task["lake"])
    file = weir.TextFile(
        _head(source, task["path"]),
        terminals=task["terminals"],
        time_origin=task["time_origin"],
        source=source.url(task["path"]),
    )
    payments, rejects, reports, lines = [], [], [], 0
    for offset, text in _lines_of(source, task):
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
    pieces = [
        _ipc(table.slice(begin, end - begin).combine_chunks())
        for begin, end in zip(begins, ends, strict=True)
    ]
    work.write(f"{name}.arrow", b"".join(pieces))
    bytes_at = np.cumsum([0, *map(len, pieces)]).tolist()
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


def _ipc(table: pa.Table) -> bytes:
    """Not packed: LZ4 halves the bytes and takes ten times as long."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _read_ipc(content: bytes) -> pa.Table:
    """The table of a stream, or of several one after another."""
    source, tables = pa.BufferReader(content), []
    while source.tell() < len(content):
        tables.append(pa.ipc.open_stream(source).read_all())
    return pa.concat_tables(tables)


def _id_tasks(common: Task, read: list[Task], base: Manifest, labelled: bool) -> list[Task]:
    """Ranges of ids, each with the parts and old days that may hold some of it."""
    parts = [part for part in read if part["rows"]]
    if not parts:
        return []
    wanted = -(-sum(part["rows"] for part in parts) // IDS_OF_A_TASK)
    middles = np.repeat(
        [(part["first_id"] + part["last_id"]) // 2 for part in parts],
        [max(1, part["rows"] // 10_000) for part in parts],
    )
    edges = np.unique(np.quantile(middles, np.arange(1, wanted) / wanted).astype(np.int64))
    bounds = [-1, *edges.tolist(), (1 << 63) - 1]
    tasks: list[Task] = []
    for low, high in itertools.pairwise(bounds):
        inside = [
            {key: part[key] for key in ("part", "rows")}
            for part in parts
            if part["first_id"] <= high and part["last_id"] > low
        ]
        old = [f.path for f in base.files if f.first_id <= high and f.last_id > low]
        if inside:
            tasks.append(
                {
                    **common,
                    "low": low,
                    "high": high,
                    "parts": inside,
                    "old": old,
                    "task": len(tasks),
                }
            )
    return tasks


def _find_copies(task: Task) -> dict[str, Any]:
    """Rows of ids in (low, high] that stood before already: what becomes of each."""
    work = Store(task["lake"])
    names = [f"work/{task['run']}/part-{part['part']:06d}" for part in task["parts"]]
    sources = [np.frombuffer(work.read(f"{name}.ids"), np.int64) for name in names]
    old = [_read_parquet(work, path, ["transaction_id"]) for path in task["old"]]
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
            table = _read_parquet(work, task["old"][number - len(names)], None).take(chosen)
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


def _read_parquet(store: Store, path: str, columns: list[str] | None) -> pa.Table:
    return pq.read_table(pa.BufferReader(store.read(path)), columns=columns)


def _day_tasks(
    common: Task, read: list[Task], copies_of: dict[int, list[str]], base: Manifest
) -> list[Task]:
    days: dict[str, list[Any]] = {}
    for part in read:
        for day, where in part["days"].items():
            copies = copies_of.get(part["part"], [])
            days.setdefault(day, []).append([part["part"], *where, copies])
    old = {file.day: file.path for file in base.files}
    return [
        {**common, "day": day, "parts": where, "old": old.get(day)}
        for day, where in sorted(days.items())
    ]


def _reject_tasks(
    parts: list[Task], read: list[Task], copies_of: dict[int, list[str]]
) -> list[Task]:
    """One task a part that has rejects; a part's lines count from those of its file before it."""
    before: dict[str, int] = {}
    tasks = []
    for part, result in zip(parts, read, strict=True):
        line = before.get(part["path"], 0)
        before[part["path"]] = line + result["lines"]
        mine = copies_of.get(part["part"], [])
        if result["rejects"] or mine:
            tasks.append({**part, "line": line, "rejects": result["rejects"], "copies": mine})
    return tasks


def _write(task: Task) -> dict[str, Any]:
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
        old = _read_parquet(work, task["old"], None).select(table.column_names)
        both = pa.concat_tables([old.cast(table.schema), table]).combine_chunks()
        table = pa.table(weir.order_payments(both)[0])
    if not table.num_rows:
        return {"day": task["day"], "file": None, "report": report}
    path = f"data/{task['run']}/clean/date={task['day']}/part-0.parquet"
    work.write(path, _parquet(table))
    extremes = pc.min_max(table["transaction_id"]).as_py()
    file = DayFile(path, task["day"], table.num_rows, extremes["min"], extremes["max"])
    return {"day": task["day"], "file": vars(file), "report": report}


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
        texts = list(_lines_of(source, task))
        for table in chosen:
            rows = table.to_pylist()
            places = [_place(texts, row["offset"]) for row in rows]
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


def _place(texts: list[tuple[int, bytes]], offset: int) -> tuple[int, str]:
    """(line from 0 in the part, text) of the row that begins at this byte of the file."""
    line = 0
    for begin, text in texts:
        if begin <= offset < begin + len(text):
            at = offset - begin
            end = text.find(b"\n", at)
            raw = text[at:] if end < 0 else text[at:end]
            return line + text.count(b"\n", 0, at), raw.decode("utf-8", "replace").rstrip("\r")
        line += text.count(b"\n")
    raise AssertionError(f"no line at byte {offset}")
