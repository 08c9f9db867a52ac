"""Higher rates than a Python client can offer: `weir produce` sends, the group's lag is watched."""

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from offered import BINARY, Broker, Topics, payments

WARM_UP_SECONDS = 2
GROWN_SECONDS = 1.0  # Of payments in the queue, by which it is longer after the second half.


@dataclass(frozen=True)
class Backlog:
    """The queue while payments came at a rate."""

    rate: float
    """As it was achieved."""
    lag_half: int
    """Payments sent and not committed as decided, at half time."""
    lag_end: int

    @property
    def grows(self) -> bool:
        return self.lag_end - self.lag_half > self.rate * GROWN_SECONDS

    def __str__(self) -> str:
        lags = [f"{lag:,}" for lag in (self.lag_half, self.lag_end)]
        text = f"{self.rate:,.0f}/s came; waiting at half time and the end: {' and '.join(lags)}"
        return text + ("  the queue grows" if self.grows else "")


def write_payments(file: Path, count: int) -> None:
    """A line each."""
    with file.open("wb") as lines:
        lines.writelines(payment + b"\n" for payment in payments(count))


class Lag:
    """Of the group that decides."""

    def __init__(self, topics: Topics, group: str) -> None:
        self.partition = TopicPartition(topics.events, 0)
        self.reader = Consumer({"bootstrap.servers": topics.address, "group.id": group})

    def committed(self) -> int:
        found = self.reader.committed([TopicPartition(self.partition.topic, 0)], timeout=10)
        return max(int(found[0].offset), 0)

    def now(self) -> int:
        committed = self.committed()  # First: what comes in between is counted, not taken off.
        return int(self.reader.get_watermark_offsets(self.partition, timeout=10)[1]) - committed


def watch(
    broker: Broker, command: list[object], topics: Topics, file: Path, rate: int, seconds: float
) -> Backlog:
    """Run `command`, whose group is named as its events, on the lines of `file` at `rate`."""
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.DEVNULL)
    sender = [BINARY, "produce", file, "--brokers", broker.address, "--topic", topics.events]
    lag = Lag(topics, topics.events)
    try:
        subprocess.run(
            [*map(str, sender), "--limit", "1", "--quiet"], check=True, capture_output=True
        )
        end = time.monotonic() + 60
        while lag.committed() < 1:  # It has started.
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.1)
        count = int(rate * (WARM_UP_SECONDS + seconds))
        sending = subprocess.Popen(
            [*map(str, sender), "--limit", str(count), "--rate", str(rate), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(WARM_UP_SECONDS + seconds / 2)
        half = lag.now()
        told, _ = sending.communicate(timeout=600)
        last = lag.now()
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    return Backlog(json.loads(told)["rate"], half, last)
