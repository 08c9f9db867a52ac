"""`weir stream` beside a Python client and Spark, both handed ready-made features, in one run.

    .venv-stream/bin/python bench/streaming/rivals.py BUNDLE FEATURES.parquet [--events N]

weir gets the same payments and computes the features itself; no reasons, as the rivals give none.
First the answer: each payment has one decision of each, and both rivals' scores are the same. CPU:
weir's and Spark's with their start, the Python client's from the first event on. Prints a table,
writes out/bench/streaming-rivals.json; 1 when a bound is not held.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from run import ROOT, finish, run, weir_command

sys.path.insert(0, str(ROOT / "tests/stream"))
from broker import Broker, Topics

RIVALS = ROOT / "bench/streaming/rivals"
MIN_TIMES = 4.0
MAX_CPU = 1 / 3  # Of the Python client's.
CLOSE = 1e-5  # xgboost sums a row's leaves in another order where it has many rows.


def scores(records: Iterable[Any], wanted: list[int]) -> dict[int, float]:
    """By payment; each has one."""
    found = {}
    count = 0
    for record in records:
        answer = json.loads(record.value)
        found[answer["transaction_id"]] = answer["score"]
        count += 1
    assert count == len(found) and sorted(found) == sorted(wanted), "a payment has none, or two"
    return found


def main() -> int:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("features", type=Path)
    parser.add_argument("--events", type=int, default=600_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=20_000)
    options = parser.parse_args()
    bundle, batch = options.bundle.resolve(), options.batch
    report: dict[str, Any] = {"load_average": os.getloadavg()[0], "cores": os.cpu_count()}
    environment = {
        "PYSPARK_PYTHON": str(ROOT / ".venv-lifecycle/bin/python"),
        "WEIR_JARS": str(ROOT / "build/stack/jars"),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = [folder / "payments.jsonl", folder / "ready.jsonl"]
        subprocess.run(
            [
                *(ROOT / ".venv/bin/python", RIVALS / "as_json.py"),
                *(options.features, str(options.events), *lines),
            ],
            check=True,
        )
        (folder / "kafka").mkdir()
        broker = Broker(folder / "kafka")
        try:
            payments, ready = broker.topics(), broker.topics()
            for topics, file in zip((payments, ready), lines, strict=True):
                topics.put(*file.read_bytes().splitlines())
            ids = [json.loads(line)["transaction_id"] for line in lines[0].open()]

            def weir(number: int, out: Topics) -> tuple[dict[str, Any], float]:
                topics = Topics(broker.address, payments.events, out.decisions, out.rejects)
                command = weir_command(bundle, topics, f"weir-{number}", folder / f"state-{number}")
                return run([*command, "--until-end", "--json", "--no-reasons", "--batch", batch])

            def python(number: int, out: Topics) -> tuple[dict[str, Any], float]:
                command = [sys.executable, RIVALS / "python_client.py", broker.address]
                command += [f"python-{number}", ready.events, out.decisions, bundle, batch]
                return run(command)

            def spark(number: int, out: Topics) -> tuple[dict[str, Any], float]:
                command = ["env", *(f"{name}={value}" for name, value in environment.items())]
                command += [environment["PYSPARK_PYTHON"], RIVALS / "spark_udf.py", broker.address]
                command += [ready.events, out.decisions, bundle, folder / f"spark-{number}", batch]
                return run(command)

            contenders: dict[str, Callable[[int, Topics], tuple[dict[str, Any], float]]] = {
                "weir": weir,
                "python": python,
                "spark": spark,
            }
            rates: dict[str, list[float]] = {contender: [] for contender in contenders}
            cpu: dict[str, list[float]] = {contender: [] for contender in contenders}
            answers = {}
            for pair in range(options.pairs):
                for contender, decide in contenders.items():
                    out = broker.topics()
                    told, seconds = decide(pair, out)
                    if pair == 0:
                        answers[contender] = scores(out.read(out.decisions), ids)
                    rates[contender].append(told["events"] / told["seconds"])
                    cpu[contender].append(seconds / options.events * 1e6)
            for number, score in answers["python"].items():
                assert abs(answers["spark"][number] - score) < CLOSE, number
        finally:
            broker.stop()
    print(f"load average before {report['load_average']:.1f}, {report['cores']} cores")
    print(f"{'':<14}{'payments/s':>12}{'CPU us each':>13}")
    for contender in contenders:
        rate, each = statistics.median(rates[contender]), statistics.median(cpu[contender])
        report[contender] = {"rate": round(rate), "cpu_us": round(each, 2)}
        print(f"{contender:<14}{rate:>12,.0f}{each:>13.2f}", flush=True)
    mine = report["weir"]
    times = {rival: mine["rate"] / report[rival]["rate"] for rival in ("python", "spark")}
    share = mine["cpu_us"] / report["python"]["cpu_us"]
    print(f"{times['python']:.1f} times the Python client at {share:.2f} of its CPU, ", end="")
    print(f"{times['spark']:.1f} times Spark")
    held = min(times.values()) >= MIN_TIMES and share <= MAX_CPU
    return finish("streaming-rivals", report, held)


if __name__ == "__main__":
    sys.exit(main())
