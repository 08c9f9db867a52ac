"""Senders that behave as a payment system does: no answer, so the same payment again."""

import http.client
import json
import threading
import time

PATIENCE_SECONDS = 120
PAUSE_SECONDS = 0.1  # Before a payment is sent again.


class Senders:
    """Threads that send payments to an address, one connection each, until `stop`."""

    def __init__(self, address: str, key: str, first_id: int, threads: int = 4) -> None:
        self.address, self.key = address, key
        self.decisions: dict[int, str] = {}
        self.undecided: list[int] = []
        self.repeats = 0  # Attempts that got no decision.
        self.longest_seconds = 0.0
        self.refused: list[str] = []  # Answers that repeating does not mend.
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._send, args=(first_id + number * 1_000_000,))
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def _send(self, number: int) -> None:
        connection = http.client.HTTPConnection(self.address, timeout=5)
        while not self._over.is_set():
            number += 1
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            payment = {
                "transaction_id": number,
                "event_time": moment,
                "customer_id": number % 500,
                "terminal_id": number % 4,
                "amount": "57.16",
            }
            self._until_decided(connection, number, json.dumps(payment))
            time.sleep(0.02)

    def _until_decided(
        self, connection: http.client.HTTPConnection, number: int, body: str
    ) -> None:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE_SECONDS:
            try:
                connection.request("POST", "/v1/decisions", body, headers)
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                answer = None
            with self._lock:
                if answer is not None and answer.status == 200:
                    self.decisions[number] = json.loads(text)["decision"]
                    self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
                    return
                self.repeats += 1
                if answer is not None and answer.status < 500 and answer.status != 429:
                    self.refused.append(f"{answer.status} {text.decode()[:200]}")
                    return
            time.sleep(PAUSE_SECONDS)
        with self._lock:
            self.undecided.append(number)

    def stop(self) -> None:
        """After the payments under way."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def __str__(self) -> str:
        return (
            f"{len(self.decisions)} payments decided, {len(self.undecided)} not, "
            f"{self.repeats} attempts repeated, longest wait {self.longest_seconds:.1f} s"
        )

    def __enter__(self) -> "Senders":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
