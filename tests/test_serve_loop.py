"""A bundle with beliefs in the service: the loop closes over REST just as in a replay."""

import heapq
import json
import math
import socket
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from conftest import Run
from journal_file import CONTROL, PAYMENT, read_journal
from service import Service, payment

BEGIN = datetime.fromisoformat("2019-08-22T00:00:00+00:00")
END = BEGIN + timedelta(days=2, hours=6)
KILL_AT = BEGIN + timedelta(days=1, hours=13)
LABEL_DELAY = timedelta(days=1)
ANSWER_DELAY = timedelta(minutes=15)
ANSWERED, FRAUD_PASSES, WRONG_DENIAL = 0.7, 0.05, 0.01
MASK = 2**64 - 1
ACTIONS = ("approve", "challenge", "decline")


def mix(value: int) -> int:
    """SplitMix64's finaliser."""
    value = (value + 0x9E3779B97F4A7C15) & MASK
    value = ((value ^ value >> 30) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ value >> 27) * 0x94D049BB133111EB) & MASK
    return value ^ value >> 31


def chance(transaction_id: int, draw: int) -> float:
    """A cardholder's draw: the hash of seed 1, the payment and the question."""
    return (mix(mix(mix(1) ^ transaction_id) ^ draw) >> 11) * 2.0**-53


def cardholder(transaction_id: int, fraud: bool) -> tuple[str, bool]:
    """What a challenged cardholder answers, and whether the payment is then executed."""
    if fraud and chance(transaction_id, 2) < FRAUD_PASSES:
        return "genuine", True
    if chance(transaction_id, 1) >= ANSWERED:
        return "unanswered", False
    denies = fraud or chance(transaction_id, 3) < WRONG_DENIAL
    return ("fraud", False) if denies else ("genuine", True)


class Client:
    """A kept connection without a library's overhead: tens of thousands of requests go over it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")

    def post(self, path: str, body: object) -> Any:
        """The answer's JSON; any status but 200 fails."""
        text = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        self.socket.sendall(f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text)
        status = self.stream.readline()
        size = 0
        while (line := self.stream.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        answer = self.stream.read(size)
        assert b" 200 " in status, (status, answer, body)
        return json.loads(answer)


def moment(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


class World:
    """Cardholders who answer after a quarter of an hour, chargebacks after a day."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self.next = 0
        self.events: list[tuple[datetime, int, int, dict[str, Any]]] = []

    def run(self, client: Client, until: datetime) -> None:
        """Send what happens before `until`, in the order in which the policy may know it."""
        while self.next < len(self.rows) and self.rows[self.next]["event_time"] < until:
            row = self.rows[self.next]
            while self.events and self.events[0][0] <= row["event_time"]:
                client.post("/v1/feedback", heapq.heappop(self.events)[3])
            amount = row["amount_minor"]
            body = {
                "transaction_id": row["transaction_id"],
                "event_time": moment(row["event_time"]),
                "customer_id": row["customer_id"],
                "terminal_id": row["terminal_id"],
                "amount": f"{amount // 100}.{amount % 100:02}",
            }
            self.learn(row, client.post("/v1/decisions", body)["decision"])
            self.next += 1

    def learn(self, row: dict[str, Any], decision: str) -> None:
        """What will be known of a payment, and when; of the same second, answers come first."""
        executed = decision == "approve"
        identity = {"transaction_id": row["transaction_id"]}
        if decision == "challenge":
            outcome, executed = cardholder(row["transaction_id"], row["is_fraud"])
            at = row["event_time"] + ANSWER_DELAY
            told = {**identity, "outcome": outcome, "source": "challenge", "known_at": moment(at)}
            heapq.heappush(self.events, (at, 0, self.next, told))
        if executed:
            at = row["event_time"] + LABEL_DELAY
            kind = ("fraud", "chargeback") if row["is_fraud"] else ("genuine", "maturity")
            told = {**identity, "outcome": kind[0], "source": kind[1], "known_at": moment(at)}
            heapq.heappush(self.events, (at, 1, self.next, told))


@pytest.fixture(scope="module")
def day_bundle(succeed: Run, stream: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stream's bundle, of labels that are known after a day."""
    out = tmp_path_factory.mktemp("day") / "bundle"
    succeed(
        *("train", stream / "lake", "--beliefs", "--valid-to", "2019-09-16", "--rounds", 40),
        *("--label-delay", "1d", "--out", out),
    )
    return out


def recorded(journal: Path) -> tuple[list[tuple[Any, ...]], int]:
    """The journal's decisions in log order, and the number of control events."""
    columns = ("transaction_id", "action", "cause", "margin", "score", "probability")
    columns += ("audit_probability", "review")
    entries = read_journal(journal)
    rows = [tuple(one.get(key) for key in columns) for one in entries if one["kind"] == PAYMENT]
    return rows, sum(one["kind"] == CONTROL for one in entries)


def test_the_service_decides_as_the_replay_and_a_kill_changes_nothing(
    succeed: Run, stream: Path, day_bundle: Path, tmp_path: Path
) -> None:
    columns = ["transaction_id", "event_time", "customer_id", "terminal_id", "amount_minor"]
    lake = pq.read_table(stream / "lake" / "clean", columns=[*columns, "is_fraud"])
    lake = lake.sort_by([("event_time", "ascending"), ("transaction_id", "ascending")])
    rows = [row for row in lake.slice(0, 60_000).to_pylist() if row["event_time"] < END]
    world = World(rows)
    journal = tmp_path / "journal"
    arguments = (day_bundle, journal, "--clock", "payments", "--snapshot-every", "1s")
    with Service(*arguments) as service:
        world.run(Client(service.wait_ready().port), KILL_AT)
        assert service.metrics()['weir_snapshots_total{result="written"}'] > 0
        service.kill()
    with Service(*arguments) as service:
        world.run(Client(service.wait_ready().port), END)
        series = service.metrics()
        assert series["weir_replay_mismatches_total"] == 0
        assert series["weir_replayed_entries_total"] > 0
        summary = service.get("/v1/summary").json["budgets"]
        assert 0 < summary["touched"]["used"] < 1
        assert summary["multiplier"] == series["weir_budget_multiplier"] != 1
        assert service.stop() == 0
    decisions = tmp_path / "decisions.parquet"
    succeed(
        *("replay", day_bundle, stream / "lake", "--from", "2019-08-22", "--to", "2019-08-25"),
        *("--answered", ANSWERED, "--fraud-passes", FRAUD_PASSES, "--wrong-denial", WRONG_DENIAL),
        *("--out", decisions),
    )
    replayed = pq.read_table(decisions).slice(0, len(rows))
    actions = {"approve": 0, "challenge": 1, "decline": 2}
    causes = {"score": 0, "audit": 1, "probe": 2, "limit": 3}
    wanted = zip(
        replayed["transaction_id"].to_pylist(),
        [actions[action] for action in replayed["action"].to_pylist()],
        [causes[cause] for cause in replayed["cause"].to_pylist()],
        *(replayed[name].to_pylist() for name in ("margin", "score", "probability")),
        replayed["audit_probability"].to_pylist(),
        [int(review) for review in replayed["review"].to_pylist()],
        strict=True,
    )
    got, controls = recorded(journal)
    assert controls == math.ceil((END - BEGIN) / timedelta(hours=1))
    for ours, theirs in zip(got, wanted, strict=True):
        assert ours == theirs
    assert len({row[2] for row in got}) > 1, "audits must be among them"
    done = succeed("verify", journal, day_bundle, "--json")
    verified = json.loads(done.stdout)
    assert (verified["different"], verified["decisions"]) == (0, len(rows))
    assert verified["controls"] == controls


def test_an_answer_moves_the_beliefs(stream: Path, tmp_path: Path) -> None:
    bundle, lake = stream / "bundle", stream / "lake"
    arguments = ("--history", lake, "--history-to", "2019-09-23")
    with Service(bundle, tmp_path / "journal", *arguments) as service:
        service.wait_ready()
        terminal = {"terminal_id": 9}

        def terminal_belief(number: int) -> float:
            answer = service.post("/v1/decisions", payment(number, **terminal))
            assert answer.status == 200
            return float(answer.json["beliefs"]["terminal"])

        def answer(number: int, outcome: str) -> None:
            told = {"transaction_id": 10_000_000 + number, "outcome": outcome}
            assert service.post("/v1/feedback", {**told, "source": "challenge"}).status == 200

        before = terminal_belief(1)
        answer(1, "genuine")
        sound = terminal_belief(2)
        for number in (3, 4):
            terminal_belief(number)
            answer(number, "fraud")
        compromised = terminal_belief(5)
        assert sound < before < compromised
        assert compromised > 0.9
        stored = service.get("/v1/decisions/10000005").json
        assert stored["cause"] in ("score", "audit", "probe", "limit")
        explained = service.get("/v1/explanations/10000005").json
        costs = explained["expected_costs"]
        assert explained["thresholds"] is None
        assert min(costs, key=lambda name: costs[name] if name in ACTIONS else math.inf) in ACTIONS
        assert 0 < costs["challenge_from_probability"] <= 1
        if stored["cause"] == "score":
            assert costs[stored["decision"]] == min(costs[action] for action in ACTIONS)


def test_commands_that_cannot_close_the_loop_say_so(
    weir: Run, stream: Path, tmp_path: Path
) -> None:
    done = weir("evaluate", stream / "bundle", stream / "lake", "--out", tmp_path / "evaluate")
    assert done.returncode == 1
    assert "weir replay" in done.stderr


def test_one_payment_of_a_bundle_with_beliefs_is_explained(succeed: Run, stream: Path) -> None:
    lake = pq.read_table(stream / "lake" / "clean", columns=["transaction_id", "event_time"])
    last = lake.sort_by("event_time")["transaction_id"][-1].as_py()
    arguments = ("--bundle", stream / "bundle", "--lake", stream / "lake")
    explained = json.loads(succeed("explain", *arguments, last, "--json").stdout)
    assert explained["action"] in ACTIONS
    assert set(explained["beliefs"]) == {"model", "takeover", "card", "terminal"}
    assert "nobody was asked" in succeed("explain", *arguments, last).stdout
