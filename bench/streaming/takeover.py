"""How long nobody decides after the owner of the log is killed, with the state of many customers.

    .venv-stream/bin/python bench/streaming/takeover.py BUNDLE [--customers N] [--session-ms MS]

Two `weir stream` in one group: one decides on one payment of each customer, the other follows. The
owner is killed; measured is from then to the first new decision in the topic. The bound: session
time-out + 1 s. Then the answer: each payment has one decision. 1 when something does not hold.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import OFFSET_END, Consumer, TopicPartition
from offered import ROOT, payments

sys.path.insert(0, str(ROOT / "tests/stream"))
from broker import Broker, Stream, Topics

AFTER = 1000  # Payments that are sent once the owner is dead.


def wait_until(true: Callable[[], bool], what: str, seconds: float = 600) -> None:
    """Until it is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def cpu_seconds(stream: Stream) -> float:
    """What the process has used so far."""
    fields = Path(f"/proc/{stream.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_idle(stream: Stream) -> None:
    """Until it uses hardly any CPU: a standby has applied what is committed."""
    calm = 0
    while calm < 3:
        before = cpu_seconds(stream)
        time.sleep(1)
        calm = calm + 1 if cpu_seconds(stream) - before < 0.1 else 0


def end_of(topics: Topics) -> Consumer:
    """A reader of what is decided from now on."""
    reader = Consumer(
        {
            "bootstrap.servers": topics.address,
            "group.id": "takeover",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 5,
        }
    )
    reader.assign([TopicPartition(topics.decisions, 0, OFFSET_END)])
    reader.poll(1)
    return reader


def main() -> int:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--session-ms", type=int, default=6000)
    options = parser.parse_args()
    count = options.customers
    log = [*payments(count + AFTER, customers=count)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "kafka").mkdir()
        broker = Broker(folder / "kafka", "group.min.session.timeout.ms=500")
        topics = broker.topics()
        flags = ("--session-timeout-ms", options.session_ms)
        streams = []
        try:
            topics.put(*log[:count])
            for number in ("one", "two"):
                own = (folder / number, "--instance", number, *flags)
                streams.append(Stream(options.bundle, topics, *own))
                streams[-1].wait_for(r"partition 0 from|standby: follows")
            said = ["".join(stream.lines) for stream in streams]
            standby = max((0, 1), key=lambda i: said[i].rfind("standby: follows"))
            owner, standby = streams[1 - standby], streams[standby]
            for stream in streams:
                wait_idle(stream)
            reader = end_of(topics)
            resident = Path(f"/proc/{standby.process.pid}/status").read_text()
            resident = resident.partition("VmRSS:")[2].split()[0]
            known = len(standby.lines)
            killed = time.monotonic()
            owner.kill()
            topics.put(*log[count:])
            decided = []
            wait_until(lambda: bool(decided.append(reader.poll(0.02)) or decided[-1]), "no owner")
            taken = time.monotonic() - killed
            took = "".join(standby.lines[known:])
            reader.close()
            wait_until(lambda: len(topics.read(topics.decisions)) >= count + AFTER, "some miss")
            ids = [
                json.loads(r.value or b"")["transaction_id"] for r in topics.read(topics.decisions)
            ]
            assert ids == [*range(count + AFTER)], "a payment has no decision, or two"
            assert "restoring" not in took, took
        finally:
            for stream in streams:
                stream.__exit__()
            broker.stop()
    held = taken <= options.session_ms / 1e3 + 1
    print(
        f"{count:,} customers, {int(resident) / 1024:,.0f} MiB in the standby: first new decision "
        f"{taken:.2f} s after the kill; session time-out {options.session_ms / 1e3:.1f} s; "
        f"load average {os.getloadavg()[0]:.1f}"
    )
    print("the bound held" if held else "the bound is not held")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
