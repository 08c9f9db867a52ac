"""Half of the service's highest rate for minutes on end: memory, and latency around snapshots.

Payments' own time runs fast: a month passes in a minute, so the windows are full soon, and from
then on whatever grows is a leak. Old entries leave the journal on the way. Usage: bench/run.sh soak
(10 minutes; MINUTES=60 for an hour)
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from run import WEIR, Server, ask, free_port, load, sample_payments

MONTH = 30 * 86_400
SLICE = 5  # Seconds.
CUSTOMERS = 100_000


def series(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as page:
        lines = page.read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


class Clock:
    """The payments' own time over all runs of the client."""

    def __init__(self, step: float) -> None:
        self.now, self.step = time.time() - 365 * 86_400, step

    def text(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.now))

    def run(self, server: Server, seconds: float, **flags: object) -> dict[str, float]:
        result = load(
            server, seconds, connections=64, warm_up=0, time_from=self.now, time_step=self.step,
            customers=CUSTOMERS, **flags,
        )  # fmt: skip
        self.now += result["answers"] * self.step
        return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--durability", default="os")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="weir-soak-"))
    port, metrics = free_port(), free_port()
    command = [WEIR, "serve", options.bundle, "--journal", work, "--durability", options.durability]
    command += ["--listen", f"127.0.0.1:{port}", "--metrics-listen", f"127.0.0.1:{metrics}"]
    command += ["--clock", "payments", "--retention", "31d", "--snapshot-every", "40s", "--quiet"]
    try:
        with Server(*command, port=port, stderr=subprocess.DEVNULL).wait() as server:
            while series(metrics)["weir_ready"] != 1:
                time.sleep(0.2)
            clock = Clock(0.001)
            # Of the clock's time: the log's never runs back, so today's would stop it for good.
            payments = [{**payment, "event_time": clock.text()} for payment in sample_payments(10)]
            answers = ask(port, "/v1/decisions/batch", payments)["results"]
            assert all("decision" in answer for answer in answers), answers
            highest = clock.run(server, 5)["rate"]
            clock.step = MONTH / (highest / 2 * 60)
            print(f"highest rate {highest:,.0f}/s, from here on half of it", flush=True)
            resident: list[float] = []
            calm: list[dict[str, float]] = []
            busy: list[dict[str, float]] = []
            begun = time.monotonic()
            while time.monotonic() - begun < options.minutes * 60:
                before = series(metrics)
                children = len(server.family())
                result = clock.run(server, SLICE, rate=highest / 2)
                now = series(metrics)
                written = 'weir_snapshots_total{result="written"}'
                snapshot = now[written] != before[written] or children + len(server.family()) > 2
                (busy if snapshot else calm).append(result)
                resident.append(now["weir_resident_bytes"])
                minutes = (time.monotonic() - begun) / 60
                print(
                    f"{minutes:5.1f} min {resident[-1] / 2**20:7.0f} MB{result['rate']:9,.0f}/s"
                    f"{result['p50_us']:8.0f}{result['p99_us']:9.0f}{result['p999_us']:9.0f}"
                    f"{result['max_us']:9.0f} us p50 99 99.9 max{' snapshot' if snapshot else ''}",
                    flush=True,
                )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    for what, runs in (("without", calm), ("with", busy)):
        if runs:
            quantiles = ("p50_us", "p99_us", "p999_us")
            middle = [statistics.median(run[name] for run in runs) for name in quantiles]
            print(f"{what} a snapshot, medians of p50, p99 and p99.9 in us:", *map(round, middle))
    # Two months pass before the comparison begins: windows and the memory of ids are full.
    full = resident[len(resident) // 3 :]
    third = max(1, len(full) // 3)
    growth = statistics.median(full[-third:]) / statistics.median(full[:third]) - 1
    print(f"memory grew by {growth:.1%} over the last two thirds")
    if growth > 0.02:
        sys.exit("bench: memory grows; it should not, by more than 2 %")


if __name__ == "__main__":
    main()
