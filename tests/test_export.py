"""`weir export`: a journal's period as a lake that the other commands read."""

import json
from pathlib import Path

import pyarrow.parquet as pq
from conftest import Run
from service import Service, payment, payments


def test_a_journal_becomes_a_lake(
    weir: Run, succeed: Run, bundle: Path, lake: Path, tmp_path: Path
) -> None:
    journal, out, table = tmp_path / "journal", tmp_path / "lake", tmp_path / "decisions.parquet"
    with Service(bundle, journal) as service:
        service.wait_ready()
        sent = list(payments(0, 300))
        answers = service.post("/v1/decisions/batch", sent).json["results"]
        service.post("/v1/decisions/batch", [payment(900, amount="-1")])
        for number, outcome in ((0, "fraud"), (1, "genuine"), (2, "unanswered"), (3, "fraud")):
            told = {"transaction_id": sent[number]["transaction_id"], "outcome": outcome}
            assert service.post("/v1/feedback", {**told, "source": "analyst"}).status == 200
        corrected = {"transaction_id": sent[3]["transaction_id"], "outcome": "genuine"}
        assert service.post("/v1/feedback", {**corrected, "source": "analyst"}).status == 200
        # While the service goes on.
        more = ("--decisions", table, "--feedback", tmp_path / "feedback.parquet")
        done = succeed("export", journal, "--out", out, *more, "--json")
        assert json.loads(done.stdout)["payments"] == 300
        done = succeed("export", journal, "--out", tmp_path / "known", "--labels", "--json")
        assert json.loads(done.stdout) == {
            "payments": 3, "days": 1, "frauds": 1, "without_outcome": 297,
        }  # fmt: skip
    rows = pq.read_table(out / "clean").to_pylist()
    assert {row["transaction_id"] for row in rows} == {one["transaction_id"] for one in sent}
    by_id = {row["transaction_id"]: row for row in rows}
    assert [f"{by_id[one['transaction_id']]['amount_minor'] / 100:.2f}" for one in sent] == [
        one["amount"] for one in sent
    ]
    decisions = pq.read_table(table)
    assert decisions["position"].to_pylist() == [answer["position"] for answer in answers]
    assert decisions["probability"].to_pylist() == [one["fraud_probability"] for one in answers]
    heard = pq.read_table(tmp_path / "feedback.parquet")
    assert heard["outcome"].to_pylist() == ["fraud", "genuine", "unanswered", "fraud", "genuine"]
    assert set(heard["source"].to_pylist()) == {"analyst"}
    assert heard["transaction_id"].to_pylist() == [
        sent[number]["transaction_id"] for number in (0, 1, 2, 3, 3)
    ]
    profile = succeed("profile", out, "--out", tmp_path / "profile", "--json")
    assert profile.returncode == 0
    nothing = weir("export", journal, "--out", tmp_path / "none", "--to", "2020-01-01")
    assert nothing.returncode == 1
    assert "no payment from its start to 2020-01-01" in nothing.stderr
