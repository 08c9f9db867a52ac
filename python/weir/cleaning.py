"""Cleaning of a lake in parts, on as many machines as there are: the plan of `cleaning_tasks`.

    parts  each part of a raw file → clean rows by day, rejects        (work/<run>/)
    ids    each range of ids → which rows came before, in log order    (work/<run>/)
    days   each day → one sorted Parquet file; each part → its rejects (data/<run>/)

`runner` carries the tasks out (`weir.tasks`). Nothing is visible before the last step, publishing.
"""

import itertools
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

import weir
from weir.cleaning_tasks import clean_part, find_copies, write_files
from weir.lake import DayFile, Item, Lake, Manifest, Store
from weir.raw_text import ENDINGS, PART_BYTES, cut, inspect
from weir.tasks import Runner, Task, run_here

IDS_OF_A_TASK = 8_000_000


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
        if bare.endswith(ENDINGS):
            found.append(item)
    if not found:
        raise weir.Error(
            f'"{source.location}" holds no raw data; wanted files named {", ".join(ENDINGS)}, '
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
        heads = list(pool.map(lambda item: inspect(source, item.path), fresh))
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
        for part in cut(item, part_bytes)
    ]
    for number, part in enumerate(parts):
        part["part"] = number
    read = runner(clean_part, parts)
    say(f"read {sum(part['rows'] for part in read)} rows in {len(parts)} parts")

    ids = _id_tasks(common, read, base, labelled)
    # One task is done sooner than Spark has begun it.
    copies = (runner if len(ids) > 1 else run_here)(find_copies, ids)
    copies_of: dict[int, list[str]] = {}
    for result in copies:
        for number, path in result["parts"]:
            copies_of.setdefault(number, []).append(path)
    tasks = _day_tasks(common, read, copies_of, base)
    tasks += _reject_tasks(parts, read, copies_of)
    written = runner(write_files, tasks)
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
