"""`weir.clean` and `weir.RowCleaner`: the case tables, and the numbers of the command."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import weir
from conftest import ROOT, Run

CASES = sorted((ROOT / "cases/cleaning").glob("*.txt"))


def show(result: weir.CleanedPayment | weir.Reject) -> str:
    """A result in the words of the case tables."""
    if isinstance(result, weir.Reject):
        # What the JSON parser says of broken text is its own affair.
        own_words = result.field != "row" or "fields of" in result.value
        return " ".join(
            filter(None, [result.rule, result.field, result.value if own_words else ""])
        )
    roubles, kopecks = divmod(result.amount_minor, 100)
    return (
        f"clean {result.transaction_id} {result.event_time:%Y-%m-%d %H:%M:%S} {result.customer_id} "
        f"{result.terminal_id} {roubles}.{kopecks:02} {int(result.is_fraud)} "
        f"{result.fraud_scenario}{' time_24_repaired' if result.time_repaired else ''}"
    )


@pytest.mark.parametrize("table", CASES, ids=lambda path: path.stem)
def test_rows_come_out_as_the_case_tables_say(table: Path) -> None:
    settings: dict[str, object] = {}
    header: str | None = None
    rows = 0
    for number, line in enumerate(table.read_text().splitlines(), 1):
        if line.startswith("!"):
            word, _, value = line.partition(" ")
            if word == "!header":
                header = value
            elif word == "!json":
                header = None
            elif word == "!terminals":
                settings["terminals"] = value
            elif word == "!origin":
                settings["time_origin"] = datetime.fromtimestamp(int(value), UTC)
        elif line and not line.startswith("#"):
            row, _, wanted = line.rpartition(" => ")
            cleaner = weir.RowCleaner(header, **settings)  # type: ignore[arg-type]
            assert show(cleaner.clean(row)) == wanted, f"{table.name}:{number}"
            rows += 1
    assert rows > 5


@pytest.mark.parametrize("seconds", [50, 86_400, 100_000_000])
def test_payments_are_put_in_order_whatever_time_they_span(seconds: int) -> None:
    random = np.random.default_rng(seconds)
    rows = 5_000
    days = np.unique(times := 1_566_432_000 + random.integers(0, seconds, rows)) // 86_400
    payments = pa.table(
        {
            "transaction_id": random.permutation(rows),
            "event_time": pa.array(times, pa.timestamp("s", "UTC")),
            "customer_id": np.arange(rows),
            "terminal_id": random.integers(0, 9, rows),
            "amount_minor": random.integers(0, 10_000, rows),
            "is_fraud": random.random(rows) < 0.1,
            "fraud_scenario": pa.array(np.zeros(rows), pa.int8()),
        }
    )
    found, report = weir.order_payments(payments)
    wanted = payments.sort_by([("event_time", "ascending"), ("transaction_id", "ascending")])
    for name in ("transaction_id", "customer_id", "terminal_id", "amount_minor", "is_fraud"):
        assert pa.table(found)[name].equals(wanted[name])
    assert (report["clean"]["rows"], report["days"]) == (rows, len(np.unique(days)))


def raw_table(folder: Path) -> pa.Table:
    """The rows of the course's text files, as text columns; those of another width left out."""
    columns: list[list[str]] = [[] for _ in range(9)]
    for file in sorted((folder / "raw").glob("*.txt")):
        header, *lines = file.read_text(errors="replace").splitlines()
        names = [name.strip() for name in header.lstrip("# ").split("|")]
        for line in lines:
            fields = line.split(",")
            if len(fields) == 9:
                for column, field in zip(columns, fields, strict=True):
                    column.append(field)
    return pa.table(dict(zip(names, columns, strict=True)))


def test_a_table_comes_out_as_from_the_command(
    succeed: Run, simulated: Path, tmp_path: Path
) -> None:
    raw = raw_table(simulated)
    pq.write_table(raw, tmp_path / "raw.parquet")
    out = succeed("clean", tmp_path / "raw.parquet", "--terminals", "0..3", "--out", tmp_path / "l")
    assert out.returncode == 0
    cleaned = weir.clean(raw, terminals="0..3")
    lake = ds.dataset(tmp_path / "l/clean", partitioning=None).to_table()
    lake = lake.sort_by([("event_time", "ascending"), ("transaction_id", "ascending")])
    assert pa.table(cleaned.payments).equals(lake.select(cleaned.payments.column_names))
    wanted = json.loads((tmp_path / "l/reports/clean.json").read_text())
    assert {**cleaned.report, "files": []} == {**wanted, "files": []}
    quarantine = pq.read_table(tmp_path / "l/quarantine/rows.parquet")
    assert sorted(quarantine["rule"].to_pylist()) == sorted(
        pa.table(cleaned.rejects)["rule"].to_pylist()
    )


def small(**columns: object) -> pa.Table:
    """Two clean payments; `columns` replace or add."""
    return pa.table(
        {
            "transaction_id": [1, 2],
            "event_time": [datetime(2019, 8, 22, 12, tzinfo=UTC)] * 2,
            "customer_id": [5, 6],
            "terminal_id": ["7", "Err"],
            "amount": [57.16, 1.0],
            **columns,
        }
    )


def test_any_type_with_a_text_is_read() -> None:
    cleaned = weir.clean(small())
    assert pa.table(cleaned.payments).to_pylist() == [
        {
            "transaction_id": 1,
            "event_time": datetime(2019, 8, 22, 12, tzinfo=UTC),
            "customer_id": 5,
            "terminal_id": 7,
            "amount_minor": 5716,
        }
    ]
    assert pa.table(cleaned.rejects).to_pylist() == [
        {
            "rule": "terminal_not_a_number",
            "field": "terminal_id",
            "value": "Err",
            "row": 1,
            "amount_minor": 100,
            "is_fraud": None,
        }
    ]
    assert cleaned.report["balanced"]
    for kind in (pa.large_string(), pa.string_view()):
        table = small(terminal_id=pa.array(["7", "a word that is no terminal"], kind))
        values = pa.table(weir.clean(table).rejects)["value"].to_pylist()
        assert values == ["a word that is no terminal"]


def test_a_repetition_is_dropped_and_a_changed_one_kept_apart() -> None:
    again = pa.concat_tables([small(terminal_id=["7", "8"])] * 2)
    cleaned = weir.clean(again)
    assert cleaned.report["rules"]["duplicate_row"]["rows"] == 2
    changed = pa.concat_tables([small(terminal_id=["7", "8"]), small(terminal_id=["7", "9"])])
    assert pa.table(weir.clean(changed).rejects)["rule"].to_pylist() == ["duplicate_id"]


def test_errors_say_what_is_wanted() -> None:
    with pytest.raises(weir.Error, match="customer"):
        weir.clean(small().drop_columns(["customer_id"]))
    with pytest.raises(weir.Error, match="column amount is decimal; wanted text, numbers"):
        weir.clean(small(amount=pa.array([1, 2], pa.decimal128(5, 2))))
    with pytest.raises(weir.Error, match="categorical"):
        weir.clean(small(terminal_id=pa.array(["7", "8"]).dictionary_encode()))
    with pytest.raises(weir.UsageError, match="no such rule; nearest is amount_invalid"):
        weir.clean(small(), accept_rules=["amount_invalit"])
    with pytest.raises(weir.Error, match="wanted an Arrow table: pyarrow, Polars"):
        weir.clean(7)  # type: ignore[arg-type]
    with pytest.raises(weir.UsageError, match="terminals"):
        weir.clean(small(), terminals="a..b")


def test_a_rule_that_eats_fraud_stops_until_accepted() -> None:
    rows = 20_000
    fraud = [row % 100 == 0 for row in range(rows)]
    table = pa.table(
        {
            "transaction_id": range(rows),
            "event_time": [
                datetime(2019, 8, 22, tzinfo=UTC) + timedelta(seconds=row) for row in range(rows)
            ],
            "customer_id": [1] * rows,
            "terminal_id": ["Err" if flag else "7" for flag in fraud],
            "amount": [1.0] * rows,
            "is_fraud": fraud,
        }
    )
    with pytest.raises(weir.Error, match=r"accept_rules=\[\"terminal_not_a_number\"\]"):
        weir.clean(table)
    cleaned = weir.clean(table, accept_rules=["terminal_not_a_number"])
    assert cleaned.report["quarantined"]["frauds"] == rows // 100


def test_a_producer_that_fails_is_an_error() -> None:
    def batches() -> object:
        yield small().to_batches()[0]
        raise RuntimeError("the source broke")

    reader = pa.RecordBatchReader.from_batches(small().schema, batches())
    with pytest.raises(weir.Error, match="the source broke"):
        weir.clean(reader)
