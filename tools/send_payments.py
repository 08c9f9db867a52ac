"""Send the last days of a lake to a running `weir serve`, cardholders and banks included.

Challenged cardholders answer 15 minutes later in the payments' own time, and a fraud that went
through comes back as a chargeback after a week: start the service with `--clock payments`.

Usage: tools/send_payments.py LAKE --from 2019-10-01 [--url http://127.0.0.1:8080] [--rate 200]
"""

import argparse
import hashlib
import heapq
import http.client
import json
import time
import urllib.parse
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet

BATCH_SECONDS = 0.2
READY_SECONDS = 120
ANSWER_DELAY = timedelta(minutes=15)
CHARGEBACK_DELAY = timedelta(days=7)
ANSWERED = 0.8
FRAUD_PASSES = 0.01


def payments_of(lake: Path, first_day: str) -> Iterator[dict[str, Any]]:
    """Rows of the lake from this day on, in order."""
    for folder in sorted((lake / "clean").glob("date=*")):
        if folder.name.removeprefix("date=") >= first_day:
            for file in sorted(folder.glob("*.parquet")):
                yield from pyarrow.parquet.ParquetFile(file).read().to_pylist()


def rfc3339(time_of: datetime) -> str:
    return time_of.strftime("%Y-%m-%dT%H:%M:%SZ")


def request_of(row: dict[str, Any]) -> dict[str, object]:
    """The row as `POST /v1/decisions` takes it."""
    rouble, kopeck = divmod(row["amount_minor"], 100)
    return {
        "transaction_id": row["transaction_id"],
        "event_time": rfc3339(row["event_time"]),
        "customer_id": row["customer_id"],
        "terminal_id": row["terminal_id"],
        "amount": f"{rouble}.{kopeck:02}",
    }


def chance(transaction_id: int, question: str) -> float:
    """In [0, 1), the same for the same payment: two demonstrations show the same cardholders."""
    digest = hashlib.blake2b(f"{question} {transaction_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def answer_of(row: dict[str, Any]) -> tuple[str, bool]:
    """What the challenged cardholder says, and whether the payment then goes through."""
    if row["is_fraud"] and chance(row["transaction_id"], "passes") < FRAUD_PASSES:
        return "genuine", True
    if chance(row["transaction_id"], "answers") >= ANSWERED:
        return "unanswered", False
    return ("fraud", False) if row["is_fraud"] else ("genuine", True)


class Sender:
    """One connection to the service, and the feedback that is not due yet."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(urllib.parse.urlparse(url).netloc, timeout=30)
        self.waiting: list[tuple[datetime, int, dict[str, object]]] = []
        self.touched = 0

    def wait_ready(self, seconds: float) -> None:
        """Until the service has read its history; raises where it never answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.connection.request("GET", "/readyz")
                response = self.connection.getresponse()
                response.read()
                if response.status == 200:
                    return
            except OSError:
                self.connection.close()
            time.sleep(0.1)
        raise SystemExit(f"send_payments: no service at {self.connection.host} was ready in time")

    def post(self, path: str, body: object) -> Any:
        """The answer to one request; raises where the service refuses it."""
        self.connection.request(
            "POST", path, json.dumps(body), {"Content-Type": "application/json"}
        )
        response = self.connection.getresponse()
        text = response.read()
        if response.status >= 400:
            raise SystemExit(f"send_payments: {path} answered {response.status}: {text.decode()}")
        return json.loads(text)

    def later(self, row: dict[str, Any], delay: timedelta, outcome: str, source: str) -> None:
        known_at = row["event_time"] + delay
        feedback: dict[str, object] = {
            "transaction_id": row["transaction_id"],
            "outcome": outcome,
            "source": source,
            "known_at": rfc3339(known_at),
        }
        heapq.heappush(self.waiting, (known_at, row["transaction_id"], feedback))

    def send(self, rows: list[dict[str, Any]]) -> None:
        """A batch of payments, after the feedback that is known by its first."""
        while self.waiting and self.waiting[0][0] <= rows[0]["event_time"]:
            self.post("/v1/feedback", heapq.heappop(self.waiting)[2])
        results = self.post("/v1/decisions/batch", [request_of(row) for row in rows])["results"]
        for row, result in zip(rows, results, strict=True):
            action = result.get("decision", "approve")
            executed = action == "approve"
            self.touched += not executed
            if action == "challenge":
                outcome, executed = answer_of(row)
                self.later(row, ANSWER_DELAY, outcome, "challenge")
            if executed and row["is_fraud"]:
                self.later(row, CHARGEBACK_DELAY, "fraud", "chargeback")


def main() -> None:
    """Send batches at the given rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lake", type=Path)
    parser.add_argument("--from", dest="first_day", default="")
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--rate", type=float, default=200, help="payments a second")
    parser.add_argument("--limit", type=int, default=0, help="stop after so many; 0 = all")
    options = parser.parse_args()
    sender = Sender(options.url)
    sender.wait_ready(READY_SECONDS)
    print(f"console: {options.url}/   (Ctrl-C ends it)", flush=True)
    size = max(1, min(1000, int(options.rate * BATCH_SECONDS)))
    sent = 0
    batch: list[dict[str, Any]] = []
    for row in payments_of(options.lake, options.first_day):
        batch.append(row)
        if len(batch) < size:
            continue
        begin = time.monotonic()
        sender.send(batch)
        sent += len(batch)
        batch = []
        if options.limit and sent >= options.limit:
            break
        time.sleep(max(0.0, size / options.rate - (time.monotonic() - begin)))
    print(f"sent {sent} payments, {sender.touched} of them challenged or declined")


if __name__ == "__main__":
    main()
