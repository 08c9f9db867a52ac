"""What `weir stream` makes of a transaction that a broker has left half over (KAFKA-20734).

The broker leaves one only now and then, where it is killed within some milliseconds; here somebody
else's transaction stands for it, which is open where the lost one would be.
"""

import threading
import time
from pathlib import Path

from broker import Broker, Stream, Topics
from confluent_kafka import Consumer, Producer, TopicPartition
from test_stream import assert_same, events, unbroken

BATCH = 50


class Transactions:
    """A producer of transactions that are not weir's."""

    def __init__(self, topics: Topics, name: str) -> None:
        self.topics = topics
        self.producer = Producer(
            {"bootstrap.servers": topics.address, "transactional.id": f"{topics.events}-{name}"}
        )
        self.producer.init_transactions(30)
        self.producer.begin_transaction()

    def write(self, wanted: Topics, decisions: slice, rejects: slice) -> None:
        """The same outputs as in another run."""
        for topic, source, part in (
            (self.topics.decisions, wanted.decisions, decisions),
            (self.topics.rejects, wanted.rejects, rejects),
        ):
            for record in wanted.read(source)[part]:
                headers = list(record.headers.items())
                self.producer.produce(topic, record.value, record.key, 0, headers=headers)
        self.producer.flush(30)

    def read_up_to(self, offset: int) -> None:
        group = Consumer({"bootstrap.servers": self.topics.address, "group.id": self.topics.events})
        self.producer.send_offsets_to_transaction(
            [TopicPartition(self.topics.events, 0, offset)], group.consumer_group_metadata(), 30
        )
        group.close()


def undecided(bundle: Path, broker: Broker, tmp_path: Path) -> tuple[Topics, Topics]:
    """A log, and what a run that nobody disturbs writes on it."""
    log = [*events(0, 400)]
    wanted = unbroken(bundle, broker, log, tmp_path)
    topics = broker.topics()
    topics.put(*log)
    return topics, wanted


def repaired(stream: Stream) -> str:
    """The metric's line."""
    name = 'weir_stream_transactions_total{result="repaired"}'
    return next(line for line in stream.get("/metrics").splitlines() if line.startswith(name))


def decide_all(stream: Stream, topics: Topics, wanted: Topics) -> None:
    """Until the outputs are as many as in the other run."""
    end = time.monotonic() + 60
    expected = [len(wanted.read(name)) for name in wanted.names[1:]]
    while [len(topics.read(name)) for name in topics.names[1:]] != expected:
        assert time.monotonic() < end, "".join(stream.lines)
        time.sleep(0.2)


def test_outputs_that_are_seen_are_not_written_again(
    bundle: Path, broker: Broker, tmp_path: Path
) -> None:
    """The transaction has ended among the outputs, and not among the group's offsets."""
    topics, wanted = undecided(bundle, broker, tmp_path)
    outputs = Transactions(topics, "outputs")
    outputs.write(wanted, slice(0, 120), slice(0, 1))
    outputs.producer.commit_transaction(30)
    offset = Transactions(topics, "offset")
    offset.read_up_to(100)
    threading.Timer(5, offset.producer.abort_transaction, [30]).start()
    with Stream(bundle, topics, tmp_path / "state", "--batch", str(BATCH)) as stream:
        stream.wait_ready()
        decide_all(stream, topics, wanted)
        assert repaired(stream).endswith(" 1")
        assert stream.stop() == 0
    assert_same(topics, wanted)


def test_outputs_that_are_lost_are_written_again(
    bundle: Path, broker: Broker, tmp_path: Path
) -> None:
    """The transaction has ended among the group's offsets, and not among the outputs."""
    topics, wanted = undecided(bundle, broker, tmp_path)
    first = Transactions(topics, "first")
    first.write(wanted, slice(0, 40), slice(0, 0))
    first.producer.commit_transaction(30)
    lost = Transactions(topics, "lost")
    lost.write(wanted, slice(40, 120), slice(0, 1))
    offset = Transactions(topics, "offset")
    offset.read_up_to(130)
    offset.producer.commit_transaction(30)
    with Stream(bundle, topics, tmp_path / "state", "--batch", str(BATCH)) as stream:
        stream.port = int(stream.wait_for(r"metrics on port (\d+)")[1])
        stream.wait_for("its output is not there")
        lost.producer.abort_transaction(30)
        decide_all(stream, topics, wanted)
        assert int(repaired(stream).split()[-1]) >= 1
        assert stream.stop() == 0
    assert_same(topics, wanted)
