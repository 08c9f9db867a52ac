"""Payments offered at a rate: how long from a payment's sending to its output's reading."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/stream"))
__all__ = ["BINARY", "ROOT", "Broker", "Offered", "Topics", "offer", "payments"]
from broker import BINARY, Broker, Topics  # noqa: E402

START_SECONDS = 300  # A Spark session and its first batch, on busy cores.
GROWS_SECONDS = 0.5  # By which the median of the last quarter must exceed the first's.


def payments(count: int, customers: int = 10_000) -> Iterator[bytes]:
    """About 150 bytes each: so many customers, a thousand terminals."""
    moment = 1767225600
    for number in range(count):
        text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment + number // 50))
        yield (
            f'{{"transaction_id":{number},"event_time":"{text}",'
            f'"customer_id":{number * 7919 % customers},"terminal_id":{number * 31 % 1000},'
            f'"amount":"{number * 37 % 9000 / 100:.2f}"}}'
        ).encode()


@dataclass(frozen=True)
class Offered:
    """What became of the payments that were counted."""

    p50: float
    p99: float
    missing: int
    """Not answered 5 s after the last was sent."""
    grows: bool
    """The queue was longer at the end than at the beginning, or something is missing."""

    def __str__(self) -> str:
        text = f"p50 {self.p50 * 1e3:7.1f} ms  p99 {self.p99 * 1e3:7.1f} ms"
        if self.missing:
            text += f"  {self.missing} not answered"
        return text + ("  the queue grows" if self.grows else "")


class Answers:
    """Reads the topic of decisions in a thread and takes the time of each."""

    def __init__(self, topics: Topics) -> None:
        self.sent: dict[int, float] = {}
        self.taken: dict[int, float] = {}
        self.seen = threading.Event()
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.read, args=(topics,))
        self.thread.start()

    def read(self, topics: Topics) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": topics.address,
                "group.id": "latency",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 5,
            }
        )
        consumer.assign([TopicPartition(topics.decisions, 0, OFFSET_END)])
        while not self.done.is_set():
            message = consumer.poll(0.02)  # `consume` would wait for company.
            value = None if message is None or message.error() else message.value()
            if value is None:
                continue
            self.seen.set()
            number = int(value[18 : value.index(b",")])
            if number in self.sent and number not in self.taken:
                self.taken[number] = time.monotonic() - self.sent[number]
        consumer.close()

    def stop(self) -> None:
        self.done.set()
        self.thread.join()

    def offered(self) -> Offered:
        """The figures; more than one in four missing has no median."""
        taken = sorted(self.taken.values())
        missing = len(self.sent) - len(taken)
        if len(taken) < len(self.sent) * 3 / 4:
            return Offered(float("inf"), float("inf"), missing, True)
        in_order = [self.taken[number] for number in sorted(self.taken)]
        quarter = len(in_order) // 4
        first, last = (
            sorted(part)[quarter // 2] for part in (in_order[:quarter], in_order[-quarter:])
        )
        grows = missing > 0 or last - first > GROWS_SECONDS
        return Offered(taken[len(taken) // 2], taken[int(len(taken) * 0.99)], missing, grows)


def offer(
    broker: Broker,
    command: list[object],
    topics: Topics,
    rate: float,
    seconds: float,
    warm_up: float = 3,
    variables: Mapping[str, str] | None = None,
) -> Offered:
    """Run `command` on payments at `rate`, `warm_up` seconds of which do not count."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*map(str, command)],
            stdout=log,
            stderr=log,
            env={**os.environ, **(variables or {})},
            start_new_session=True,
        )
        answers = Answers(topics)
        try:
            # A request for each payment, which the broker answers too, is more than two cores do.
            linger = 0 if rate <= 1000 else 5
            producer = Producer({"bootstrap.servers": broker.address, "linger.ms": linger})
            not_counted = int(rate * warm_up)
            texts = [*payments(not_counted + int(rate * seconds))]
            for number in range(START_SECONDS):  # Until it has started, and the reader too.
                producer.produce(
                    topics.events, texts[0].replace(b":0,", b":%d," % (10**9 + number), 1)
                )
                producer.flush()
                assert process.poll() is None, log.seek(0) or log.read().decode()[-2000:]
                if answers.seen.wait(1):
                    break
            began = time.monotonic()
            for number, text in enumerate(texts):
                while (wait := began + number / rate - time.monotonic()) > 0:
                    producer.poll(0)
                    time.sleep(min(wait, 0.002))
                if number >= not_counted:
                    answers.sent[number] = time.monotonic()
                producer.produce(topics.events, text)
            producer.flush()
            end = time.monotonic() + 5
            while len(answers.taken) < len(answers.sent) and time.monotonic() < end:
                time.sleep(0.05)
        finally:
            answers.stop()
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return answers.offered()
