"""`weir compare`: a verdict on two replays of the same payments, refused where they are not."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from conftest import Run

DAY = 86_400
DAYS = 30
TERMINALS = 60
START = 17_900 * DAY


@pytest.fixture(scope="module")
def champion() -> pa.Table:
    """Decisions with labels: a compromise on each of 60 terminals, stopped at its 21st fraud."""
    rows = []
    for terminal in range(TERMINALS):
        for number in range(40):
            caught = number >= 20
            time = START + (terminal * 43_000 + number * 600) % (DAYS * DAY)
            rows.append((time, (terminal * 97 + number) % 500, terminal, True, caught))
    for number in range(6000):
        time = START + number * DAYS * DAY // 6000
        rows.append((time, number % 500, number % TERMINALS, False, number % 40 == 0))
    rows.sort()
    time, customer, terminal, fraud, touched = map(list, zip(*rows, strict=True))
    return pa.table(
        {
            "transaction_id": pa.array(range(len(rows)), pa.int64()),
            "event_time": pa.array([t * 1_000_000 for t in time], pa.timestamp("us", "UTC")),
            "customer_id": pa.array(customer, pa.int64()),
            "terminal_id": pa.array(terminal, pa.int64()),
            "amount_minor": pa.array([50_00] * len(rows), pa.int64()),
            "action": ["challenge" if t else "approve" for t in touched],
            "executed": [not (t and f) for t, f in zip(touched, fraud, strict=True)],
            "margin": pa.array([4.0 if f else -4.0 for f in fraud], pa.float32()),
            "is_fraud": fraud,
        }
    ).replace_schema_metadata({"model_version": "v1"})


def replaced(table: pa.Table, column: str, values: object) -> pa.Table:
    """`table` with another column in the place of `column`."""
    index = table.schema.get_field_index(column)
    return table.set_column(index, column, pa.array(values, table.schema.field(index).type))


def stopping_every_third(table: pa.Table) -> pa.Table:
    """The challenger: declines every third fraud that the champion lets through."""
    action = table["action"].to_pylist()
    executed = table["executed"].to_pylist()
    through = 0
    for row, fraud in enumerate(table["is_fraud"].to_pylist()):
        if fraud and executed[row]:
            through += 1
            if through % 3 == 0:
                action[row], executed[row] = "decline", False
    return replaced(replaced(table, "action", action), "executed", executed)


@pytest.fixture
def files(tmp_path: Path, champion: pa.Table) -> tuple[Path, Path]:
    paths = tmp_path / "champion.parquet", tmp_path / "challenger.parquet"
    pq.write_table(champion, paths[0], row_group_size=5000)
    pq.write_table(stopping_every_third(champion), paths[1], row_group_size=3000)
    return paths


def test_promotes_what_saves_money(succeed: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    done = succeed("compare", *files, "--out", tmp_path / "out", "--json")
    told = json.loads(done.stdout)
    assert told["verdict"] == "promote"
    assert told["days"] == DAYS
    damage = told["measures"]["damage_roubles_per_30_days"]
    assert damage["champion"] == TERMINALS * 20 * 50
    assert damage["difference"] == -TERMINALS * 20 // 3 * 50
    assert damage["interval"][0] < damage["difference"] < damage["interval"][1] < 0
    assert set(damage["intervals"]) == {"customer", "terminal", "customer and terminal", "day"}
    assert told["measures"]["false_positive_rate"]["difference"] == 0
    assert told["measures"]["average_precision"]["champion"] == 1
    assert told["champion"]["model_version"] == "v1"
    page = (tmp_path / "out/comparison.html").read_text()
    assert "Challenger against champion: promote" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert json.loads((tmp_path / "out/comparison.json").read_text()) == told


def test_the_other_way_round_keeps(succeed: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    text = succeed("compare", *reversed(files), "--out", tmp_path / "out").stdout
    assert "verdict             keep" in text
    assert "the challenger lets more damage through" in text


def test_threads_and_repetition_change_no_byte(
    succeed: Run, files: tuple[Path, Path], tmp_path: Path
) -> None:
    texts = [
        succeed("compare", *files, "--out", tmp_path / str(n), "--json", "--threads", n).stdout
        for n in (1, 2)
    ]
    assert texts[0] == texts[1]
    pages = [(tmp_path / str(n) / "comparison.html").read_bytes() for n in (1, 2)]
    assert pages[0] == pages[1]


def test_a_replay_against_itself_keeps_with_labels_from_the_lake(
    weir: Run, succeed: Run, lake: Path, bundle: Path, tmp_path: Path
) -> None:
    decisions = tmp_path / "decisions.parquet"
    succeed("replay", bundle, lake, "--from", "2019-09-10", "--out", decisions)
    table = pq.read_table(decisions)
    if "is_fraud" in table.column_names:
        pq.write_table(table.drop_columns("is_fraud"), decisions)
    without = weir("compare", decisions, decisions, "--out", tmp_path / "out")
    assert without.returncode == 1
    assert "hold no labels (is_fraud)" in without.stderr
    assert "--lake" in without.stderr
    arguments = ("compare", decisions, decisions, "--out", tmp_path / "out", "--lake", lake)
    told = json.loads(succeed(*arguments, "--json").stdout)
    assert told["verdict"] == "keep"
    assert told["reason"] == "both sides decided every payment alike"
    assert told["payments"] == table.num_rows
    assert told["frauds"] > 0


def test_refuses_what_is_not_of_the_same_payments(
    weir: Run, champion: pa.Table, files: tuple[Path, Path], tmp_path: Path
) -> None:
    other = tmp_path / "other.parquet"

    def refused(table: pa.Table) -> str:
        pq.write_table(table, other)
        done = weir("compare", files[0], other, "--out", tmp_path / "out")
        assert done.returncode == 1, done.stdout
        assert not (tmp_path / "out").exists()
        return done.stderr

    error = refused(champion.slice(0, 100))
    assert "holds 8400 decisions from 2019-01-04 to" in error
    assert "a comparison needs the same payments" in error
    ids = pc.add(champion["transaction_id"], 7).combine_chunks()
    error = refused(replaced(champion, "transaction_id", ids))
    assert "row 1 is payment 0 at 2019-01-04" in error
    assert "replay both over one period of one lake" in error
    fraud = [not value for value in champion["is_fraud"].to_pylist()]
    assert "disagree whether payment" in refused(replaced(champion, "is_fraud", fraud))
    assert "no column action" in refused(champion.drop_columns("action"))
    unknown = ["wait"] * champion.num_rows
    assert 'action "wait"; known are' in refused(replaced(champion, "action", unknown))
    declined = ["decline"] * champion.num_rows
    assert "is decline and yet executed" in refused(replaced(champion, "action", declined))


def test_names_files_that_it_cannot_read(
    weir: Run, files: tuple[Path, Path], tmp_path: Path
) -> None:
    missing = weir("compare", files[0], tmp_path / "nothing.parquet")
    assert missing.returncode == 1
    assert "nothing.parquet" in missing.stderr
    assert "no such file" in missing.stderr
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 but not really")
    done = weir("compare", files[0], broken)
    assert done.returncode == 1
    assert "broken.parquet" in done.stderr
    assert weir("compare", files[0]).returncode == 2
    assert weir("compare", *files, "--relevant-gain", 0).returncode == 2
