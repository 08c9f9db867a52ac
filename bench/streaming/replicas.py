"""Two `weir serve --log kafka` behind one broker: how long an answer takes, at which rates.

    .venv-stream/bin/python bench/streaming/replicas.py BUNDLE [--seconds 20]

Open loop at 50 and 400 a second, half to each replica, then closed loop with 64 clients each. Last
the answer: every payment is in the topic of decisions once. Writes out/bench/replicas.json; 1 when
a bound is not held.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/stream"))
from broker import Broker  # noqa: E402
from run import finish  # noqa: E402
from test_replicas import Replica, wait_until  # noqa: E402

CLIENT = ROOT / "build/release/bench/load_client"
MAX_P99_MS = 60


def load(replicas: list[Replica], number: int, seconds: float, rate: float) -> dict[str, float]:
    """Both at once, half of the rate each; the worse of their latencies."""
    running = []
    for index, replica in enumerate(replicas):
        command = [CLIENT, "--port", replica.rest, "--seconds", seconds, "--connections", 64]
        command += ["--first-id", (number * 2 + index + 1) * 100_000_000, "--rate", rate / 2]
        running.append(subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True))
    told = [json.loads(one.communicate()[0]) for one in running]
    assert all(one.returncode == 0 for one in running), told
    return {
        "answers": sum(one["answers"] for one in told),
        "lost": sum(one["errors"] + one["unanswered"] for one in told),
        "rate": sum(one["rate"] for one in told),
        "p50_ms": max(one["p50_us"] for one in told) / 1e3,
        "p99_ms": max(one["p99_us"] for one in told) / 1e3,
    }


def main() -> int:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    report: dict[str, Any] = {"load_average": os.getloadavg()[0], "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "kafka").mkdir()
        broker = Broker(Path(folder) / "kafka", "group.min.session.timeout.ms=500")
        topics = broker.topics()
        replicas = [Replica(options.bundle, topics, Path(folder) / str(n)) for n in range(2)]
        try:
            for replica in replicas:
                replica.wait_ready()
            wait_until(lambda: any(replica.owns() for replica in replicas), "no owner", *replicas)
            for number, (name, rate) in enumerate({"50/s": 50, "400/s": 400, "most": 0}.items()):
                report[name] = load(replicas, number, options.seconds, rate)
                print(name, json.dumps(report[name]), flush=True)
            assert all(replica.stop() == 0 for replica in replicas)
            ids = [record.key for record in topics.read(topics.decisions)]
        finally:
            for replica in replicas:
                replica.__exit__()
            broker.stop()
    # Warm-up and answers that came after the end are not among those counted.
    answers = sum(report[name]["answers"] for name in ("50/s", "400/s", "most"))
    assert len(ids) == len({*ids}) >= answers, "a payment has no decision, or two"
    held = all(
        report[name]["p99_ms"] <= MAX_P99_MS and report[name]["lost"] == 0
        for name in ("50/s", "400/s")
    )
    return finish("replicas", report, held)


if __name__ == "__main__":
    sys.exit(main())
