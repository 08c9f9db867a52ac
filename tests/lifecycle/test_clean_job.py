"""`weir.cleaning` and jobs/clean.py: the rows of `weir clean`, published whole or not at all."""

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import weir
from stack_process import ROOT
from weir.cleaning import clean_lake
from weir.lake import Conflict, Lake, Manifest, Store
from weir.tasks import run_here

WEIR = Path(os.environ.get("WEIR_BINARY", ROOT / "build/release/weir"))
ORDER = [("event_time", "ascending"), ("transaction_id", "ascending")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two months of dirty raw files."""
    out = tmp_path_factory.mktemp("raw") / "data"
    small = ("--customers", "2000", "--terminals", "4", "--days", "45")
    subprocess.run(
        [WEIR, "simulate", *small, "--defects", "20", "--seed", "5", "--out", out, "--quiet"],
        check=True,
        capture_output=True,
    )
    raw = out / "raw"
    first, second = sorted(raw.glob("*.txt"))
    lines = first.read_text().splitlines()
    # Copies and stolen ids far apart, across files, and rows that cannot be read at all.
    stolen = lines[9].split(",")
    stolen[4] = "1.00"
    with second.open("a") as file:
        file.write(lines[5] + "\n" + ",".join(stolen) + "\n" + lines[7] + "\n" + lines[7] + "\n")
    with first.open("ab") as file:
        file.write(b"\xff\xfe,,,\n\n1,2\n" + lines[30].encode())  # The last line has no end.
    return raw


def direct(raw: Path, out: Path) -> tuple[pa.Table, list[dict], dict]:
    """Rows, quarantine and report of `weir clean`."""
    words = (WEIR, "clean", raw, "--terminals", "0..3", "--out", out, "--quiet")
    subprocess.run(words, check=True, capture_output=True)
    rows = ds.dataset(out / "clean", partitioning=None).to_table().sort_by(ORDER)
    rejects = pq.read_table(out / "quarantine/rows.parquet").to_pylist()
    return rows, rejects, json.loads((out / "reports/clean.json").read_text())


def read(lake: str, manifest: Manifest) -> tuple[pa.Table, list[dict]]:
    """Rows and quarantine of a published state."""
    store = Store(lake)

    def table(path: str) -> pa.Table:
        return pq.read_table(pa.BufferReader(store.read(path)))

    rows = pa.concat_tables([table(file.path) for file in manifest.files]).sort_by(ORDER)
    rejects = [row for path in manifest.quarantine for row in table(path).to_pylist()]
    return rows, rejects


def assert_same(raw: Path, lake: str, manifest: Manifest, tmp_path: Path) -> None:
    rows, rejects, report = direct(raw, tmp_path / "direct")
    got_rows, got_rejects = read(lake, manifest)
    assert got_rows.equals(rows)

    def places(found: list[dict]) -> list[tuple]:
        return sorted(
            (r["file"].rsplit("/", 1)[-1], *(repr(r[k]) for k in sorted(r) if k != "file"))
            for r in found
        )

    assert places(got_rejects) == places(rejects)
    for found in (report, got := dict(manifest.report)):
        found["files"] = [{**f, "name": f["name"].rsplit("/", 1)[-1]} for f in found["files"]]
    assert got == report


@pytest.mark.parametrize("part_bytes", [70_001, 1 << 20, 1 << 30])
def test_rows_rejects_and_report_equal_the_command(
    data: Path, tmp_path: Path, part_bytes: int
) -> None:
    lake = str(tmp_path / "lake")
    manifest = clean_lake(str(data), lake, terminals="0..3", part_bytes=part_bytes)
    assert manifest.number == 1
    assert_same(data, lake, manifest, tmp_path)


def test_packed_files_give_the_same(data: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for path in data.glob("*.txt"):
        (raw / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
    manifest = clean_lake(str(raw), str(tmp_path / "lake"), terminals="0..3")
    assert_same(raw, str(tmp_path / "lake"), manifest, tmp_path)


def test_a_new_file_is_added_and_the_old_ones_are_not_read_again(
    data: Path, tmp_path: Path
) -> None:
    raw, lake = tmp_path / "raw", str(tmp_path / "lake")
    raw.mkdir()
    first, second = sorted(data.glob("*.txt"))
    (raw / first.name).write_bytes(first.read_bytes())
    before = clean_lake(str(raw), lake, terminals="0..3")
    (raw / second.name).write_bytes(second.read_bytes())
    seen: list[str] = []

    def watching(work, tasks):
        seen.extend(task["path"] for task in tasks if "path" in task)
        return run_here(work, tasks)

    after = clean_lake(str(raw), lake, terminals="0..3", runner=watching)
    assert after.number == 2
    assert set(seen) == {second.name}
    kept = {file.path for file in before.files} & {file.path for file in after.files}
    assert len(kept) >= len(before.files) - 2  # A day that both months touch is written anew.
    assert_same(raw, lake, after, tmp_path)
    assert clean_lake(str(raw), lake, terminals="0..3").number == 2  # Nothing new: no new state.


def test_a_replaced_file_or_another_setting_makes_the_lake_anew(data: Path, tmp_path: Path) -> None:
    raw, lake = tmp_path / "raw", str(tmp_path / "lake")
    raw.mkdir()
    first, second = sorted(data.glob("*.txt"))
    (raw / first.name).write_bytes(second.read_bytes())
    clean_lake(str(raw), lake, terminals="0..3")
    (raw / first.name).write_bytes(first.read_bytes())
    again = clean_lake(str(raw), lake, terminals="0..3")
    assert again.number == 2
    assert_same(raw, lake, again, tmp_path)
    wider = clean_lake(str(raw), lake, terminals="0..99999999")
    assert wider.number == 3 and wider.rows > again.rows


def test_a_whole_file_delivered_twice_adds_nothing(data: Path, tmp_path: Path) -> None:
    raw, lake = tmp_path / "raw", str(tmp_path / "lake")
    raw.mkdir()
    first = sorted(data.glob("*.txt"))[0]
    (raw / "a.txt").write_bytes(first.read_bytes())
    one = clean_lake(str(raw), lake, terminals="0..3")
    (raw / "b.txt").write_bytes(first.read_bytes())
    two = clean_lake(str(raw), lake, terminals="0..3", part_bytes=400_000)
    assert two.number == 2 and two.rows == one.rows
    assert_same(raw, lake, two, tmp_path)


def test_a_raw_file_replaced_while_read_publishes_nothing(data: Path, tmp_path: Path) -> None:
    raw, lake = tmp_path / "raw", str(tmp_path / "lake")
    raw.mkdir()
    path = raw / "a.txt"
    path.write_bytes(sorted(data.glob("*.txt"))[0].read_bytes())

    def replacing(work, tasks):
        results = run_here(work, tasks)
        path.write_bytes(path.read_bytes() + b"\n")
        return results

    with pytest.raises(weir.Error, match="changed while they were read; nothing is published"):
        clean_lake(str(raw), lake, runner=replacing)
    assert Lake(lake).newest().number == 0
    assert Store(lake).list("data/") == [] and Store(lake).list("work/") == []


def test_of_two_runs_at_once_one_publishes(data: Path, tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")

    def overtaken(work, tasks):
        results = run_here(work, tasks)
        if work.__name__ == "write_files":
            clean_lake(str(data), lake, terminals="0..3")
        return results

    with pytest.raises(Conflict, match="published by another run meanwhile"):
        clean_lake(str(data), lake, terminals="0..3", runner=overtaken)
    newest = Lake(lake).newest()
    assert newest.number == 1
    assert list(Lake(lake).runs()) == [newest.run]


def test_a_schema_change_and_an_empty_month(data: Path, tmp_path: Path) -> None:
    raw, lake = tmp_path / "raw", str(tmp_path / "lake")
    raw.mkdir()
    first = sorted(data.glob("*.txt"))[0]
    (raw / "a.txt").write_bytes(first.read_bytes())
    before = clean_lake(str(raw), lake, terminals="0..3")
    (raw / "b.txt").write_bytes(first.read_bytes().split(b"\n")[0] + b"\n")
    empty = clean_lake(str(raw), lake, terminals="0..3")
    assert (empty.number, empty.rows) == (2, before.rows)
    (raw / "c.txt").write_text("id;when;who\n1;2;3\n")
    with pytest.raises(weir.Error, match=r"c\.txt"):
        clean_lake(str(raw), lake, terminals="0..3")
    assert Lake(lake).newest().number == 2


def test_a_state_can_be_rolled_back_and_old_runs_swept(data: Path, tmp_path: Path) -> None:
    raw, lake = tmp_path / "raw", Lake(str(tmp_path / "lake"))
    raw.mkdir()
    first, second = sorted(data.glob("*.txt"))
    (raw / first.name).write_bytes(first.read_bytes())
    one = clean_lake(str(raw), lake.store.location, terminals="0..3")
    (raw / second.name).write_bytes(second.read_bytes())
    clean_lake(str(raw), lake.store.location, terminals="0..3")
    back = lake.roll_back(1)
    assert (back.number, back.files, back.fingerprint) == (3, one.files, one.fingerprint)
    lake.store.write("data/leftover/clean/x.parquet", b"half a file")
    assert lake.sweep(keep=1) == [], "may be at work"
    assert "leftover" in lake.sweep(keep=1, grace_hours=0)
    assert lake.newest().number == 3
    read(lake.store.location, lake.newest())


def test_conditional_puts_let_one_of_many_win(s3: dict[str, str]) -> None:
    store = Store("s3://weir-clean/race")
    for number in range(20):
        won: list[int] = []
        gate = threading.Barrier(4)

        def put(writer: int, number: int = number, won: list[int] = won, gate=gate) -> None:
            gate.wait()
            if store.create(f"{number}.json", str(writer).encode()):
                won.append(writer)

        threads = [threading.Thread(target=put, args=(writer,)) for writer in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert store.read(f"{number}.json") == str(won[0]).encode()


def upload(data: Path, prefix: str) -> str:
    """Put raw files into S3; gives their place."""
    store = Store(f"s3://weir-raw/{prefix}")
    for path in data.glob("*.txt"):
        store.write(path.name, path.read_bytes())
    return store.location


def start_job(*words: str) -> subprocess.Popen[str]:
    """Run jobs/clean.py."""
    environment = {**os.environ, "WEIR_SPARK_MEMORY": "600m"}
    return subprocess.Popen(
        [sys.executable, ROOT / "jobs/clean.py", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.heavy
def test_a_killed_driver_leaves_nothing_and_the_next_run_heals(
    s3: dict[str, str], data: Path, tmp_path: Path
) -> None:
    raw, lake = upload(data, "killed"), "s3://weir-clean/killed"
    words = ("--raw", raw, "--lake", lake, "--terminals", "0..3")
    killed = start_job(*words, "--part-bytes", "200000")
    store = Store(lake)
    while killed.poll() is None and not store.list("work/"):
        time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert Lake(lake).newest().number == 0 and store.list("work/")
    job = start_job(*words, "--keep", "1", "--grace-hours", "0")
    _, errors = job.communicate(timeout=400)
    assert job.returncode == 0, errors
    assert_same(data, lake, Lake(lake).newest(), tmp_path)
    assert store.list("work/") == [], "swept"


def test_the_job_on_spark_and_s3(s3: dict[str, str], data: Path, tmp_path: Path) -> None:
    raw, lake = upload(data, "job"), "s3://weir-clean/job"
    job = start_job("--raw", raw, "--lake", lake, "--terminals", "0..3")
    store = Store(lake)
    out, errors = job.communicate(timeout=400)
    assert job.returncode == 0, errors
    manifest = Lake(lake).newest()
    assert json.loads(out) == {
        "state": 1,
        "rows": manifest.rows,
        "days": 45,
        "fingerprint": manifest.fingerprint,
    }
    assert_same(data, lake, manifest, tmp_path)
    assert store.list("work/") == []
    # And the command reads the published state.
    tables = {}
    for name, place in (("s3", lake), ("local", tmp_path / "direct")):
        tables[name] = tmp_path / f"{name}.parquet"
        words = (WEIR, "features", place, "--out", tables[name], "--quiet")
        subprocess.run(words, check=True, capture_output=True)
    assert tables["s3"].read_bytes() == tables["local"].read_bytes()


@pytest.mark.heavy
def test_an_error_of_a_task_is_the_jobs_error(s3: dict[str, str], tmp_path: Path) -> None:
    Store("s3://weir-raw/bad").write("a.txt", b"id;when\n1;2\n")
    job = start_job("--raw", "s3://weir-raw/bad", "--lake", "s3://weir-clean/bad")
    _, errors = job.communicate(timeout=400)
    assert job.returncode == 1
    last = errors.strip().splitlines()[-1]
    assert last.startswith('clean: "s3://weir-raw/bad/a.txt"'), errors


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect"),
        ({"AWS_SECRET_ACCESS_KEY": "of somebody else"}, "SignatureDoesNotMatch"),
    ],
)
def test_s3_that_does_not_answer_or_refuses_is_a_clear_error(
    s3: dict[str, str], changed: dict[str, str], text: str
) -> None:
    environment = {**os.environ, **changed}
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "jobs/clean.py",
            "--raw",
            "s3://weir-raw/x",
            "--lake",
            "s3://weir-clean/x",
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert (
        'clean: cannot list "s3://weir-clean/x/manifests/"' in done.stderr and text in done.stderr
    )
    assert "Traceback" not in done.stderr
