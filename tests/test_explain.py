"""`weir explain`: the decision of a replay, the inputs of `weir features`, reasons that add up."""

import json
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from conftest import Run


@pytest.fixture(scope="module")
def decisions(
    succeed: Run, lake: Path, bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("replayed") / "decisions.parquet"
    succeed("replay", bundle, lake, "--out", out)
    return out


def test_explains_the_decision_that_a_replay_made(
    succeed: Run, lake: Path, bundle: Path, features: Path, decisions: Path
) -> None:
    table = pq.read_table(decisions)
    inputs = pq.read_table(features)
    strongest = table.sort_by([("margin", "descending")])["transaction_id"][0].as_py()
    last = table["transaction_id"][table.num_rows - 1].as_py()
    for transaction_id in (strongest, last):
        row = table.filter(pc.field("transaction_id") == transaction_id).to_pylist()[0]
        done = succeed("explain", "--bundle", bundle, "--lake", lake, "--json", transaction_id)
        told = json.loads(done.stdout)
        for field in ("action", "margin", "probability"):
            assert told[field] == row[field], field
        total = told["bias"] + sum(reason["weight"] for reason in told["reasons"])
        assert total == pytest.approx(told["margin"], abs=1e-4)
        wanted = inputs.filter(pc.field("transaction_id") == transaction_id).to_pylist()[0]
        assert told["features"] == {name: wanted[name] for name in told["features"]}


def test_tells_an_analyst_why(succeed: Run, lake: Path, bundle: Path, decisions: Path) -> None:
    table = pq.read_table(decisions).sort_by([("margin", "descending")])
    transaction_id = table["transaction_id"][0].as_py()
    text = succeed("explain", "--bundle", bundle, "--lake", lake, transaction_id).stdout
    assert f"payment {transaction_id}:" in text
    assert "decision: decline" in text
    assert "this terminal" in text
    assert "terminal_known_fraud_count_30d" in text


def test_says_which_payment_is_not_there(weir: Run, lake: Path, bundle: Path) -> None:
    done = weir("explain", "--bundle", bundle, "--lake", lake, 999_999_999)
    assert done.returncode == 1
    assert "no payment 999999999 among" in done.stderr
    assert "quarantine" in done.stderr
