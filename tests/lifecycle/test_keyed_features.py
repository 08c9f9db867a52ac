"""`weir.keyed_features` and jobs/features.py: the bits of `weir features`, published whole."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import weir
from conftest import BINARY, MakeLake
from stack_process import ROOT
from weir import command
from weir.keyed_features import compute_features, published
from weir.lake import Lake, Store
from weir.tasks import run_here

PAIRS = (
    'name = "pairs"\ninput = [\n'
    '  { key = "pair", aggregate = "count", window = "30d" },\n'
    '  { key = "payment", aggregate = "amount" },\n'
    '  { key = "customer", aggregate = "max", window = "7d" },\n]\n'
)


@pytest.fixture(scope="module")
def lake(make_lake: MakeLake) -> str:
    """A published lake of 45 days."""
    return make_lake(900, 12, 45)


def whole(out: str) -> pa.Table:
    """The published table."""
    document = published(out)
    assert document is not None
    paths = [file["path"] for file in document["files"]]
    return pa.concat_tables([pq.read_table(pa.BufferReader(Store(out).read(p))) for p in paths])


@pytest.mark.parametrize("spec", ["weir", "handbook", "pairs"])
@pytest.mark.parametrize("rows_of_a_task", [7_000, 1 << 30, None])
def test_the_table_equals_the_commands_to_the_bit(
    lake: str, tmp_path: Path, spec: str, rows_of_a_task: int | None
) -> None:
    if spec == "pairs":
        (tmp_path / "pairs.toml").write_text(PAIRS)
        spec = str(tmp_path / "pairs.toml")
    out, direct = str(tmp_path / "out"), tmp_path / "direct.parquet"
    by_key = {"rows_of_one_task": 0, "rows_of_a_task": rows_of_a_task}
    done = compute_features(lake, out, spec=spec, **(by_key if rows_of_a_task else {}))
    subprocess.run(
        [BINARY, "features", lake, "--spec", spec, "--out", direct, "--quiet"], check=True
    )
    wanted, got = pq.read_table(direct), whole(out)
    assert got.schema.names == wanted.schema.names
    assert got.cast(wanted.schema).equals(wanted)
    assert done["fingerprint"] == wanted.schema.metadata[b"weir.fingerprint"].decode()
    assert {path.path.split("/")[0] for path in Store(out).list()} == {"data", "features.json"}
    part = pq.read_schema(Path(out) / done["files"][0]["path"])
    assert part.metadata[b"weir.spec"] == wanted.schema.metadata[b"weir.spec"]


def test_the_table_of_before_stays_until_the_next_but_one(lake: str, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    runs = [compute_features(lake, out, spec="handbook")["run"] for _ in range(3)]
    left = {item.path.split("/")[1] for item in Store(out).list("data/")}
    assert left == set(runs[1:])


def test_a_run_that_dies_leaves_the_table_of_before(lake: str, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    before = compute_features(lake, out, spec="handbook")

    def dying(work, tasks):
        if work.__name__ == "_join":
            work(tasks[0])
            raise weir.Error("the executor was lost")
        return run_here(work, tasks)

    with pytest.raises(weir.Error, match="executor was lost"):
        compute_features(lake, out, runner=dying, rows_of_one_task=0, rows_of_a_task=20_000)
    assert published(out) == before
    assert {item.path.split("/")[1] for item in Store(out).list("data/")} == {before["run"]}
    assert Store(out).list("work/") == []


def test_a_lake_without_a_state_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(weir.Error, match="has no published state"):
        compute_features(str(tmp_path), str(tmp_path / "out"))


def test_a_state_published_meanwhile_is_the_one_that_is_named(
    make_lake: MakeLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(make_lake(200, 4, 20))
    lake.publish(replace(lake.newest(), files=lake.newest().files[:-5]), lake.newest())
    run, calls = command.run, []

    def overtaken(*words: object) -> dict[str, Any]:
        done = run(*words)
        calls.append(done["rows"])
        if len(calls) == 1:
            lake.roll_back(1)
        return done

    monkeypatch.setattr(command, "run", overtaken)
    document = compute_features(lake.store.location, str(tmp_path / "out"))
    assert calls[0] < calls[1] == document["rows"]
    assert (document["lake_state"], document["files"][0]["to"]) == (3, "2019-09-10")
    assert whole(str(tmp_path / "out")).num_rows == document["rows"]


@pytest.mark.heavy
def test_the_job_on_spark(s3: dict[str, str], lake: str, tmp_path: Path) -> None:
    out = "s3://weir-clean/features"
    done = subprocess.run(
        [
            *(sys.executable, ROOT / "jobs/features.py", "--lake", lake),
            *("--out", out, "--rows-of-one-task", "0", "--rows-of-a-task", "20000"),
        ],
        env={**os.environ, "WEIR_SPARK_MEMORY": "600m"},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    direct = tmp_path / "direct.parquet"
    subprocess.run([BINARY, "features", lake, "--out", direct, "--quiet"], check=True)
    wanted = pq.read_table(direct)
    assert whole(out).cast(wanted.schema).equals(wanted)
    assert json.loads(done.stdout)["rows"] == wanted.num_rows
