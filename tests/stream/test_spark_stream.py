"""`jobs/stream.py`: Spark Structured Streaming decides what `weir stream` decides, over a kill."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from broker import ROOT, Broker, Record, Stream, Topics
from test_stream import events, feedback, payment
from weir.once import Once

sys.path.append(str(ROOT / "tests/lifecycle"))
from spark_cluster import Cluster
from stack_process import PYTHON, free_base_port, read_environment, stack

POSITION = re.compile(rb',"position":(\d+)')
SECONDS = 600  # A session, and the first batch of a query, take half a minute on two free cores.


class Job:
    """The job as a process group of its own: the driver, its JVM and its Python workers."""

    def __init__(
        self,
        bundle: Path,
        source: str,
        outputs: Topics,
        checkpoint: Path | str,
        log: Path,
        *more: str,
        surroundings: Mapping[str, str] | None = None,
    ) -> None:
        command = [PYTHON, ROOT / "jobs/stream.py", "--bundle", bundle]
        command += ["--brokers", outputs.address, "--events", source]
        command += ["--decisions", outputs.decisions, "--rejects", outputs.rejects]
        command += ["--checkpoint", checkpoint, "--batch", "250", "--every", "0 seconds", *more]
        environment = {
            "PYSPARK_PYTHON": str(PYTHON),
            # Executors run in folders of their own.
            "PYTHONPATH": str(ROOT / "build/release/python"),
            "WEIR_JARS": str(ROOT / "build/stack/jars"),
            "WEIR_SPARK_PARTITIONS": "2",
        }
        self.log = log
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*map(str, command)],
                env={**(surroundings or os.environ), **environment},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait_for(self, outputs: Topics, decisions: int) -> None:
        """Until so many are written, perhaps more."""
        end = time.monotonic() + SECONDS
        while len(outputs.read(outputs.decisions)) < decisions:
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
            time.sleep(0.2)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wait_end(self) -> None:
        try:
            code = self.process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        assert code == 0, self.log.read_text()


def by_key(records: list[Record]) -> tuple[dict[bytes, Record], int]:
    """What a reader that drops repeats sees, and how many it dropped, each equal to its first."""
    once = Once()
    found: dict[bytes, Record] = {}
    dropped = 0
    for record in records:
        key = record.key or b""
        if once.is_new(key):
            found[key] = record
        else:
            assert record == found[key]
            dropped += 1
    return found, dropped


@pytest.mark.heavy
def test_spark_decides_what_the_stream_decides(
    bundle: Path, broker: Broker, tmp_path: Path
) -> None:
    topics, outputs = broker.topics(), broker.topics()
    late = payment(1, event_time="2025-12-31T12:00:00Z", transaction_id=5)
    again = payment(7, amount="1.00")  # Its id with other content.
    future = payment(8, event_time="2098-01-01T00:00:00Z", transaction_id=6)
    poison: list[bytes | None] = [None, b"\x00\x00\x00\x00\x07avro", feedback(5, "maybe")]
    topics.put(*events(0, 500), late, again, future, *poison, *events(500, 200))
    Stream(bundle, topics, tmp_path / "state", "--until-end").wait_end()
    wanted = topics.read(topics.decisions)

    log, checkpoint = tmp_path / "job.log", tmp_path / "checkpoint"
    job = Job(bundle, topics.events, outputs, checkpoint, log)
    try:
        job.wait_for(outputs, 1)
    finally:
        job.kill()
    before = len(outputs.read(outputs.decisions))
    assert before < len(wanted)
    Job(bundle, topics.events, outputs, checkpoint, log, "--until-end").wait_end()
    assert_decided(topics, outputs, most_repeats=before)
    rejects, _ = by_key(outputs.read(outputs.rejects))
    assert rejects == {record.key: record for record in topics.read(topics.rejects)}
    assert len({record.headers["rule"] for record in rejects.values()}) >= 5


@pytest.mark.heavy
def test_an_executor_and_the_driver_are_lost_with_the_checkpoint_on_s3(
    bundle: Path, broker: Broker, tmp_path: Path
) -> None:
    topics, outputs = broker.topics(), broker.topics()
    topics.put(*events(0, 1_000))
    Stream(bundle, topics, tmp_path / "state", "--until-end").wait_end()
    base, services = free_base_port(), tmp_path / "stack"
    try:
        started = stack(services, base, "up", "s3")
        assert started.returncode == 0, started.stderr
        cluster = Cluster(tmp_path / "clusters", read_environment(services))
        try:
            run = (bundle, topics.events, outputs, "s3://weir-models/stream", tmp_path / "job.log")
            job = Job(*run, surroundings=cluster.environment)
            try:
                job.wait_for(outputs, 1)
                (executor,) = cluster.executors()
                os.kill(executor, signal.SIGKILL)
                # Another one takes over what S3 holds of the state.
                job.wait_for(outputs, 500)
                assert cluster.executors() != [executor]
            finally:
                job.kill()
            before = len(outputs.read(outputs.decisions))
            Job(*run, "--until-end", surroundings=cluster.environment).wait_end()
        finally:
            cluster.down()
    finally:
        stack(services, base, "down")
    assert_decided(topics, outputs, most_repeats=before)


def assert_decided(wanted_of: Topics, outputs: Topics, most_repeats: int) -> None:
    """Each of the decisions is there, to the byte but for its position."""
    wanted = wanted_of.read(wanted_of.decisions)
    decisions, repeats = by_key(outputs.read(outputs.decisions))
    assert repeats <= most_repeats
    assert len(decisions) == len(wanted)
    for record in wanted:
        found = decisions[record.key or b""]
        assert POSITION.sub(b"", found.value or b"") == POSITION.sub(b"", record.value or b"")
        # The position is the event's offset.
        position = json.loads(found.value or b"")["position"]
        assert found.headers == {**record.headers, "position": str(position)}
