"""`weir serve --log kafka`: several replicas, one log, the same answers whatever happens to one."""

import contextlib
import http.client
import json
import os
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from broker import BINARY, Broker, Stream, Topics
from test_stream import assert_same, feedback, payment

OWNER_KILLS = int(os.environ.get("WEIR_OWNER_KILLS", "1"))
QUICK = ("--session-timeout-ms", "1000")


class Replica(Stream):
    """`weir serve --log kafka` as a process of its own, and a client of it."""

    def __init__(self, bundle: Path, topics: Topics, state: Path, *arguments: object) -> None:
        command = [str(BINARY), "serve", str(bundle), "--log", "kafka"]
        command += ["--brokers", topics.address, "--group", topics.events]
        for flag, name in zip(("--events", "--decisions", "--rejects"), topics.names, strict=True):
            command += [flag, name]
        command += ["--journal", str(state), "--listen", "127.0.0.1:0"]
        command += ["--metrics-listen", "127.0.0.1:0", *QUICK, *map(str, arguments)]
        self.start(command)

    def wait_ready(self) -> "Replica":
        self.rest = int(self.wait_for(r"http://[\d.]+:(\d+)")[1])
        self.port = int(self.wait_for(r"metrics on port (\d+)")[1])
        self.wait_for("ready at offset")
        return self

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.rest, timeout=60)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        connection = self.connect()
        try:
            return ask(connection, method, path, body)
        finally:
            connection.close()

    def decide(self, event: bytes) -> tuple[int, str]:
        return self.ask("POST", "/v1/decisions", event)

    def owns(self) -> bool:
        return "weir_stream_partitions 1" in self.get("/metrics").splitlines()

    def position(self) -> str:
        return next(line for line in self.get("/metrics").splitlines() if "log_position" in line)


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None
) -> tuple[int, str]:
    connection.request(method, path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def wait_until(true: Any, what: str, *who: Stream, seconds: float = 60) -> None:
    """Fails with what they said and the log's metrics of each."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() >= end:
            said: list[str] = []
            for one in who:
                said += one.lines
                with contextlib.suppress(OSError):
                    page = one.get("/metrics").splitlines()
                    said += [line for line in page if line.startswith("weir_stream")]
            raise AssertionError("\n".join([what, *said]))
        time.sleep(0.05)


def decisions(replica: Replica) -> float:
    """How many it has counted."""
    lines = replica.get("/metrics").splitlines()
    return sum(float(line.split()[-1]) for line in lines if "weir_decisions_total{" in line)


def problem(answer: tuple[int, str]) -> tuple[int, str]:
    return answer[0], json.loads(answer[1])["type"].removeprefix("/problems/")


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that lets members be missed after a second."""
    found = Broker(tmp_path_factory.mktemp("replicas"), "group.min.session.timeout.ms=500")
    yield found
    found.stop()


def test_two_replicas_answer_alike(bundle: Path, quick: Broker, tmp_path: Path) -> None:
    topics = quick.topics()
    with (
        Replica(bundle, topics, tmp_path / "one").wait_ready() as one,
        Replica(bundle, topics, tmp_path / "two").wait_ready() as two,
    ):
        pair = [one, two]
        answers: dict[int, str] = {}
        lines = [replica.connect() for replica in pair]
        for number in range(300):
            status, answers[number] = ask(
                lines[number % 2], "POST", "/v1/decisions", payment(number)
            )
            assert status == 200, answers[number]
            if number % 50 == 7:
                status, told = ask(
                    lines[number % 2], "POST", "/v1/feedback", feedback(number - 7, "fraud")
                )
                assert status == 200 and json.loads(told)["outcome"] == "fraud", told
        # The other replica gives the same bytes, reasons included.
        for number in range(0, 300, 3):
            again = ask(lines[(number + 1) % 2], "POST", "/v1/decisions", payment(number))
            assert again == (200, answers[number])
        batch = b"[" + b",".join(payment(number) for number in (3, 300, 301)) + b",{}]"
        status, text = one.ask("POST", "/v1/decisions/batch", batch)
        results = json.loads(text)["results"]
        assert status == 200 and results[0] == json.loads(answers[3])
        assert [result.get("status") for result in results] == [None, None, None, 422], text
        for replica in pair:
            other = payment(5, amount="7.77")
            assert problem(replica.decide(other)) == (409, "duplicate_id")
            future = payment(900, event_time="2098-01-01T00:00:00Z")
            assert problem(replica.decide(future)) == (422, "time_in_future")
            assert problem(replica.decide(b"{")) == (400, "field_count")
            status, text = replica.ask("GET", f"/v1/decisions/{10_000_000}")
            found = json.loads(text)
            assert status == 200 and found["feedback"][0]["outcome"] == "fraud", text
            wanted = json.loads(answers[0])
            assert {name: found[name] for name in wanted} == wanted
            assert problem(replica.ask("POST", "/v1/model/reload", b"{}"))[0] == 409
            status, text = replica.ask("GET", "/v1/model")
            assert status == 200 and json.loads(text)["challenger"] is None
            status, text = replica.ask("GET", f"/v1/explanations/{10_000_299}")
            assert status == 200 and json.loads(text)["inputs"], text
        # Feedback that comes again counts once; without its payment's keys too.
        fields = json.loads(feedback(1, "fraud", known_at="2026-01-02T00:00:00Z"))
        short = {name: fields[name] for name in ("transaction_id", "outcome", "source", "known_at")}
        told = [
            replica.ask("POST", "/v1/feedback", json.dumps(body).encode())
            for replica, body in ((one, fields), (two, short), (one, short))
        ]
        assert told[0][0] == 200 and told[1:] == [told[0], told[0]]
        unknown = json.dumps({**short, "transaction_id": 77}).encode()
        assert problem(one.ask("POST", "/v1/feedback", unknown)) == (404, "unknown_payment")
        wait_until(lambda: one.position() == two.position(), "the replicas stand apart")
        # Over both, each decision is counted once.
        wait_until(lambda: sum(map(decisions, pair)) == 302, f"{[*map(decisions, pair)]}")
        assert [replica.owns() for replica in pair].count(True) == 1
        assert one.stop() == 0 and two.stop() == 0
    written = topics.read(topics.decisions)
    assert [(record.value or b"").decode() for record in written[:300]] == [*answers.values()]
    assert len(written) == 302
    # weir stream decides the same log the same way.
    calm = Topics(topics.address, topics.events, *quick.topics().names[1:])
    Stream(bundle, calm, tmp_path / "calm", "--group", "calm", "--until-end").wait_end()
    assert_same(topics, calm)


def test_a_restart_answers_as_before(bundle: Path, quick: Broker, tmp_path: Path) -> None:
    topics = quick.topics()
    with Replica(bundle, topics, tmp_path / "state").wait_ready() as replica:
        answers = [replica.decide(payment(number)) for number in range(60)]
        wait_until(lambda: len(topics.read(topics.decisions)) == 60, "nobody writes decisions")
        assert replica.stop() == 0
    with Replica(bundle, topics, tmp_path / "state") as replica:
        replica.wait_ready()
        assert [replica.decide(payment(number)) for number in range(60)] == answers
        assert replica.decide(payment(61))[0] == 200
        page = replica.get("/metrics")
        assert "weir_replayed_entries_total 0" in page, page  # From the snapshot.
    # One with nothing of its own too.
    with Replica(bundle, topics, tmp_path / "other").wait_ready() as replica:
        assert [replica.decide(payment(number)) for number in range(60)] == answers
    assert any('"reasons":[' in text for _, text in answers)


def test_the_owner_is_killed_under_load(bundle: Path, quick: Broker, tmp_path: Path) -> None:
    topics = quick.topics()
    todo: queue.Queue[int] = queue.Queue()
    for number in range(2000 * (OWNER_KILLS + 1)):
        todo.put(number)
    count = todo.qsize()
    acknowledged: dict[int, str] = {}
    faults: list[str] = []
    threads: list[threading.Thread] = []

    def send(replica: Replica) -> None:
        line = replica.connect()
        while len(acknowledged) < count and replica.process.poll() is None:
            try:
                number = todo.get(timeout=0.1)
            except queue.Empty:
                continue
            try:
                status, text = ask(line, "POST", "/v1/decisions", payment(number))
                if status == 200:
                    acknowledged[number] = text
                    continue
                faults.append(text)
            except (OSError, http.client.HTTPException):
                line = replica.connect()
            todo.put(number)  # What was not answered is sent again, to whoever is there.

    def replica(number: int) -> Replica:
        flags = ("--snapshot-every", "1s")
        found = Replica(bundle, topics, tmp_path / str(number), *flags).wait_ready()
        threads.extend(threading.Thread(target=send, args=(found,)) for _ in range(4))
        for thread in threads[-4:]:
            thread.start()
        return found

    running = {number: replica(number) for number in range(3)}
    try:
        for kill in range(OWNER_KILLS):
            wait_until(lambda: len(acknowledged) > 2000 * kill + 1000, "too few answers")  # noqa: B023
            owners: list[int] = []
            # One look: while a newcomer is taken into the group nobody owns the log.
            wait_until(
                lambda: owners.extend(n for n, one in running.items() if one.owns()) or owners,  # noqa: B023
                "nobody owns the log",
            )
            owner = owners[0]
            running[owner].kill()
            if kill + 1 < OWNER_KILLS:
                running[owner] = replica(owner)
            else:
                del running[owner]
        # The others go on answering while nobody owns the log.
        for thread in threads:
            thread.join(timeout=120)
        assert len(acknowledged) == count and not faults, faults[:3]
        wait_until(lambda: any(one.owns() for one in running.values()), "nobody took over")
        wait_until(lambda: len(topics.read(topics.decisions)) >= count, "decisions are missing")
        assert all(one.stop() == 0 for one in running.values())
    finally:
        for one in running.values():
            one.__exit__()
    values = [(record.value or b"").decode() for record in topics.read(topics.decisions)]
    written = {json.loads(value)["transaction_id"]: value for value in values}
    assert len(values) == len(written) == count
    assert all(written[10_000_000 + number] == text for number, text in acknowledged.items())


def test_brokers_go_away_and_come_back(bundle: Path, quick: Broker, tmp_path: Path) -> None:
    topics = quick.topics()
    flags = ("--log-timeout-ms", "1000")
    with Replica(bundle, topics, tmp_path / "state", *flags).wait_ready() as replica:
        assert replica.decide(payment(0))[0] == 200
        quick.stop()
        refused = problem(replica.decide(payment(1)))
        assert refused in ((503, "log_away"), (504, "log_timeout")), refused
        wait_until(lambda: problem(replica.decide(payment(1))) == (503, "log_away"), "no 503")
        began = time.monotonic()
        connection = replica.connect()
        connection.request(
            "POST", "/v1/decisions", payment(1), {"Content-Type": "application/json"}
        )
        answer = connection.getresponse()
        assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0
        assert time.monotonic() - began < 1
        assert problem(replica.ask("GET", "/readyz")) == (503, "log_away")
        quick.start()
        wait_until(lambda: replica.decide(payment(1))[0] == 200, "it does not heal", replica)
        wait_until(
            lambda: replica.ask("GET", "/readyz")[0] == 200, "it does not get ready", replica
        )
        wait_until(
            lambda: len(topics.read(topics.decisions)) == 2, "a decision is missing", replica
        )
        # Told to stop while no broker is there both commands end soon.
        other = quick.topics()
        with Stream(bundle, other, tmp_path / "stream").wait_ready() as stream:
            other.put(*(payment(number) for number in range(2000)))
            quick.stop()
            began = time.monotonic()
            assert replica.stop() == 0
            assert stream.stop() == 0, "".join(stream.lines)
            assert time.monotonic() - began < 25
        quick.start()


def test_what_does_not_fit_is_refused(bundle: Path, quick: Broker, tmp_path: Path) -> None:
    for flags, said in (
        (("--log", "paper"), "wanted journal or kafka"),
        (("--challenger", bundle), "one champion"),
        (("--retention", "3d"), "retention.ms"),
        (("--on-full-disk", "rules"), "not on this disk"),
    ):
        with Replica(bundle, quick.topics(), tmp_path / "none", *flags) as replica:
            assert replica.process.wait(timeout=60) == 2
            replica.wait_for(said)
    with Replica(bundle, quick.topics(3), tmp_path / "none") as replica:
        assert replica.process.wait(timeout=60) == 1
        replica.wait_for("has 3 partitions")
