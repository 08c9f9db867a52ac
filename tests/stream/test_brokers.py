"""Three brokers that leave and come back one by one under `weir stream` and under replicas."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker import Brokers, Stream
from test_replicas import Replica, wait_until
from test_stream import assert_same, events, payment, unbroken

ROUNDS = int(os.environ.get("WEIR_ROLLS", "1"))

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    found = Brokers(tmp_path_factory.mktemp("three"), "group.min.session.timeout.ms=500")
    yield found
    found.stop()


def test_a_stream_over_rolling_restarts(bundle: Path, three: Brokers, tmp_path: Path) -> None:
    """Each broker told to stop, or killed, in turn; the output is an unbroken run's."""
    steps = 3 * ROUNDS
    log = [*events(0, 1000 * steps)]
    part = len(log) // steps
    wanted = unbroken(bundle, three, log, tmp_path)
    topics = three.topics()
    flags = ("--batch", "50", "--session-timeout-ms", "6000")
    with Stream(bundle, topics, tmp_path / "state", *flags) as stream:
        stream.wait_ready()
        for step in range(steps):
            node = three.nodes[step % 3]
            begin = step * part
            topics.put(*log[begin : begin + part // 2])
            if step % 2 == 0:
                node.stop()
            else:
                node.kill()
            topics.put(*log[begin + part // 2 : begin + part])
            node.start()
            three.wait_in_sync()
        topics.put(*log[steps * part :])
        end = time.monotonic() + 120
        expected = len(wanted.read(wanted.decisions))
        while len(topics.read(topics.decisions)) < expected:
            assert stream.process.poll() is None, "".join(stream.lines)
            assert time.monotonic() < end, "".join(stream.lines)
            time.sleep(0.2)
        assert stream.stop() == 0
    assert_same(topics, wanted)


def test_replicas_answer_over_rolling_restarts(
    bundle: Path, three: Brokers, tmp_path: Path
) -> None:
    """Whatever was answered is decided once, in the bytes of the answer, and few must wait."""
    topics = three.topics()
    answered: dict[int, str] = {}
    repeated: list[str] = []
    slowest = [0.0]
    over = threading.Event()

    def send(first: int, replicas: list[Replica]) -> None:
        number = first
        while not over.is_set():
            began = time.monotonic()
            while True:
                replica = replicas[(number // 2 + len(repeated)) % 2]
                status, text = replica.decide(payment(number))
                if status == 200:
                    break
                assert status in (503, 504), text
                repeated.append(text)
                time.sleep(0.1)
            slowest[0] = max(slowest[0], time.monotonic() - began)
            answered[number] = text
            number += 2
            time.sleep(0.005)

    with (
        Replica(bundle, topics, tmp_path / "one").wait_ready() as one,
        Replica(bundle, topics, tmp_path / "two").wait_ready() as two,
    ):
        threads = [threading.Thread(target=send, args=(n, [one, two])) for n in range(2)]
        for thread in threads:
            thread.start()
        try:
            for step in range(3 * ROUNDS):
                node = three.nodes[step % 3]
                if step % 2 == 0:
                    node.stop()
                else:
                    node.kill()
                reached = max(answered) + 20
                wait_until(lambda: max(answered) > reached, "no answers", one, two)  # noqa: B023
                node.start()
                three.wait_in_sync()
        finally:
            over.set()
            for thread in threads:
                thread.join(timeout=120)
        count = len(answered)
        wait_until(
            lambda: len(topics.read(topics.decisions)) == count, "decisions differ", one, two
        )
        assert one.stop() == 0 and two.stop() == 0
    print(f"{count} answers, {len(repeated)} asked again, the slowest {slowest[0]:.1f} s")
    written = [(record.value or b"").decode() for record in topics.read(topics.decisions)]
    by_id = {json.loads(value)["transaction_id"]: value for value in written}
    assert by_id == {10_000_000 + number: text for number, text in answered.items()}
