"""`jobs/stream.py` on two cores at an offered rate in steps, until its queue grows: its knee.

    .venv-stream/bin/python bench/streaming/spark_rate.py BUNDLE [--rates 50 400 ...] [--seconds 40]

Each step is a job of its own, with a batch a second. Times are from a payment's sending to its
decision's reading. Writes out/bench/streaming-spark.json; 1 when it does not keep 400 a second.
"""

import argparse
import dataclasses
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from offered import ROOT, Broker, offer
from run import finish

PYTHON = ROOT / ".venv-lifecycle/bin/python"
MUST_KEEP = 400
STEPS = (50, 100, 200, 400, 600, 800, 1000, 1500, 2000, 3000)
WARM_UP_SECONDS = 20.0


def main() -> int:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rates", type=int, nargs="+", default=STEPS)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--every", default="1 second")
    options = parser.parse_args()
    report: dict[str, Any] = {"load_average": os.getloadavg()[0], "cores": os.cpu_count()}
    report["latency_seconds"] = {}
    variables = {
        "PYSPARK_PYTHON": str(PYTHON),
        "PYTHONPATH": str(ROOT / "build/release/python"),
        "WEIR_JARS": str(ROOT / "build/stack/jars"),
        "WEIR_SPARK_PARTITIONS": "2",
    }
    kept = 0
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "kafka").mkdir()
        broker = Broker(Path(folder) / "kafka")
        try:
            for rate in options.rates:
                topics = broker.topics()
                command: list[object] = [PYTHON, ROOT / "jobs/stream.py"]
                command += ["--bundle", options.bundle.resolve(), "--brokers", broker.address]
                command += ["--events", topics.events, "--decisions", topics.decisions]
                command += ["--rejects", topics.rejects, "--every", options.every]
                command += ["--checkpoint", Path(folder) / f"checkpoint-{rate}"]
                wait = (options.seconds, WARM_UP_SECONDS)
                found = offer(broker, command, topics, rate, *wait, variables)
                print(f"{rate:>6}/s  {found}", flush=True)
                report["latency_seconds"][f"{rate}/s"] = dataclasses.astuple(found)
                if found.grows:
                    report["queue_grows_at"] = rate
                    break
                kept = rate
        finally:
            broker.stop()
    return finish("streaming-spark", report, kept >= MUST_KEEP)


if __name__ == "__main__":
    sys.exit(main())
