"""`weir stream` against a real broker: exactly once over kills, zombies, poison, lost brokers."""

import contextlib
import json
import os
import random
import signal
import subprocess
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker import BINARY, Broker, Brokers, Stream, Topics

KILLS = int(os.environ.get("WEIR_KILLS", "20"))
RESTARTS = int(os.environ.get("WEIR_RESTARTS", "1"))
NIGHT = "2026-01-01T03:00:00Z"


def payment(number: int, **changes: object) -> bytes:
    """A payment; customers and terminals as in the small simulation."""
    fields = {
        "transaction_id": 10_000_000 + number,
        "event_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1767225600 + number * 7)),
        "customer_id": number * 7919 % 2000,
        "terminal_id": number % 4,
        "amount": f"{number * 31 % 300}.{number % 100:02}",
        **changes,
    }
    return json.dumps(fields).encode()


def feedback(number: int, outcome: str, **changes: object) -> bytes:
    """The outcome of a payment, with its keys."""
    fields = json.loads(payment(number))
    return json.dumps({**fields, "outcome": outcome, "source": "chargeback", **changes}).encode()


def events(first: int, count: int) -> Iterator[bytes]:
    """Payments, with feedback, a repetition and a broken line now and then."""
    for number in range(first, first + count):
        yield payment(number)
        if number % 50 == 7:
            yield feedback(number - 7, "fraud" if number % 100 == 7 else "genuine")
        if number % 97 == 5:
            yield payment(number - 5)
        if number % 89 == 3:
            yield b"{ no payment"


def unbroken(bundle: Path, broker: Broker | Brokers, log: list[bytes], tmp_path: Path) -> Topics:
    """What a run that nobody disturbs writes."""
    topics = broker.topics()
    topics.put(*log)
    Stream(bundle, topics, tmp_path / "unbroken", "--until-end").wait_end()
    return topics


def assert_same(topics: Topics, wanted: Topics, in_order: bool = True) -> None:
    """Byte for byte, headers included, none missing, none twice."""
    for mine, other in zip(topics.names[1:], wanted.names[1:], strict=True):
        got, expected = topics.read(mine), wanted.read(other)
        if not in_order:
            got, expected = (sorted(records, key=repr) for records in (got, expected))
        assert len(got) == len(expected)
        for one, two in zip(got, expected, strict=True):
            assert one == two


def test_decides_with_headers_and_metrics(bundle: Path, broker: Broker, tmp_path: Path) -> None:
    topics = broker.topics()
    with Stream(bundle, topics, tmp_path / "state") as stream:
        stream.wait_ready()
        # A topic that was just made has no leader for a moment, which is a fault that fades.
        for _ in range(60):
            with contextlib.suppress(urllib.error.HTTPError):
                assert json.loads(stream.get("/readyz")) == {"ready": True}
                break
            time.sleep(0.5)
        else:
            raise AssertionError("".join(stream.lines))
        topics.put(*(payment(number) for number in range(100)), feedback(3, "fraud"), payment(3))
        end = time.monotonic() + 30
        while len(topics.read(topics.decisions)) < 100:
            assert time.monotonic() < end, "".join(stream.lines)
        time.sleep(0.5)
        page = stream.get("/metrics")
        assert stream.stop() == 0
    decisions = topics.read(topics.decisions)
    assert [json.loads(record.value or b"")["position"] for record in decisions] == [*range(100)]
    model = json.loads((bundle / "model.json").read_text())["version"]
    for number, record in enumerate(decisions):
        assert record.key == str(10_000_000 + number).encode()
        assert record.headers == {"model_version": model, "position": str(number), "degraded": ""}
    for line in (
        "weir_stream_partitions 1",
        "weir_stream_lag_messages 0",
        "weir_payments_repeated_total 1",
        "weir_log_position 102",
        'weir_feedback_total{source="chargeback",outcome="fraud"} 1',
    ):
        assert line in page.splitlines(), page


def test_kill_at_random_points(bundle: Path, broker: Broker, tmp_path: Path) -> None:
    chance = random.Random(5)
    log = [*events(0, 600 * KILLS)]
    topics = broker.topics()
    wanted = unbroken(bundle, broker, log, tmp_path)
    part = len(log) // KILLS
    flags = ("--snapshot-every", "1s", "--batch", "50", "--instance", "one")
    for kill in range(KILLS):
        with Stream(bundle, topics, tmp_path / "state", *flags) as stream:
            if kill % 2 == 0:
                stream.wait_for("partition 0 from offset")
            topics.put(*log[kill * part : (kill + 1) * part])
            time.sleep(chance.uniform(0, 0.4))
            stream.kill()
    topics.put(*log[KILLS * part :])
    last = Stream(bundle, topics, tmp_path / "state", *flags, "--until-end").wait_end()
    assert_same(topics, wanted)
    # The state was restored from a snapshot, not from the whole log.
    assert not any("from offset 0," in line for line in last.lines), last.lines


def test_a_zombie_writes_nothing(bundle: Path, broker: Broker, tmp_path: Path) -> None:
    log = [*events(0, 3000)]
    wanted = unbroken(bundle, broker, log, tmp_path)
    topics = broker.topics()
    flags = ("--batch", "100", "--session-timeout-ms", "6000")
    with Stream(bundle, topics, tmp_path / "one", "--instance", "one", *flags) as zombie:
        zombie.wait_ready()
        topics.put(*log[:1500])
        time.sleep(0.1)
        zombie.signal(signal.SIGSTOP)
        with Stream(bundle, topics, tmp_path / "two", "--instance", "two", *flags) as other:
            topics.put(*log[1500:])
            other.wait_for("partition 0 from offset")
            zombie.signal(signal.SIGCONT)
            # It is fenced, or the group tells it first; in both cases it joins the group again.
            zombie.wait_for("fenced|group has moved on|standby|out of group")
            end = time.monotonic() + 60
            expected = len(wanted.read(wanted.decisions))
            while len(topics.read(topics.decisions)) < expected:
                assert time.monotonic() < end, "".join(other.lines + zombie.lines)
                time.sleep(0.2)
            assert other.stop() == 0
    assert_same(topics, wanted)


def test_poison_goes_to_rejects_and_the_stream_goes_on(
    bundle: Path, broker: Broker, tmp_path: Path
) -> None:
    large = b'{"transaction_id":' + b"1" * 900_000 + b"}"
    future = payment(9, event_time="2098-01-01T00:00:00Z")
    poison: list[tuple[bytes | None, str, str]] = [
        (b"", "field_count", "row"),
        (b"not json", "field_count", "row"),
        (b"[1, 2]", "field_count", "row"),
        (b'{"transaction_id": 1}', "field_count", "event_time"),
        (None, "null_event", "row"),
        (large, "line_too_long", "row"),
        (b"\xff\xfe\x00", "field_count", "row"),
        (b"\x00\x00\x00\x00\x07avro", "schema_unknown", "row"),
        (payment(1, amount=[1]), "not_a_number", "amount"),
        (payment(1, customer_id="Err"), "customer_invalid", "customer_id"),
        (b'{"transaction_id": 4, "outcome": "maybe"}', "feedback_invalid", "outcome"),
        (
            b'{"transaction_id": 4, "outcome": "fraud", "source": "analyst"}',
            "feedback_invalid",
            "customer_id",
        ),
        (feedback(5, "fraud", known_at="2098-01-01T00:00:00Z"), "feedback_invalid", "known_at"),
        (feedback(5, "fraud", known_at="2019-01-01T00:00:00Z"), "feedback_invalid", "known_at"),
        (payment(0, amount="7.00"), "duplicate_id", "transaction_id"),
        (future, "time_in_future", "event_time"),
    ]
    topics = broker.topics()
    topics.put(payment(0), *(event for event, _, _ in poison), payment(1))
    topics.put(payment(2), headers={"schema_version": b"9"})
    topics.put(payment(3))
    Stream(bundle, topics, tmp_path / "state", "--until-end").wait_end()
    rejects = topics.read(topics.rejects)
    wanted = [*poison, (payment(2), "schema_unknown", "schema_version")]
    assert len(rejects) == len(wanted), rejects
    for record, (event, rule, field) in zip(rejects, wanted, strict=True):
        assert (record.headers["rule"], record.headers["field"]) == (rule, field), record.headers
        original = event or b""
        assert record.headers["original_bytes"] == str(len(original))
        assert (record.value or b"") == original[: 512 * 1024]
        assert record.headers["detail"]
    ids = [
        json.loads(record.value or b"")["transaction_id"]
        for record in topics.read(topics.decisions)
    ]
    assert ids == [10_000_000, 10_000_001, 10_000_003]


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_broker_restarts_are_survived(bundle: Path, tmp_path: Path, end: str) -> None:
    """The session is shorter than a restart: the group has forgotten the scorer each time.

    A lone broker that is told to stop may lose a transaction's outputs, which are written after
    those that came meanwhile (docs/operating/stream.md, "Left half over by a broker").
    """
    (tmp_path / "kafka").mkdir()
    chance = random.Random(6)
    own = Broker(tmp_path / "kafka", "group.min.session.timeout.ms=500")
    try:
        log = [*events(0, 1000 * RESTARTS)]
        wanted = unbroken(bundle, own, log, tmp_path)
        topics = own.topics()
        flags = ("--batch", "50", "--session-timeout-ms", "2000")
        with Stream(bundle, topics, tmp_path / "state", *flags) as stream:
            stream.wait_ready()
            for part in range(RESTARTS):
                topics.put(*log[1000 * part : 1000 * part + 600])
                time.sleep(chance.uniform(0, 0.2))
                own.kill() if end == "kill" else own.stop()
                time.sleep(chance.uniform(0, 4) if part else 0)
                own.start()
                topics.put(*log[1000 * part + 600 : 1000 * (part + 1)])
            topics.put(*log[1000 * RESTARTS :])
            deadline = time.monotonic() + 180  # 50 s were seen beside builds.
            expected = len(wanted.read(wanted.decisions))
            while len(topics.read(topics.decisions)) < expected:
                assert stream.process.poll() is None, "".join(stream.lines)
                assert time.monotonic() < deadline, "".join(stream.lines)
                time.sleep(0.2)
            assert stream.stop() == 0
        assert_same(topics, wanted, in_order=end == "kill")
    finally:
        own.stop()


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `weir`."""
    return subprocess.run(
        [BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=120
    )


def test_a_set_up_that_cannot_work_says_why(bundle: Path, broker: Broker, tmp_path: Path) -> None:
    quiet = ("--metrics-listen", "", "--state", tmp_path)
    done = run("stream", bundle, "--brokers", broker.address, "--events", "nowhere", *quiet)
    assert done.returncode == 1
    assert 'topic "nowhere" is not at' in done.stderr and "--create-topics 1" in done.stderr
    done = run(
        *("stream", bundle, "--brokers", "127.0.0.1:9", *quiet, "--connect-timeout", "1s"),
    )
    assert done.returncode == 1
    assert "127.0.0.1:9: no broker answered within 1 s" in done.stderr, done.stderr
    secrets = tmp_path / "kafka.properties"
    secrets.write_text("transactional.id=mine\n")
    done = run("stream", bundle, "--kafka-properties", secrets, *quiet)
    assert done.returncode == 2 and "transactional.id is set by weir" in done.stderr


def test_produce_sends_a_lake_at_a_rate(lake: Path, broker: Broker) -> None:
    topics = broker.topics()
    done = run(
        *("produce", lake, "--brokers", broker.address, "--topic", topics.events),
        *("--rate", 500, "--limit", 600, "--feedback", "--json"),
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["sent"] == 600 and 1.1 < report["seconds"] < 10
    found = topics.read(topics.events)
    assert len(found) == 600
    first = json.loads(found[0].value or b"")
    assert found[0].key == str(first["customer_id"]).encode()


@pytest.fixture(scope="module")
def with_password(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that wants a name and a password."""
    login = "org.apache.kafka.common.security.plain.PlainLoginModule"
    found = Broker(
        tmp_path_factory.mktemp("sasl"),
        "listeners=SASL_PLAINTEXT://127.0.0.1:PORT,CONTROLLER://127.0.0.1:PORT+1",
        "advertised.listeners=SASL_PLAINTEXT://127.0.0.1:PORT",
        "inter.broker.listener.name=SASL_PLAINTEXT",
        "listener.security.protocol.map=SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms=PLAIN",
        "sasl.mechanism.inter.broker.protocol=PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config="
        f'{login} required username="weir" password="right" user_weir="right";',
    )
    yield found
    found.stop()


def test_a_wrong_password_ends_it_and_a_right_one_works(
    bundle: Path, with_password: Broker, tmp_path: Path
) -> None:
    secrets = tmp_path / "kafka.properties"
    text = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=weir\n"
    arguments = ("stream", bundle, "--brokers", with_password.address, "--create-topics", 1)
    arguments += ("--kafka-properties", secrets, "--until-end", "--state", tmp_path / "state")
    arguments += ("--metrics-listen", "")
    secrets.write_text(text + "sasl.password=wrong\n")
    began = time.monotonic()
    done = run(*arguments)
    assert done.returncode == 1 and time.monotonic() - began < 20
    assert "check the credentials" in done.stderr, done.stderr
    secrets.write_text(text + "sasl.password=right\n")
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
