"""The same events through files, REST and Kafka: the same decisions, compared one by one."""

import http.client
import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

from broker import BINARY, ROOT, Broker, Stream

DAYS = int(os.environ.get("WEIR_PARITY_DAYS", "1"))
POSITION = re.compile(r',"position":\d+')
# Decisions of `weir replay` as lines, by the environment that reads Parquet.
DUMP = """
import pyarrow.parquet, sys
columns = ["transaction_id", "position", "action", "probability", "margin"]
for row in pyarrow.parquet.read_table(sys.argv[1], columns=columns).to_pylist():
    print(*row.values())
"""


def weir(*arguments: object) -> str:
    """Run `weir`; what it printed."""
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def first_day(lake: Path) -> str:
    """The day from which on payments are live."""
    days = sorted(folder.name.removeprefix("date=") for folder in (lake / "clean").glob("date=*"))
    return days[-DAYS]


class Rest:
    """`weir serve` that answers events one after another."""

    def __init__(self, bundle: Path, lake: Path, day: str, journal: Path) -> None:
        command = [BINARY, "serve", bundle, "--history", lake, "--history-to", day]
        command += ["--journal", journal, "--listen", "127.0.0.1:0", "--metrics-listen", ""]
        self.process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        port = 0
        for line in self.process.stderr:
            if match := re.search(r"http://[\d.]+:(\d+)", line):
                port = int(match[1])
            if "ready at position" in line:
                break
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def send(self, event: bytes) -> tuple[int, str]:
        path = "/v1/feedback" if b'"outcome"' in event else "/v1/decisions"
        self.connection.request("POST", path, event, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)


def with_faults(events: list[bytes]) -> list[bytes]:
    """Adds what a live log has and a lake has not: late, repeated, future-dated, broken events."""
    found: list[bytes] = []
    for number, event in enumerate(events):
        found.append(event)
        fields: dict[str, Any] = json.loads(event)
        changed = {**fields, "transaction_id": 900_000_000 + number}
        if number % 20 == 3 and "outcome" not in fields:
            day = "2019-09-01" if number % 40 == 3 else fields["event_time"][:10]
            changed["event_time"] = f"{day}T00:00:01Z"  # Late: by hours, or by weeks.
            found.append(json.dumps(changed).encode())
        elif number % 50 == 4:
            found.append(event)  # The same again, feedback too.
        elif number % 50 == 9:
            found.append(json.dumps({**changed, "event_time": "2090-01-01T00:00:00Z"}).encode())
        elif number % 50 == 14:
            found.append(json.dumps({**changed, "terminal_id": "Err"}).encode())
        elif number % 50 == 19:
            found.append(event[: len(event) // 2])
        elif number % 50 == 24 and "outcome" in fields:
            outcome = "genuine" if fields["outcome"] == "fraud" else "fraud"
            late = {"known_at": "2019-12-31T00:00:00Z", "source": "analyst", "outcome": outcome}
            found.append(json.dumps({**fields, **late}).encode())
    return found


def test_files_rest_and_kafka_decide_alike(
    bundle: Path, lake: Path, broker: Broker, tmp_path: Path
) -> None:
    day = first_day(lake)
    topics = broker.topics()
    history = ("--history", lake, "--history-to", day, "--until-end")
    weir(
        "produce",
        lake,
        "--from",
        day,
        "--feedback",
        "--brokers",
        broker.address,
        "--topic",
        topics.events,
    )
    events = [record.value or b"" for record in topics.read(topics.events)]
    assert any(b'"outcome"' in event for event in events)
    Stream(bundle, topics, tmp_path / "plain", *history).wait_end()
    kafka = [json.loads(record.value or b"") for record in topics.read(topics.decisions)]

    # Files: positions, actions and the numbers to the bit.
    table = tmp_path / "decisions.parquet"
    weir("replay", bundle, lake, "--from", day, "--out", table)
    command = [ROOT / ".venv/bin/python", "-c", DUMP, table]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) == len(kafka) > 1000 * DAYS
    for line, decision in zip(lines, kafka, strict=True):
        number, position, action, probability, margin = line.split()
        assert int(number) == decision["transaction_id"]
        assert int(position) == decision["position"]
        assert action == decision["decision"]
        assert float(probability) == decision["fraud_probability"]
        # `score` has the fewest digits that give the float32 back.
        assert abs(float(margin) - decision["score"]) < 1e-6

    # REST: the same events and all that may be wrong with them, byte for byte. A payment sent
    # again takes a position in Kafka's log and none in the service's.
    log = with_faults(events)
    topics = broker.topics()
    topics.put(*log)
    Stream(bundle, topics, tmp_path / "faults", *history).wait_end()
    decisions = [POSITION.sub("", (r.value or b"").decode()) for r in topics.read(topics.decisions)]
    rejects = [record.headers["rule"] for record in topics.read(topics.rejects)]
    rest = Rest(bundle, lake, day, tmp_path / "journal")
    answered: list[str] = []
    refused: list[str] = []
    seen: set[str] = set()
    for event in log:
        status, text = rest.send(event)
        if status != 200:
            refused.append(json.loads(text)["type"].removeprefix("/problems/"))
        elif b'"outcome"' not in event and text not in seen:
            answered.append(POSITION.sub("", text))
            seen.add(text)
    rest.stop()
    assert len(answered) == len(decisions)
    for one, two in zip(answered, decisions, strict=True):
        assert one == two
    assert refused == rejects and len({*refused}) >= 4, ({*refused}, {*rejects})
