"""`make alerts`: five alerts provoked for real, from a fault in a running service to a webhook.

weir, Prometheus and Alertmanager run as they do in production, with the repository's rules; only
their windows are shorter (see monitoring.py). Each alert must be delivered firing and resolved.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from monitoring import Monitoring, Webhook, wait
from service import Service, full_disk, payment, payments


class Scene:
    """A service under load, watched."""

    def __init__(self, bundle: Path, folder: Path) -> None:
        self.bundle, self.journal = bundle, folder / "journal"
        self.webhook = Webhook()
        self.number = 1000
        self.sending = threading.Event()
        self.faulty = threading.Event()
        self.over = threading.Event()
        self.turn = threading.Lock()  # The service's client is one connection.
        self.sending.set()
        self.service = self.start()
        self.port, self.metrics_port = self.service.port, self.service.metrics_port
        self.monitoring = Monitoring(
            folder / "monitoring", [self.service.metrics_port], self.webhook
        )
        self.worker = threading.Thread(target=self.load)
        self.worker.start()

    def start(self, *arguments: object) -> Service:
        small = ("--damage-budget", 100, *arguments)
        return Service(self.bundle, self.journal, *small).wait_ready()

    def load(self) -> None:
        """Ten batches a second; each with bad payments while `faulty`."""
        while not self.over.wait(0.1):
            if not self.sending.is_set():
                continue
            batch = list(payments(self.number, 10))
            self.number += 10
            if self.faulty.is_set():
                batch += [payment(0, amount="-1") for _ in range(5)]
            with suppress(Exception), self.turn:
                self.service.post("/v1/decisions/batch", batch)

    def expect(self, status: str, name: str) -> None:
        """The webhook hears this."""
        before = len(self.webhook.seen)
        took = wait(
            f"{name} {status}; heard {self.webhook.seen[before:]}",
            lambda: (status, name) in self.webhook.seen[before:],
            120,
        )
        print(f"{name} {status} delivered after {took:.1f} s")

    def close(self) -> None:
        self.over.set()
        self.worker.join()
        self.monitoring.__exit__()
        self.service.__exit__()


@pytest.fixture(scope="module")
def scene(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One for all five: each leaves it as it was."""
    made = Scene(bundle, tmp_path_factory.mktemp("scene"))
    wait("load seen", lambda: made.monitoring.query("job:weir_decisions:rate5m > 0"))
    yield made
    made.close()


def test_a_full_disk(scene: Scene) -> None:
    with full_disk(scene.service):
        scene.expect("firing", "WeirJournalStuck")
    scene.expect("resolved", "WeirJournalStuck")


def test_a_sender_that_spoils_its_format(scene: Scene) -> None:
    scene.faulty.set()
    scene.expect("firing", "WeirRejects")
    scene.faulty.clear()
    scene.expect("resolved", "WeirRejects")


def test_a_sender_that_dies(scene: Scene) -> None:
    scene.sending.clear()
    scene.expect("firing", "WeirNoPayments")
    scene.sending.set()
    scene.expect("resolved", "WeirNoPayments")


def test_a_month_s_loss(scene: Scene) -> None:
    big = [payment(number, amount="40.00") for number in range(1, 60)]
    with scene.turn:
        answers = scene.service.post("/v1/decisions/batch", big).json["results"]
    through = [
        one["transaction_id"]
        for one, answer in zip(big, answers, strict=True)
        if answer.get("decision") == "approve"
    ]
    assert len(through) >= 3, "the model approves small payments"

    def tell(outcome: str) -> None:
        for number in through:
            said = {"transaction_id": number, "outcome": outcome, "source": "chargeback"}
            with scene.turn:
                assert scene.service.post("/v1/feedback", said).status == 200

    tell("fraud")
    scene.expect("firing", "WeirLossBudgetSpent")
    time.sleep(1.1)  # A correction is newer than what it corrects.
    tell("genuine")
    scene.expect("resolved", "WeirLossBudgetSpent")


def test_a_killed_service(scene: Scene) -> None:
    scene.sending.clear()
    scene.service.kill()
    scene.expect("firing", "WeirDown")
    scene.service = scene.start("--metrics-listen", f"127.0.0.1:{scene.metrics_port}")
    scene.sending.set()
    scene.expect("resolved", "WeirDown")
