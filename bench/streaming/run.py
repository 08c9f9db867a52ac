"""`weir stream` beside a plain librdkafka pass-through with the same transactions, in one run.

    .venv-stream/bin/python bench/streaming/run.py BUNDLE [--events N] [--pairs 3] [--seconds 20]

First the answer: every payment has one decision. Then, A B A B: payments a second of a backlog, and
CPU of the process; from record to record at 50 and 400 a second; and the offered rate in steps
until the queue grows. Prints a table, writes out/bench/streaming.json; 1 when a bound is not held.
"""

import argparse
import dataclasses
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from backlog import WARM_UP_SECONDS, watch, write_payments
from confluent_kafka import Producer
from offered import ROOT, offer, payments

sys.path.insert(0, str(ROOT / "tests/stream"))
from broker import BINARY, Broker, Topics

PASSTHROUGH = ROOT / "build/release/bench/stream_passthrough"
MIN_RATIO = 0.65  # Of the pass-through's rate.
MIN_RATE = 200_000
MAX_P99_SECONDS = 0.060
STEPS = (50, 100, 200, 400, 1000, 2000, 5000, 10_000, 20_000, 50_000)
FAST_STEPS = (75_000, 100_000, 125_000, 150_000, 200_000, 250_000)
FAST_SECONDS = 8.0


def run(command: list[object]) -> tuple[dict[str, Any], float]:
    """What the program printed, and the CPU seconds that it took, its start included unless it
    tells its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return told, told.get("cpu_seconds", cpu)


def weir_command(bundle: Path, topics: Topics, group: str, state: Path) -> list[object]:
    """`weir stream` over these topics."""
    command: list[object] = [
        BINARY,
        "stream",
        bundle,
        "--brokers",
        topics.address,
        "--group",
        group,
    ]
    command += ["--events", topics.events, "--decisions", topics.decisions]
    command += ["--rejects", topics.rejects, "--state", state, "--metrics-listen", ""]
    return command


def throughput(broker: Broker, bundle: Path, events: int, pairs: int, batch: int) -> dict[str, Any]:
    """Payments a second of a backlog, both in turn."""
    topics = broker.topics()
    # Without idempotence a retry on a fresh topic can put the log out of order.
    producer = Producer(
        {"bootstrap.servers": broker.address, "linger.ms": 20, "enable.idempotence": True}
    )
    for payment in payments(events):
        while True:
            try:
                producer.produce(topics.events, payment)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
    found: dict[str, list[float]] = {"weir": [], "passthrough": [], "weir_cpu": [], "pass_cpu": []}
    for pair in range(pairs):
        with tempfile.TemporaryDirectory() as state:
            mine = broker.topics()
            outputs = Topics(broker.address, topics.events, mine.decisions, mine.rejects)
            command = weir_command(bundle, outputs, f"weir-{pair}", Path(state))
            told, cpu = run([*command, "--until-end", "--json", "--batch", batch])
            if pair == 0:
                ids = [
                    json.loads(r.value or b"")["transaction_id"] for r in mine.read(mine.decisions)
                ]
                assert ids == [*range(events)], "a payment has no decision, or two"
        found["weir"].append(told["events"] / told["seconds"])
        found["weir_cpu"].append(cpu / events * 1e6)
        rival = broker.topics()
        command = [
            PASSTHROUGH,
            broker.address,
            f"pass-{pair}",
            topics.events,
            rival.decisions,
            batch,
        ]
        told, cpu = run(command)
        assert told["events"] == events
        found["passthrough"].append(told["events"] / told["seconds"])
        found["pass_cpu"].append(cpu / events * 1e6)
    return {name: round(statistics.median(values), 2) for name, values in found.items()}


def fast_steps(broker: Broker, bundle: Path, folder: Path, report: dict[str, Any]) -> None:
    """On with the steps until the queue grows, or no more can be sent."""
    file = folder / "payments.jsonl"
    write_payments(file, int(FAST_STEPS[-1] * (WARM_UP_SECONDS + FAST_SECONDS)))
    report["backlog"] = {}
    for rate in FAST_STEPS:
        topics = broker.topics()
        command = weir_command(bundle, topics, topics.events, folder / topics.events)
        found = watch(broker, command, topics, file, rate, FAST_SECONDS)
        print(f"{rate:>6}/s {found}", flush=True)
        report["backlog"][f"{rate}/s"] = dataclasses.astuple(found)
        if found.grows:
            report["queue_grows_at"] = rate
        if found.grows or found.rate < 0.9 * rate:
            return


def finish(name: str, report: dict[str, Any], held: bool) -> int:
    """Write out/bench/NAME.json and say whether the bounds held; gives the exit code."""
    target = ROOT / f"out/bench/{name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(report, indent=2) + "\n")
    print("all bounds held" if held else "a bound is not held")
    return 0 if held else 1


def main() -> int:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--events", type=int, default=1_500_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--batch", type=int, default=20_000)
    options = parser.parse_args()
    report: dict[str, Any] = {"load_average": os.getloadavg()[0], "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "kafka").mkdir()
        broker = Broker(Path(folder) / "kafka")
        try:
            rates = throughput(broker, options.bundle, options.events, options.pairs, options.batch)
            report["throughput"] = rates
            ratio = rates["weir"] / rates["passthrough"]
            report["ratio"] = round(ratio, 3)
            print(f"load average before {report['load_average']:.1f}, {report['cores']} cores")
            print(f"{'':<14}{'payments/s':>12}{'CPU us each':>13}")
            print(f"{'pass-through':<14}{rates['passthrough']:>12,.0f}{rates['pass_cpu']:>13.2f}")
            print(f"{'weir stream':<14}{rates['weir']:>12,.0f}{rates['weir_cpu']:>13.2f}")
            print(f"ratio {ratio:.2f}", flush=True)
            held = ratio >= MIN_RATIO and rates["weir"] >= MIN_RATE
            report["latency_seconds"] = {}
            for rate in STEPS:
                seconds = options.seconds if rate <= 400 else min(options.seconds, 10)
                for name in ("weir", "passthrough") if rate in (50, 400) else ("weir",):
                    topics = broker.topics()
                    command = weir_command(
                        options.bundle, topics, topics.events, Path(folder) / topics.events
                    )
                    if name == "passthrough":
                        command = [PASSTHROUGH, broker.address, topics.events, topics.events]
                        command += [topics.decisions, options.batch, "follow"]
                    found = offer(broker, command, topics, rate, seconds)
                    print(f"{rate:>6}/s {name:<12} {found}", flush=True)
                    report["latency_seconds"][f"{name} {rate}/s"] = dataclasses.astuple(found)
                    if name == "weir" and rate in (50, 400):
                        held = held and found.p99 <= MAX_P99_SECONDS and found.missing == 0
                    if name == "weir" and found.grows:
                        report["queue_grows_at"] = rate
                if "queue_grows_at" in report:
                    break
            if "queue_grows_at" not in report:
                fast_steps(broker, options.bundle, Path(folder), report)
        finally:
            broker.stop()
    return finish("streaming", report, held)


if __name__ == "__main__":
    sys.exit(main())
