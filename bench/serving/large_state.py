"""A state of a million customers: memory, restart, and what a snapshot does to latencies.

Simulates 30 days of the course's shape up to today (47 M payments), serves them as history, loads
the service at a fixed rate with and without snapshots, stops and starts it again. Takes some
minutes and 8 GB of disk. Usage: .venv/bin/python bench/serving/large_state.py BUNDLE [--customers
1000000] [--rate 1600] [--seconds 20]
"""

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from run import CLIENT, WEIR, Server, free_port

DAYS = 30


def make_lake(work: Path, customers: int) -> Path:
    start = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=DAYS)
    make = ("simulate", "--preset", "course", "--days", DAYS, "--start", start)
    for line in (
        (*make, "--customers", customers, "--out", work / "data"),
        ("clean", work / "data/raw", "--out", work / "lake"),
    ):
        subprocess.run([WEIR, *map(str, line), "--quiet"], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(work / "data")
    return work / "lake"


def memory(server: Server, field: str) -> float:
    """Of the service itself, in GB."""
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024 / 1e9
    raise KeyError(field)


def start(what: str, *arguments: object) -> Server:
    """A service that is ready; says how long that took."""
    port, begin = free_port(), time.monotonic()
    command = (WEIR, "serve", *arguments, "--listen", f"127.0.0.1:{port}", "--metrics-listen", "")
    server = Server(*command, port=port, stderr=subprocess.PIPE)
    assert server.process.stderr is not None
    for line in server.process.stderr:
        if "ready at position" in line:
            break
    else:
        sys.exit(f"bench: {what}: the service ended")
    print(
        f"{what}: ready after {time.monotonic() - begin:.1f} s, {server.cpu():.1f} s of CPU; "
        f"{memory(server, 'VmRSS'):.2f} GB, at most {memory(server, 'VmHWM'):.2f} GB",
        flush=True,
    )
    return server


def stop(server: Server) -> None:
    begin = time.monotonic()
    server.process.terminate()
    server.process.communicate()
    print(f"stopped with a snapshot in {time.monotonic() - begin:.1f} s", flush=True)


def load(what: str, server: Server, first_id: int, options: argparse.Namespace) -> float:
    flags = {"port": server.port, "rate": options.rate, "seconds": options.seconds}
    flags |= {"first-id": first_id, "customers": options.customers}
    line = [text for name, value in flags.items() for text in (f"--{name}", str(value))]
    before = server.cpu()
    done = subprocess.run(
        ["taskset", "-c", "1", str(CLIENT), *line], capture_output=True, text=True, check=False
    )
    if not done.stdout:
        sys.exit(f"bench: the client failed: {done.stderr}")
    result = json.loads(done.stdout)
    if result["errors"] or result["unanswered"]:
        print(f"{what}: {result['errors']} errors, {result['unanswered']} unanswered")
    cpu = (server.cpu() - before) / (options.rate * (options.seconds + 1)) * 1e6
    print(
        f"{what}: p50 {result['p50_us']:.0f}, p99 {result['p99_us']:.0f}, p99.9 "
        f"{result['p999_us']:.0f}, most {result['max_us']:.0f} us at {options.rate:.0f}/s, "
        f"{cpu:.0f} us of CPU",
        flush=True,
    )
    return float(result["p99_us"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=1600)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}", flush=True)
    work = Path(tempfile.mkdtemp(prefix="weir-large-"))
    try:
        lake = make_lake(work, options.customers)
        serve = (options.bundle, "--journal", work / "journal", "--snapshot-every")
        with start("from the history", *serve, "1h", "--history", lake) as server:
            stop(server)
        state = max((work / "journal").rglob("*.state"), key=lambda file: file.stat().st_mtime)
        print(f"snapshot: {state.stat().st_size / 1e9:.2f} GB", flush=True)
        with start("from the snapshot", *serve, "1h") as server:
            normal = load("no snapshot", server, 2_000_000_000, options)
            stop(server)
        with start("again", *serve, f"{options.seconds / 4:.0f}s") as server:
            with_snapshots = load("a snapshot every quarter", server, 3_000_000_000, options)
            stop(server)
        print(f"p99 with snapshots: {with_snapshots / normal:.1f} times that without")
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
