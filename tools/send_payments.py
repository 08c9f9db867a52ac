"""Send the last days of a lake to a running `weir serve`, as if they happened now.

Usage: tools/send_payments.py LAKE --from 2019-10-01 [--url http://127.0.0.1:8080] [--rate 200]
"""

import argparse
import http.client
import json
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet

BATCH_SECONDS = 0.2


def payments_of(lake: Path, first_day: str) -> Iterator[dict[str, Any]]:
    """Rows of the lake from this day on, in order."""
    for folder in sorted((lake / "clean").glob("date=*")):
        if folder.name.removeprefix("date=") >= first_day:
            for file in sorted(folder.glob("*.parquet")):
                yield from pyarrow.parquet.ParquetFile(file).read().to_pylist()


def request_of(row: dict[str, Any]) -> dict[str, object]:
    """The row as `POST /v1/decisions` takes it."""
    rouble, kopeck = divmod(row["amount_minor"], 100)
    return {
        "transaction_id": row["transaction_id"],
        "event_time": row["event_time"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "customer_id": row["customer_id"],
        "terminal_id": row["terminal_id"],
        "amount": f"{rouble}.{kopeck:02}",
    }


def post(connection: http.client.HTTPConnection, path: str, body: object) -> Any:
    """The answer to one request as JSON."""
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    return json.loads(connection.getresponse().read())


def main() -> None:
    """Send batches at the given rate; answer a share of the challenges as cardholders would."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lake", type=Path)
    parser.add_argument("--from", dest="first_day", default="")
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--rate", type=float, default=200, help="payments a second")
    parser.add_argument("--limit", type=int, default=0, help="stop after so many; 0 = all")
    options = parser.parse_args()
    connection = http.client.HTTPConnection(urllib.parse.urlparse(options.url).netloc, timeout=30)
    size = max(1, min(1000, int(options.rate * BATCH_SECONDS)))
    sent = touched = 0
    batch: list[dict[str, Any]] = []
    for row in payments_of(options.lake, options.first_day):
        batch.append(row)
        if len(batch) < size:
            continue
        begin = time.monotonic()
        answer = post(connection, "/v1/decisions/batch", [request_of(one) for one in batch])
        for one, result in zip(batch, answer["results"], strict=True):
            challenged = result.get("decision") == "challenge"
            touched += challenged or result.get("decision") == "decline"
            # Three of four cardholders answer; the rest waits in the review queue.
            if challenged and one["transaction_id"] % 4 != 0 and "is_fraud" in one:
                outcome = "fraud" if one["is_fraud"] else "genuine"
                feedback = {"transaction_id": one["transaction_id"], "outcome": outcome}
                post(connection, "/v1/feedback", {**feedback, "source": "challenge"})
        sent += len(batch)
        batch = []
        if options.limit and sent >= options.limit:
            break
        time.sleep(max(0.0, size / options.rate - (time.monotonic() - begin)))
    print(f"sent {sent} payments, {touched} of them challenged or declined")


if __name__ == "__main__":
    main()
