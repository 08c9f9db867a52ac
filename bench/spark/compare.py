"""The jobs on Spark against idiomatic PySpark, on two local cores: the same answer, then the times.

    bench/spark/compare.py features [--customers 13500] [--rounds 3]
    bench/spark/compare.py cleaning [--days 60] [--rounds 3]

One session for all, it and its Python workers started before the clock, so what is compared is the
work and not the start-up. What a job and `weir clean` take for a few rows is start-up too: it is
timed, and their ratio is told with it and past it.
Features: as jobs/features.py computes a table of this size, in one task, and as it does a larger
one, by key. They are the handbook's inputs on the handbook's payments (terminals are small; window
functions over the course's, whose frames hold tens of thousands of rows, do not end). Exit 1 when
the answers differ or a ratio falls short.
"""

import argparse
import itertools
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import rivals
import weir
from weir import command, keyed_features, spark
from weir.cleaning import clean_lake
from weir.lake import Lake

WANTED = {"features": 20.0, "cleaning": 5.0, "of weir clean, past start-up": 0.5}
FEW_LINES = 1_000
ORDER = [("event_time", "ascending"), ("transaction_id", "ascending")]


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def worker(_: object) -> None:
    """A task that does nothing: it makes a Python worker start and import what tasks need."""


def started(name: str) -> tuple[Any, Any]:
    """(session, runner of tasks), the JVM's code generator and the Python workers running."""
    session = spark.session(name)
    runner = spark.run_tasks(lambda: session)
    session.range(1000).selectExpr("sum(id)").collect()
    runner(worker, [None] * 8)
    return session, runner


def told(name: str, rows: int, times: list[float]) -> float:
    """Print a contender's line; gives its rows a second."""
    rate = rows / statistics.median(times)
    print(f"{name:<28}{statistics.median(times):9.2f} s {rate:14,.0f} rows/s", flush=True)
    return rate


def held(name: str, ratio: float) -> bool:
    """Print a ratio and whether it is as wanted."""
    good = ratio >= WANTED[name]
    print(f"{name}: {ratio:.2f} times, wanted {WANTED[name]:g}: {'ok' if good else 'FELL SHORT'}")
    return good


def table(out: Path) -> pa.Table:
    """A published feature table in the lake's order."""
    document = keyed_features.published(str(out)) or {}
    parts = [pq.read_table(out / file["path"]) for file in document["files"]]
    return pa.concat_tables(parts).sort_by(ORDER)


def features(arguments: argparse.Namespace, work: Path) -> bool:
    """jobs/features.py's way against window functions."""
    people = ("--preset", "handbook", "--customers", arguments.customers)
    command.run("simulate", *people, "--out", work / "data")
    lake = str(work / "lake")
    clean_lake(str(work / "data/raw"), lake)
    files = [f"{lake}/{file.path}" for file in Lake(lake).newest().files]
    session, runner = started("weir bench")
    ours, keyed, theirs = work / "ours", work / "keyed", work / "theirs"

    def core(out: Path, **how: int) -> None:
        shutil.rmtree(out, ignore_errors=True)
        keyed_features.compute_features(lake, str(out), spec="handbook", runner=runner, **how)

    def windows() -> None:
        found = rivals.features(session.read.parquet(*files))
        found.write.mode("overwrite").option("compression", "zstd").parquet(str(theirs))

    contenders: dict[str, tuple[Callable[[], object], list[float]]] = {
        "in one task": (lambda: core(ours), []),
        "by key": (lambda: core(keyed, rows_of_one_task=0), []),
        "window functions": (windows, []),
    }
    for _ in range(arguments.rounds):
        for run, times in contenders.values():
            times.append(seconds(run))
    mine = table(ours)
    other = ds.dataset(theirs, exclude_invalid_files=True).to_table().sort_by(ORDER)
    same = mine.equals(table(keyed).cast(mine.schema))
    good = same and mine["transaction_id"].equals(other["transaction_id"])
    for name in [n for n in mine.column_names if pa.types.is_float32(mine.schema.field(n).type)]:
        a, b = mine[name].to_numpy(), other[name].to_numpy()
        # Payments of one key in one second see each other through a range of seconds.
        apart = float((abs(a - b) > 1e-4 * abs(a) + 1e-6).mean())
        if apart > 0.001:
            print(f"{name}: {apart:.4%} of rows differ")
            good = False
    print(f"features of {mine.num_rows:,} rows, 15 inputs, local[2]")
    rates = {name: told(name, mine.num_rows, times) for name, (_, times) in contenders.items()}
    print(f"by key: {rates['by key'] / rates['window functions']:.2f} times")
    return held("features", rates["in one task"] / rates["window functions"]) and good


def cleaning(arguments: argparse.Namespace, work: Path) -> bool:
    """jobs/clean.py's way against DataFrame functions, and against `weir clean`."""
    command.run("simulate", "--days", arguments.days, "--out", work / "data")
    raw, few, terminals = work / "data/raw", work / "few", 25
    few.mkdir()
    for path in raw.glob("*.txt"):
        with path.open() as file:
            (few / path.name).write_text("".join(itertools.islice(file, FEW_LINES)))
    session, runner = started("weir bench")
    direct, ours, theirs = work / "direct", work / "ours", work / "theirs"
    given = f"0..{terminals - 1}"

    def job(source: Path, out: Path) -> None:
        shutil.rmtree(out, ignore_errors=True)
        clean_lake(str(source), str(out), terminals=given, runner=runner, part_bytes=16 << 20)

    def binary(source: Path, out: Path) -> None:
        words = [command.binary(), "clean", source, "--terminals", given, "--quiet", "--out", out]
        subprocess.run(words, check=True, capture_output=True)

    contenders: dict[str, tuple[Callable[[], object], list[float]]] = {
        "through the core": (lambda: job(raw, ours), []),
        "DataFrame functions": (
            lambda: rivals.clean(session, f"{raw}/*.txt", str(theirs), terminals),
            [],
        ),
        "weir clean, no Spark": (lambda: binary(raw, direct), []),
        "core, few rows": (lambda: job(few, work / "few-ours"), []),
        "weir clean, few rows": (lambda: binary(few, work / "few-direct"), []),
    }
    for _ in range(arguments.rounds):
        for run, times in contenders.values():
            times.append(seconds(run))
    medians = {name: statistics.median(times) for name, (_, times) in contenders.items()}
    state = Lake(str(ours)).newest()
    rows = state.report["in"]["rows"]
    counts = {
        "through the core": state.rows,
        "DataFrame functions": ds.dataset(theirs / "clean").count_rows(),
        "weir clean, no Spark": ds.dataset(direct / "clean").count_rows(),
    }
    print(f"cleaning of {rows:,} rows, local[2]; clean rows {counts}")
    rates = {name: told(name, rows, contenders[name][1]) for name in counts}
    core, alone = "through the core", "weir clean, no Spark"
    starts = [medians[name] for name in ("core, few rows", "weir clean, few rows")]
    print(f"start-up {starts[0]:.2f} s, of weir clean {starts[1]:.2f} s")
    print(f"of weir clean, with it: {rates[core] / rates[alone]:.2f} times")
    past = (medians[alone] - starts[1]) / (medians[core] - starts[0])
    return all(
        [
            held("cleaning", rates[core] / rates["DataFrame functions"]),
            held("of weir clean, past start-up", past),
            len(set(counts.values())) == 1,
        ]
    )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("subject", choices=("features", "cleaning"))
    parser.add_argument("--customers", type=int, default=13_500)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        try:
            good = {"features": features, "cleaning": cleaning}[arguments.subject](
                arguments, Path(folder)
            )
        except weir.Error as fault:
            print(f"bench: {fault}", file=sys.stderr)
            return 1
        finally:
            spark.stop()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
