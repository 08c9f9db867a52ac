"""Several processes in one group, partitions, TLS, a service to send to, a bundle with beliefs."""

import itertools
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker import Broker, Stream, Topics
from confluent_kafka import Consumer, Producer
from test_parity import Rest
from test_stream import assert_same, events, run, unbroken

REBALANCES = int(os.environ.get("WEIR_REBALANCES", "4"))
PARTITIONS = 3
TAKEN = r"partition 0 from offset (\d+)(.*)"


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that lets members be missed after a second."""
    found = Broker(tmp_path_factory.mktemp("quick"), "group.min.session.timeout.ms=500")
    yield found
    found.stop()


def await_decisions(topics: Topics, wanted: Topics, *streams: Stream) -> None:
    """Until as many are there."""
    end = time.monotonic() + 60
    expected = len(wanted.read(wanted.decisions))
    while len(topics.read(topics.decisions)) < expected:
        assert time.monotonic() < end, "".join(line for s in streams for line in s.lines)
        time.sleep(0.2)


def test_rebalances_between_two_scorers(bundle: Path, quick: Broker, tmp_path: Path) -> None:
    rounds = max(1, REBALANCES // 2)  # A member comes, and the other one goes.
    log = [*events(0, 400 * rounds)]
    wanted = unbroken(bundle, quick, log, tmp_path)
    topics = quick.topics()
    flags = ("--batch", "20", "--session-timeout-ms", "1000", "--snapshot-every", "1s")
    part = len(log) // rounds
    taken: list[float] = []

    def member(number: int) -> Stream:
        return Stream(
            bundle, topics, tmp_path / f"state-{number % 2}", "--instance", f"m{number}", *flags
        )

    running = [member(0).wait_ready()]
    try:
        for number in range(rounds):
            running.append(member(number + 1))
            topics.put(*log[number * part : (number + 1) * part])
            running[1].wait_for("partition 0 from offset|standby")
            if number % 2 == 0:
                time.sleep(0.3)
            killed = time.monotonic()
            running.pop(0).kill()
            while not any("partition 0 from offset" in line for line in running[0].lines):
                time.sleep(0.02)
                assert time.monotonic() < killed + 60, "".join(running[0].lines)
            taken.append(time.monotonic() - killed)
        topics.put(*log[rounds * part :])
        await_decisions(topics, wanted, running[0])
        assert running[0].stop() == 0
    finally:
        for stream in running:
            stream.__exit__()
    assert_same(topics, wanted)
    print(f"taken over after at most {max(taken):.1f} s, session time-out 1 s")


def test_a_standby_has_the_state_when_it_takes_over(
    bundle: Path, quick: Broker, tmp_path: Path
) -> None:
    log = [*events(0, 1000)]
    wanted = unbroken(bundle, quick, log, tmp_path)
    topics = quick.topics()
    flags = ("--session-timeout-ms", "1000")
    with (
        Stream(bundle, topics, tmp_path / "one", "--instance", "one", *flags).wait_ready() as one,
        Stream(bundle, topics, tmp_path / "two", "--instance", "two", *flags) as two,
    ):
        topics.put(*log[:900])
        pair = {"one": one, "two": two}
        end = time.monotonic() + 60
        while not any("standby: follows" in line for s in pair.values() for line in s.lines):
            assert time.monotonic() < end, "".join(one.lines + two.lines)
            time.sleep(0.1)
        time.sleep(2)  # The owner commits, and the standby follows.
        standby = max(pair, key=lambda n: "".join(pair[n].lines).rfind("standby: follows"))
        owner = pair["two" if standby == "one" else "one"]
        known = len(pair[standby].lines)
        owner.kill()
        while not (said := re.findall(TAKEN, "".join(pair[standby].lines[known:]))):
            assert time.monotonic() < end, "".join(one.lines + two.lines)
            time.sleep(0.1)
        assert int(said[0][0]) >= 900 and said[0][1] == "", said
        topics.put(*log[900:])
        await_decisions(topics, wanted, one, two)
    assert_same(topics, wanted)


def test_a_member_that_was_fenced_comes_back(bundle: Path, quick: Broker, tmp_path: Path) -> None:
    log = [*events(0, 1000)]
    wanted = unbroken(bundle, quick, log, tmp_path)
    topics = quick.topics()
    flags = ("--session-timeout-ms", "1000", "--instance", "one")
    with Stream(bundle, topics, tmp_path / "state", *flags).wait_ready() as stream:
        topics.put(*log[:500])
        time.sleep(2)  # Within a session of joining it would end: test_of_two_under_one_name.
        # Somebody else's client under its name, which takes no part in the work.
        member = {"group.id": topics.events, "group.instance.id": "one"}
        member |= {"session.timeout.ms": "1000", "enable.auto.commit": "false"}
        rival = Consumer({"bootstrap.servers": quick.address, **member})
        rival.subscribe([topics.events])
        end = time.monotonic() + 60
        while not any("FENCED_INSTANCE_ID" in line for line in stream.lines):
            assert time.monotonic() < end, "".join(stream.lines)
            rival.poll(0.1)
        stream.wait_for("joining the group again")
        rival.close()
        topics.put(*log[500:])
        await_decisions(topics, wanted, stream)
        assert stream.stop() == 0
    assert_same(topics, wanted)


def test_of_two_under_one_name_one_ends(bundle: Path, quick: Broker, tmp_path: Path) -> None:
    """They do not take the partition from each other for ever, and nothing is written twice."""
    log = [*events(0, 1000)]
    wanted = unbroken(bundle, quick, log, tmp_path)
    topics = quick.topics()
    flags = ("--session-timeout-ms", "1000", "--instance", "one")
    with (
        Stream(bundle, topics, tmp_path / "first", *flags).wait_ready() as first,
        Stream(bundle, topics, tmp_path / "second", *flags) as second,
    ):
        topics.put(*log[:500])
        end = time.monotonic() + 60
        while not (over := [s for s in (first, second) if s.process.poll() is not None]):
            assert time.monotonic() < end, "".join(first.lines + second.lines)
            time.sleep(0.1)
        assert over[0].process.returncode == 1
        left = second if over[0] is first else first
        topics.put(*log[500:])
        await_decisions(topics, wanted, left)
        assert left.stop() == 0
        over[0].wait_for('another one runs under --instance "one"|was fenced')
    assert_same(topics, wanted)


def test_partitions_are_shared_and_each_is_exact(
    bundle: Path, broker: Broker, tmp_path: Path
) -> None:
    log = [event for event in events(0, 900) if b"customer_id" in event]
    pair = [broker.topics(PARTITIONS), broker.topics(PARTITIONS)]
    for topics in pair:
        producer = Producer({"bootstrap.servers": broker.address, "enable.idempotence": True})
        for event in log:
            producer.produce(
                topics.events, event, partition=json.loads(event)["customer_id"] % PARTITIONS
            )
        producer.flush()
    alone, shared = pair
    Stream(bundle, alone, tmp_path / "alone", "--until-end").wait_end()
    flags = ("--session-timeout-ms", "6000", "--batch", "50")
    with (
        Stream(bundle, shared, tmp_path / "one", "--instance", "one", *flags) as one,
        Stream(bundle, shared, tmp_path / "two", "--instance", "two", *flags) as two,
    ):
        end = time.monotonic() + 60
        partitions = range(PARTITIONS)
        wanted = [alone.read(alone.decisions, partition) for partition in partitions]
        while [shared.read(shared.decisions, partition) for partition in partitions] != wanted:
            assert time.monotonic() < end, "".join(one.lines + two.lines)
            time.sleep(0.2)
        assert one.stop() == 0 and two.stop() == 0
    assert all(wanted) and sum(map(len, wanted)) > 800


def tls_files(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and the broker's key with it."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    both = folder / "broker.pem"
    both.write_text(key.read_text() + certificate.read_text())
    return certificate, both


def test_tls_is_checked(bundle: Path, tmp_path: Path) -> None:
    certificate, key = tls_files(tmp_path)
    (tmp_path / "kafka").mkdir()
    own = Broker(
        tmp_path / "kafka",
        "listeners=SSL://127.0.0.1:PORT,CONTROLLER://127.0.0.1:PORT+1",
        "advertised.listeners=SSL://127.0.0.1:PORT",
        "inter.broker.listener.name=SSL",
        "listener.security.protocol.map=SSL:SSL,CONTROLLER:PLAINTEXT",
        "ssl.keystore.type=PEM",
        f"ssl.keystore.location={key}",
        "ssl.truststore.type=PEM",
        f"ssl.truststore.location={certificate}",
    )
    try:
        properties = tmp_path / "kafka.properties"
        command = ("stream", bundle, "--brokers", own.address, "--create-topics", 1)
        command += ("--kafka-properties", properties, "--until-end", "--state", tmp_path / "state")
        command += ("--metrics-listen", "")
        properties.write_text("security.protocol=SSL\n")  # Nobody vouches for this certificate.
        done = run(*command)
        assert done.returncode == 1 and "certificate" in done.stderr, done.stderr
        properties.write_text(f"security.protocol=SSL\nssl.ca.location={certificate}\n")
        done = run(*command)
        assert done.returncode == 0, done.stderr
    finally:
        own.stop()


def test_produce_sends_to_a_service(bundle: Path, lake: Path, tmp_path: Path) -> None:
    day = sorted((lake / "clean").glob("date=*"))[-1].name.removeprefix("date=")
    service = Rest(bundle, lake, day, tmp_path / "journal")
    try:
        url = f"http://localhost:{service.connection.port}"
        done = run("produce", lake, "--from", day, "--url", url, "--limit", 500, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["sent"] == 500
        service.connection.request("GET", "/v1/decisions?limit=1")
        answer = service.connection.getresponse()
        assert answer.status == 200, answer.read()
    finally:
        service.stop()


@pytest.mark.heavy
def test_a_bundle_with_beliefs_survives_kills(stream: Path, broker: Broker, tmp_path: Path) -> None:
    """The budgets' control events and the audits too are the log's alone."""
    topics: Topics = broker.topics()
    sent = run(
        *("produce", stream / "lake", "--from", "2019-09-30", "--feedback", "--limit", 4000),
        *("--brokers", broker.address, "--topic", topics.events, "--timestamps", "event"),
    )
    assert sent.returncode == 0, sent.stderr
    log = [record.value or b"" for record in topics.read(topics.events)]
    flags = ("--snapshot-every", "1s", "--batch", "100", "--instance", "one")
    bundle = stream / "bundle"
    calm = Topics(topics.address, topics.events, *broker.topics().names[1:])
    Stream(bundle, calm, tmp_path / "calm", "--group", "calm", "--until-end").wait_end()
    for _ in itertools.repeat(None, 8):
        with Stream(bundle, topics, tmp_path / "state", *flags) as killed:
            killed.wait_for("partition 0 from offset")
            time.sleep(0.1)
            killed.kill()
    Stream(bundle, topics, tmp_path / "state", *flags, "--until-end").wait_end()
    assert_same(topics, calm)
    decisions = [json.loads(record.value or b"") for record in topics.read(topics.decisions)]
    assert len(log) == 4000 and "beliefs" in decisions[-1]
