"""The first N rows of a feature table as lines of JSON: payments, and their ready-made features.

as_json.py FEATURES.parquet N PAYMENTS.jsonl READY.jsonl
"""

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq

KEYS = 7  # transaction_id … fraud_scenario come before the model's inputs.


def main() -> None:
    """All of it."""
    table, count, payments, ready = sys.argv[1:]
    rows = next(pq.ParquetFile(table).iter_batches(int(count)))
    columns = {name: rows.column(name) for name in rows.schema.names}
    inputs = [columns[name].to_pylist() for name in rows.schema.names[KEYS:]]
    with Path(payments).open("w") as one, Path(ready).open("w") as other:
        for number, (transaction, moment, customer, terminal, amount) in enumerate(
            zip(*(columns[name].to_pylist() for name in rows.schema.names[:5]), strict=True)
        ):
            payment = {
                "transaction_id": transaction,
                "event_time": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
                "customer_id": customer,
                "terminal_id": terminal,
                "amount": f"{amount // 100}.{amount % 100:02}",
            }
            one.write(json.dumps(payment, separators=(",", ":")) + "\n")
            features = [column[number] for column in inputs]
            line = {"transaction_id": transaction, "features": features}
            other.write(json.dumps(line, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
