"""Kafka nodes and a `weir stream` of the tests; reads and writes by an independent client."""

import base64
import itertools
import os
import queue
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("WEIR_BINARY", ROOT / "build/release/weir"))
START_SECONDS = 90
END_SECONDS = 900  # 120,000 events of the long run.
_names = itertools.count()


def free_ports() -> int:
    """The first of two neighbouring ports that are free now."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return int(port)


class Broker:
    """One Kafka node; PORT and PORT+1 in its properties become its own.

    One of several is launched, by its cluster's id, and does not answer before most of them are.
    """

    def __init__(
        self,
        data: Path,
        *properties: str,
        metrics_port: int | None = None,
        port: int | None = None,
        cluster: str | None = None,
    ) -> None:
        self.data, self.metrics_port, self.cluster = data, metrics_port, cluster
        self.port = port or free_ports()
        ports = {"PORT+1": str(self.port + 1), "PORT": str(self.port)}
        for name, number in ports.items():
            properties = tuple(text.replace(name, number) for text in properties)
        self.properties = properties
        if cluster:
            self.launch()
        else:
            self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self.launch()
        self.wait()

    def launch(self) -> None:
        command = [ROOT / "deploy/local/kafka/start.sh", self.data, str(self.port), "128"]
        shown = {"WEIR_KAFKA_METRICS_PORT": str(self.metrics_port)} if self.metrics_port else {}
        if self.cluster:
            shown["WEIR_KAFKA_CLUSTER_ID"] = self.cluster
        with (self.data / "broker.log").open("ab") as log:
            self.process = subprocess.Popen(
                # Tests' events are of years ago: no age is too great.
                [*command, "log.retention.ms=-1", *self.properties],
                stdout=log,
                stderr=log,
                env={**os.environ, **shown},
            )

    def wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while not self.answers():
            assert self.process.poll() is None, (self.data / "broker.log").read_text()
            assert time.monotonic() < end, "the broker does not start"
            time.sleep(0.1)

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """As a crash."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def topics(self, partitions: int = 1) -> "Topics":
        return make_topics(self.address, partitions, 1)


class Brokers:
    """Three Kafka nodes, each topic on all of them, two of which must have what is acknowledged."""

    def __init__(self, data: Path, *properties: str) -> None:
        ports: list[int] = []
        while len(ports) < 3:
            port = free_ports()
            if all(abs(port - other) > 1 for other in ports):
                ports.append(port)
        voters = ",".join(f"{n}@127.0.0.1:{port + 1}" for n, port in enumerate(ports, 1))
        common = [f"controller.quorum.voters={voters}", "default.replication.factor=3"]
        common += ["min.insync.replicas=2", "offsets.topic.replication.factor=3"]
        common += ["transaction.state.log.replication.factor=3"]
        common += ["transaction.state.log.min.isr=2", *properties]
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self.nodes: list[Broker] = []
        for number, port in enumerate(ports, 1):
            (data / str(number)).mkdir(parents=True)
            own = (f"node.id={number}", *common)
            self.nodes.append(Broker(data / str(number), *own, port=port, cluster=cluster))
        for node in self.nodes:
            node.wait()

    @property
    def address(self) -> str:
        return ",".join(node.address for node in self.nodes)

    def topics(self) -> "Topics":
        made = make_topics(self.address, 1, len(self.nodes))
        self.wait_in_sync()
        return made

    def wait_in_sync(self) -> None:
        """Until every partition, of the broker's own topics too, has all its copies up to date."""
        admin = AdminClient({"bootstrap.servers": self.address})
        end = time.monotonic() + START_SECONDS
        while True:
            found = admin.list_topics(timeout=30)
            behind = [
                (topic.topic, number)
                for topic in found.topics.values()
                for number, partition in topic.partitions.items()
                if len(partition.isrs) < len(self.nodes)
            ]
            if len(found.brokers) == len(self.nodes) and not behind:
                return
            assert time.monotonic() < end, f"not in sync: {behind}, brokers {found.brokers}"
            time.sleep(0.2)

    def stop(self) -> None:
        for node in self.nodes:
            node.process.terminate()
        for node in self.nodes:
            node.stop()


def make_topics(address: str, partitions: int, copies: int) -> "Topics":
    """Three new topics."""
    number = next(_names)
    made = Topics(address, f"events-{number}", f"decisions-{number}", f"rejects-{number}")
    admin = AdminClient({"bootstrap.servers": address})
    wanted = [NewTopic(name, partitions, copies) for name in made.names]
    for done in admin.create_topics(wanted).values():
        done.result()
    return made


@dataclass(frozen=True)
class Topics:
    """The topics of one stream; reads and writes them as somebody else's client."""

    address: str
    events: str
    decisions: str
    rejects: str

    @property
    def names(self) -> tuple[str, str, str]:
        return self.events, self.decisions, self.rejects

    def put(self, *events: bytes | None, headers: dict[str, bytes] | None = None) -> None:
        # Without idempotence a retry on a fresh topic can put the log out of order.
        settings = {"bootstrap.servers": self.address, "message.max.bytes": 2_000_000}
        producer = Producer({**settings, "enable.idempotence": True})
        for event in events:
            while True:
                try:
                    producer.produce(self.events, event, headers=headers or {})
                    break
                except BufferError:
                    producer.poll(0.05)
        assert producer.flush(60) == 0

    def read(self, topic: str, partition: int = 0) -> list["Record"]:
        """Every committed message up to the end."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.address,
                "group.id": f"reader-{topic}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
        found: list[Record] = []
        while True:
            message = consumer.poll(30)
            assert message is not None, f"{topic}: no answer"
            if message.error():
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                consumer.close()
                return found
            headers = {name: value.decode() for name, value in message.headers() or []}
            found.append(Record(message.key(), message.value(), headers))


@dataclass(frozen=True)
class Record:
    """One message, without its offset and time."""

    key: bytes | None
    value: bytes | None
    headers: dict[str, str]


class Stream:
    """`weir stream` as a process of its own."""

    def __init__(self, bundle: Path, topics: Topics, state: Path, *arguments: object) -> None:
        command = [str(BINARY), "stream", str(bundle), "--brokers", topics.address]
        for flag, name in zip(("--events", "--decisions", "--rejects"), topics.names, strict=True):
            command += [flag, name]
        if "--group" not in arguments:
            command += ["--group", topics.events]
        command += ["--state", str(state)]
        command += ["--metrics-listen", "127.0.0.1:0", *map(str, arguments)]
        self.start(command)

    def start(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self.arrived: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read_stderr, daemon=True).start()

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stderr:
            for line in stderr:
                self.lines.append(line)
                self.arrived.put(line)
        self.arrived.put(None)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The next line on stderr that fits."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                line = self.arrived.get(timeout=1)
            except queue.Empty:
                continue
            if line is None:
                break
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"no line with {pattern} in\n{''.join(self.lines)}")

    def wait_ready(self) -> "Stream":
        self.port = int(self.wait_for(r"metrics on port (\d+)")[1])
        self.wait_for("ready, ")
        return self

    def wait_end(self) -> "Stream":
        """Of a stream with --until-end."""
        assert self.process.wait(timeout=END_SECONDS) == 0, "".join(self.lines)
        return self

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as page:
            return page.read().decode()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
