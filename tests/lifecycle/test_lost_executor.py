"""A stand-alone cluster whose executor is killed under a job: the same result, no error."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import BINARY, MakeLake
from spark_cluster import Cluster
from weir.cleaning import clean_lake
from weir.keyed_features import compute_features, published
from weir.lake import Lake, Store


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """It, while the test runs."""
    made = Cluster(tmp_path / "clusters")
    yield made
    made.down()


def lose_one(cluster: Cluster, job: subprocess.Popen[str], store: Store, files: int) -> None:
    """Kill the executor once the job has written so many files, and see the job to its end."""
    while job.poll() is None and len(store.list("work/")) < files:
        time.sleep(0.05)
    assert job.poll() is None, job.communicate()[1]
    (executor,) = cluster.executors()
    os.kill(executor, signal.SIGKILL)
    _, errors = job.communicate(timeout=300)
    assert job.returncode == 0, errors
    assert store.list("work/") == []


def table(store: Store, paths: list[str]) -> pa.Table:
    """The rows of some files."""
    return pa.concat_tables([pq.read_table(pa.BufferReader(store.read(path))) for path in paths])


@pytest.mark.heavy
def test_cleaning_survives_a_lost_executor(cluster: Cluster, tmp_path: Path) -> None:
    size = ("--customers", "2000", "--terminals", "4", "--days", "45", "--defects", "20")
    words = [BINARY, "simulate", *size, "--seed", "5", "--out", tmp_path / "data", "--quiet"]
    subprocess.run(words, check=True, capture_output=True)
    raw, here, there = tmp_path / "data/raw", tmp_path / "here", tmp_path / "there"
    clean_lake(str(raw), str(here), terminals="0..3", part_bytes=100_000)
    options = ("--terminals", "0..3", "--part-bytes", 100_000)
    job = cluster.start("clean", "--raw", raw, "--lake", there, *options)
    lose_one(cluster, job, Store(str(there)), 6)
    wanted, got = Lake(str(here)).newest(), Lake(str(there)).newest()
    assert got.report == wanted.report
    rows = [
        table(Store(str(lake)), [file.path for file in state.files])
        for lake, state in ((here, wanted), (there, got))
    ]
    assert rows[0].equals(rows[1])


@pytest.mark.heavy
def test_features_survive_a_lost_executor(
    cluster: Cluster, make_lake: MakeLake, tmp_path: Path
) -> None:
    lake, here, there = make_lake(900, 12, 45), tmp_path / "here", tmp_path / "there"
    wanted = compute_features(lake, str(here), rows_of_one_task=0, rows_of_a_task=4_000)
    by_key = ("--rows-of-one-task", 0, "--rows-of-a-task", 4_000)
    job = cluster.start("features", "--lake", lake, "--out", there, *by_key)
    lose_one(cluster, job, Store(str(there)), 6)
    got = published(str(there))
    rows = [
        table(Store(str(out)), [file["path"] for file in document["files"]])
        for out, document in ((here, wanted), (there, got))
    ]
    assert rows[0].equals(rows[1])
