"""The main job end to end, and what must hold of it: same bytes, no label before its time."""

import hashlib
import json
import os
import re
import socket
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from conftest import ROOT, Run

SHARED = Path(os.environ.get("WEIR_SHARED_DATA", ROOT.parent / "shared/data"))
HANDBOOK = SHARED / "handbook-2018.csv.zst"
needs_handbook = pytest.mark.skipif(
    not HANDBOOK.exists(), reason=f"the handbook's published payments are not at {HANDBOOK}"
)


def digest(folder: Path) -> dict[str, str]:
    """{relative path → SHA-256} of every file below `folder`."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def run_small(succeed: Run, out: Path, threads: int) -> None:
    """The steps of the main job on a small simulation, inside `out`: no path tells runs apart."""
    small = ("--customers", 1500, "--terminals", 3, "--days", 45, "--seed", 9)
    out.mkdir()
    for step in [
        ("simulate", "--preset", "course-small", *small, "--out", "data"),
        ("clean", "data/raw", "--out", "lake"),
        ("features", "lake", "--out", "features.parquet"),
        ("train", "features.parquet", "--rounds", 30, "--out", "bundle"),
        ("replay", "bundle", "lake", "--out", "decisions.parquet"),
    ]:
        succeed(*step, "--threads", threads, "--quiet", cwd=out)


def test_two_runs_and_one_or_two_threads_give_the_same_bytes(succeed: Run, tmp_path: Path) -> None:
    for name, threads in [("one", 1), ("two", 2), ("again", 2)]:
        run_small(succeed, tmp_path / name, threads)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    assert digest(tmp_path / "two") == digest(tmp_path / "again")


def test_labels_known_after_a_day_change_nothing_before_it(
    succeed: Run, lake: Path, bundle: Path, tmp_path: Path
) -> None:
    day = 25
    delay_us = 7 * 86_400 * 1_000_000
    table = pa.dataset.dataset(lake / "clean", partitioning="hive").to_table()
    table = table.drop_columns("date").sort_by(
        [("event_time", "ascending"), ("transaction_id", "ascending")]
    )
    times = table["event_time"].cast(pa.int64())
    start = pc.min(times).as_py()
    until = start + day * 86_400 * 1_000_000
    known_later = pc.greater_equal(pc.add(times, delay_us), until)
    flip = pc.equal(pc.bit_wise_and(table["transaction_id"], 1), 1)
    changed = pc.and_(known_later, flip)
    labels = pc.if_else(changed, pc.invert(table["is_fraud"]), table["is_fraud"])
    scenario = pc.if_else(labels, pa.scalar(2, pa.int8()), pa.scalar(0, pa.int8()))
    index = table.schema.get_field_index("is_fraud")
    flipped = table.set_column(index, table.schema.field(index), labels)
    index = table.schema.get_field_index("fraud_scenario")
    flipped = flipped.set_column(index, table.schema.field(index), scenario)
    assert pc.sum(changed).as_py() > 1000

    results = []
    for name, payments in [("as_it_was", table), ("flipped", flipped)]:
        folder = tmp_path / name / "clean/date=2019-01-01"
        folder.mkdir(parents=True)
        pq.write_table(payments, folder / "part.parquet")
        features = tmp_path / f"{name}.parquet"
        decisions = tmp_path / f"{name}-decisions.parquet"
        succeed("features", tmp_path / name, "--out", features)
        succeed("replay", bundle, tmp_path / name, "--out", decisions)
        results.append((pq.read_table(features), pq.read_table(decisions)))
    for before, after in zip(*results, strict=True):
        early = pc.less(before["event_time"].cast(pa.int64()), until)
        columns = [
            name for name in before.column_names if name not in ("is_fraud", "fraud_scenario")
        ]
        assert before.filter(early).select(columns).equals(after.filter(early).select(columns))
        late = pc.invert(early)
        assert not before.filter(late).select(columns).equals(after.filter(late).select(columns))


@pytest.fixture(scope="module")
def main_job(
    succeed: Run, tmp_path_factory: pytest.TempPathFactory
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """What `weir run` without an input printed, and its folder."""
    out = tmp_path_factory.mktemp("main_job") / "run"
    return succeed("run", "--out", out, "--bootstrap", 20, timeout=900), out


def test_run_without_input_simulates_and_reports(
    main_job: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, out = main_job
    assert "with the loop closed" in done.stdout
    assert "with chargebacks alone" in done.stdout
    assert "live decisions equal the batch" in done.stdout
    for name in (
        "evaluation/report.html",
        "loop.html",
        "loop-bundle/beliefs.toml",
        "loop-decisions.parquet",
        "profile/profile.html",
        "decisions.parquet",
        "bundle/card.md",
    ):
        assert (out / name).stat().st_size > 0
    metrics = json.loads((out / "evaluation/metrics.json").read_text())
    assert metrics["floor"]["leaks"] == []
    assert metrics["average_precision"]["value"] > 0.5


def test_make_serve_shows_its_last_days(
    main_job: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    done = subprocess.run(
        [ROOT / "tools/serve.sh"],
        env={
            **os.environ,
            "RUN": str(main_job[1]),
            "LISTEN": listen,
            "METRICS_LISTEN": "127.0.0.1:0",
            "RATE": "20000",
            "LIMIT": "8000",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert f"console: http://{listen}/" in done.stdout
    sent = re.search(r"sent 8000 payments, (\d+) of them challenged or declined", done.stdout)
    assert sent and 0 < int(sent[1]) < 2000, done.stdout


@pytest.fixture(scope="module")
def handbook_lake(succeed: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The handbook's published payments, cleaned."""
    lake = tmp_path_factory.mktemp("handbook") / "lake"
    succeed("clean", HANDBOOK, "--out", lake)
    return lake


@needs_handbook
def test_the_handbook_protocol_beats_the_published_best(succeed: Run, handbook_lake: Path) -> None:
    done = succeed("evaluate", "--protocol", "handbook", handbook_lake, "--json")
    result = json.loads(done.stdout)
    assert 0.72 <= result["average_precision"]["mean"] <= 0.78
    assert 0.305 <= result["card_precision_100"]["mean"] <= 0.32
    assert 0.88 <= result["roc_auc"]["mean"] <= 0.90


@needs_handbook
def test_all_labels_known_by_then_do_better_still(succeed: Run, handbook_lake: Path) -> None:
    done = succeed(
        "evaluate", "--protocol", "handbook", "--history", "all", handbook_lake, "--json"
    )
    result = json.loads(done.stdout)
    assert 0.73 <= result["average_precision"]["mean"] <= 0.78


@needs_handbook
def test_the_books_own_inputs_and_model_reproduce_its_table(
    succeed: Run, handbook_lake: Path
) -> None:
    """Chapter 5, XGBoost with 100 trees of depth 3 at 0.1: .871 / .694 / .304.

    Average precision stays about .016 below: weir's forests start at the data's fraud share, the
    book's at one half, which with so few trees ranks the sure rule of amounts above 220 higher.
    """
    done = succeed(
        *("evaluate", "--protocol", "handbook", "--spec", "handbook", handbook_lake),
        *("--rounds", 100, "--eta", 0.1, "--depth", 3, "--colsample", 1),
        *("--max-bin", 65536, "--json"),
    )
    result = json.loads(done.stdout)
    assert result["average_precision"]["mean"] == pytest.approx(0.694, abs=0.025)
    assert result["roc_auc"]["mean"] == pytest.approx(0.871, abs=0.01)
    assert result["card_precision_100"]["mean"] == pytest.approx(0.304, abs=0.01)
