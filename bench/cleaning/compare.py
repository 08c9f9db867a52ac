"""`weir clean` against Polars and DuckDB on one course file: the same rows, then the times.

Usage: bench/cleaning/compare.py [--weir build/release/weir] [--days 7] [--rounds 3] [--work FOLDER]
Whole processes, start-up included; wall and CPU seconds and peak memory as the kernel counts them.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

COLUMNS = [
    "transaction_id",
    "event_time",
    "customer_id",
    "terminal_id",
    "amount_minor",
    "is_fraud",
    "fraud_scenario",
]
WANTED_RATIO = 3.5


@dataclass
class Contender:
    """One program and what its runs took."""

    name: str
    command: list[str]
    out: Path
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Run once from nothing, into the page cache."""
        shutil.rmtree(self.out, ignore_errors=True)
        begin = os.times().elapsed
        process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{self.name} failed: {' '.join(self.command)}")
        self.wall.append(os.times().elapsed - begin)
        self.cpu.append(usage.ru_utime + usage.ru_stime)
        self.memory_mb.append(usage.ru_maxrss / 1024)


def read_clean(path: Path) -> pa.Table:
    """Give the clean rows in one form, days in order."""
    table = pq.read_table(path, partitioning=None).select(COLUMNS)
    time = table["event_time"].cast(pa.timestamp("us")).cast(pa.int64())
    table = table.set_column(1, "event_time", time)
    return table.set_column(6, "fraud_scenario", table["fraud_scenario"].cast(pa.int64()))


def first_difference(left: pa.Table, right: pa.Table) -> str:
    """Name what is not equal; empty when all is."""
    if left.num_rows != right.num_rows:
        return f"{left.num_rows} rows against {right.num_rows}"
    for name in COLUMNS:
        unequal = pc.sum(pc.not_equal(left[name], right[name])).as_py()
        if unequal:
            return f"{unequal} rows differ in {name}"
    return ""


def machine() -> str:
    """Name the processor and how many of it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{line.split(':')[1].strip()}, {os.cpu_count()} cores"
    return f"{os.cpu_count()} cores"


def main() -> None:
    """Make the input, check, time, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weir", default="build/release/weir")
    parser.add_argument("--days", type=int, default=7, help="about 1.56 M rows each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=None)
    arguments = parser.parse_args()
    work = arguments.work or Path(tempfile.mkdtemp(prefix="weir-bench-"))

    simulate = [arguments.weir, "simulate", "--preset", "course", "--days", str(arguments.days)]
    simulate += ["--days-per-file", "1200", "--defects", "5", "--out", str(work / "input")]
    subprocess.run([*simulate, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    (source,) = (work / "input" / "raw").glob("*.txt")
    rivals = str(Path(__file__).with_name("rivals.py"))

    def rival(name: str) -> Contender:
        out = work / name
        return Contender(name, [sys.executable, rivals, name, str(source), str(out)], out)

    weir = [arguments.weir, "clean", str(source), "--terminals", "0..999", "--quiet", "--out"]
    contenders = [
        Contender("weir", [*weir, str(work / "weir")], work / "weir"),
        rival("polars"),
        rival("duckdb"),
    ]
    for contender in contenders:
        contender.run()
    ours = read_clean(work / "weir" / "clean")
    for contender in contenders[1:]:
        difference = first_difference(ours, read_clean(contender.out / "clean.parquet"))
        if difference:
            sys.exit(f"weir and {contender.name} do not agree: {difference}")
    print(
        f"{ours.num_rows:,} clean rows of {source.stat().st_size / 1e6:.0f} MB, equal in all three"
    )
    del ours

    for contender in contenders:
        contender.wall, contender.cpu, contender.memory_mb = [], [], []
    for _ in range(arguments.rounds):
        for contender in contenders:
            contender.run()
    load = os.getloadavg()[0]
    print(f"{machine()}, load {load:.1f}; medians of {arguments.rounds} rounds, A B C A B C")
    print(f"{'':<8}{'wall s':>8}{'CPU s':>8}{'peak MB':>9}{'times weir, wall':>18}{'CPU':>6}")
    base = contenders[0]
    ratios = []
    for contender in contenders:
        wall, cpu = statistics.median(contender.wall), statistics.median(contender.cpu)
        ratios.append(wall / statistics.median(base.wall))
        print(
            f"{contender.name:<8}{wall:>8.2f}{cpu:>8.2f}{max(contender.memory_mb):>9.0f}"
            f"{ratios[-1]:>18.1f}{cpu / statistics.median(base.cpu):>6.1f}"
        )
    if arguments.work is None:
        shutil.rmtree(work)
    slowest = min(ratios[1:])
    print(
        f"{'met' if slowest >= WANTED_RATIO else 'MISSED'}: {slowest:.1f} of {WANTED_RATIO} times"
    )


if __name__ == "__main__":
    main()
