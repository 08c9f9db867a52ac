"""`kill -9` under load: every acknowledged payment is recorded once, as an unbroken run decides."""

import http.client
import json
import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest
from journal_file import read_journal
from service import Service, payment

KILLS = int(os.environ.get("WEIR_KILLS", "5"))
CLIENTS = 4


class Client(threading.Thread):
    """Sends payments one after another until the service is gone."""

    def __init__(self, port: int, first: int) -> None:
        super().__init__()
        self.port = port
        self.next = first
        self.acknowledged: dict[int, str] = {}

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            while True:
                body = json.dumps(payment(self.next, event_time="2026-01-01T12:00:00Z"))
                headers = {"Content-Type": "application/json"}
                connection.request("POST", "/v1/decisions", body, headers)
                response = connection.getresponse()
                text = response.read().decode()
                if response.status == 200:
                    self.acknowledged[self.next] = text
                self.next += CLIENTS
        except (OSError, http.client.HTTPException):
            pass


def log_of(journal: Path) -> list[dict[str, Any]]:
    """Every entry of a journal without the times of this machine."""
    return [{**entry, "logged_at": None} for entry in read_journal(journal)]


@pytest.mark.parametrize("durability", ["os", "full"])
def test_kill_under_load(bundle: Path, tmp_path: Path, durability: str) -> None:
    chance = random.Random(5)
    journal = tmp_path / "journal"
    arguments = ("--durability", durability, "--snapshot-every", "1s")
    acknowledged: dict[int, str] = {}
    starts = list(range(CLIENTS))
    for _ in range(KILLS):
        with Service(bundle, journal, *arguments) as service:
            service.wait_ready()
            clients = [Client(service.port, first) for first in starts]
            for client in clients:
                client.start()
            clients[0].join(chance.uniform(0.2, 1.5))
            service.kill()
            for client in clients:
                client.join()
                acknowledged |= client.acknowledged
            starts = [client.next for client in clients]
    assert len(acknowledged) > 100 * KILLS
    with Service(bundle, journal, *arguments) as service:
        service.wait_ready()
        assert not any("differ" in line for line in service.lines), service.lines
        for number, text in acknowledged.items():
            stored = service.get(f"/v1/decisions/{10_000_000 + number}").text
            assert stored.startswith(text[:-1]), (number, stored, text)
        service.stop()
    entries = log_of(journal)
    assert [entry["position"] for entry in entries] == list(range(len(entries)))
    assert len({entry["transaction_id"] for entry in entries}) == len(entries)
    # The same log in a service that nobody killed gives the same bytes.
    with Service(bundle, tmp_path / "unbroken") as service:
        service.wait_ready()
        for at in range(0, len(entries), 1000):
            batch = [
                payment(entry["transaction_id"] - 10_000_000, event_time="2026-01-01T12:00:00Z")
                for entry in entries[at : at + 1000]
            ]
            results = service.post("/v1/decisions/batch", batch).json["results"]
            assert all("decision" in result for result in results)
        service.stop()
    unbroken = log_of(tmp_path / "unbroken")
    assert unbroken == entries
