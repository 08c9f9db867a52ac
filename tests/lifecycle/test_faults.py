"""What breaks leaves no half-published data and no half-promoted model, and the next run heals."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import mlflow
import pyarrow as pa
import pytest
import weir
from broken_s3 import BrokenWay
from conftest import StartStack
from stack_process import ROOT
from weir import lake as lake_module
from weir import registry as registry_module
from weir import validation
from weir.cleaning import clean_lake
from weir.lake import Lake, Store
from weir.registry import CHAMPION, Registry
from weir.training import train_bundle

WEIR = Path(os.environ.get("WEIR_BINARY", ROOT / "build/release/weir"))
SMALL = ("--customers", "800", "--terminals", "4", "--days", "45", "--seed", "5", "--quiet")
TRAINING = {"rounds": 5, "valid_to": "2019-09-20"}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six weeks of raw payments in two files."""
    out = tmp_path_factory.mktemp("raw") / "data"
    subprocess.run([WEIR, "simulate", *SMALL, "--out", out], check=True, capture_output=True)
    return out / "raw"


@pytest.fixture(scope="module")
def lake(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """They cleaned."""
    os.environ["WEIR_HOME"] = str(ROOT)
    place = str(tmp_path_factory.mktemp("lake"))
    clean_lake(str(raw), place)
    return place


@pytest.fixture(scope="module")
def bundles(lake: str, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two bundles, of other features."""
    root = tmp_path_factory.mktemp("bundles")
    for spec in ("weir", "handbook"):
        train_bundle(lake, root / spec, features={"spec": spec}, training=TRAINING)
    return [root / "weir", root / "handbook"]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, bundles: list[Path]) -> Path:
    """A registry's database: version 1 is champion, version 2 waits."""
    root = tmp_path_factory.mktemp("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{root}/mlflow.db")
    mlflow.create_experiment("weir", artifact_location=f"file://{root}/artifacts")
    found = Registry()
    for bundle in bundles:
        found.register(bundle, tags={})
    found.promote(1, instead_of=None)
    found.set_challenger(2)
    return root / "mlflow.db"


@pytest.fixture
def registry(tmp_path: Path, database: Path) -> Iterator[Registry]:
    """A copy of it: making one anew takes seconds."""
    shutil.copy(database, tmp_path / "mlflow.db")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    yield Registry()
    mlflow.set_tracking_uri("")


# ------------------------------------------------------------------------------------ S3


def through(way: BrokenWay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Talk to S3 this way from now on."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", way.endpoint)
    monkeypatch.setenv("WEIR_S3_TIMEOUT", "0.5")
    lake_module._client.cache_clear()


@pytest.mark.parametrize(("requests", "hang"), [(3, False), (9, True), (14, False)])
def test_s3_that_breaks_in_the_middle(
    s3: dict[str, str],
    raw: Path,
    monkeypatch: pytest.MonkeyPatch,
    requests: int,
    hang: bool,
) -> None:
    name = f"broken-{requests}-{hang}"
    source, target = Store(f"s3://weir-raw/{name}"), f"s3://weir-clean/{name}"
    for path in raw.glob("*.txt"):
        source.write(path.name, path.read_bytes())
    way = BrokenWay(s3["AWS_ENDPOINT_URL"], requests=requests, hang=hang)
    with monkeypatch.context() as patched:
        through(way, patched)
        with pytest.raises(weir.Error, match=r'cannot (list|read|write|remove) "s3://weir-'):
            clean_lake(source.location, target)
    way.close()
    lake_module._client.cache_clear()
    assert Lake(target).newest().number == 0
    healed = clean_lake(source.location, target)
    assert healed.number == 1 and healed.report["clean"]["rows"] == healed.rows


# ----------------------------------------------------------------------------- the lake


def test_a_prefix_half_written_is_never_read(lake: str, tmp_path: Path) -> None:
    before = Lake(lake).newest()
    for place in ("data/dead/clean/date=2019-09-01/part-0.parquet", "training/dead/model.json"):
        Store(lake).write(place, b"half a")
    table = tmp_path / "f.parquet"
    run = [WEIR, "features", lake, "--out", table, "--quiet", "--json"]
    subprocess.run(run, check=True, capture_output=True)
    assert Lake(lake).newest() == before
    assert Lake(lake).sweep(keep=3, grace_hours=0) == ["dead"]
    assert Store(lake).list("training/") == []


def copy_of(raw: Path, place: Path) -> Path:
    """The raw files in a folder of their own; gives the last one."""
    place.mkdir()
    for path in raw.glob("*.txt"):
        (place / path.name).write_bytes(path.read_bytes())
    return max(place.glob("*.txt"))


def test_an_empty_file_is_an_error_that_names_it(raw: Path, tmp_path: Path) -> None:
    source, place = tmp_path / "raw", str(tmp_path / "lake")
    empty = copy_of(raw, source).with_name("2020-01-01.txt")
    empty.write_bytes(b"")
    with pytest.raises(weir.Error, match=r"2020-01-01\.txt"):
        clean_lake(str(source), place)
    assert Lake(place).newest().number == 0
    empty.unlink()
    assert clean_lake(str(source), place).number == 1


def test_a_lake_among_its_raw_files_is_refused(raw: Path, tmp_path: Path) -> None:
    copy_of(raw, tmp_path / "raw")
    for lake in ("raw", "raw/lake"):
        with pytest.raises(weir.Error, match="lies in the folder of the raw files"):
            clean_lake(str(tmp_path / "raw"), str(tmp_path / lake))
    assert clean_lake(str(tmp_path / "raw"), str(tmp_path / "raw-clean")).number == 1


def test_payments_dated_ahead_make_no_label_known(raw: Path, tmp_path: Path) -> None:
    last = copy_of(raw, tmp_path / "raw")
    lines = last.read_text().splitlines()
    row = lines[-1].split(",")
    row[0], row[1], row[5] = "99999999", "2020-03-01 12:00:00", str(192 * 86_400 + 43_200)
    last.write_text("\n".join([*lines, ",".join(row)]) + "\n")
    state = clean_lake(str(tmp_path / "raw"), str(tmp_path / "lake"))
    assert state.report["last_time"].startswith("2020-03-01")
    known = validation.known_until(str(tmp_path / "lake"), timedelta(days=7))
    assert known == "2019-09-29", "45 days from 2019-08-22, less a week"


def test_a_month_without_fraud_trains_nothing(raw: Path, tmp_path: Path) -> None:
    source, place = tmp_path / "raw", str(tmp_path / "lake")
    copy_of(raw, source)
    for path in source.glob("*.txt"):
        rows = [line.split(",") for line in path.read_text().splitlines()]
        text = [",".join([*r[:7], "0", "0"]) if len(r) == 9 else ",".join(r) for r in rows]
        path.write_text("\n".join(text) + "\n")
    clean_lake(str(source), place)
    with pytest.raises(weir.Error, match="has no fraud"):
        train_bundle(place, tmp_path / "b", features={"spec": "weir"}, training=TRAINING)
    assert not (tmp_path / "b").exists() and Store(place).list("training/") == []


# -------------------------------------------------------------------------- the registry


class Dying:
    """MLflow's client, which fails at the n-th change."""

    def __init__(self, client: object, calls: int) -> None:
        self._client, self._left = client, calls

    def __getattr__(self, name: str) -> object:
        found = getattr(self._client, name)
        if not name.startswith(("set_", "delete_", "create_")):
            return found
        self._left -= 1
        if self._left < 0:
            raise ConnectionError("MLflow went away")
        return found


@pytest.mark.parametrize("calls", range(5))
def test_a_promotion_that_dies_anywhere_is_whole_or_not_at_all(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    alive = registry.client
    registry.client = Dying(alive, calls)  # type: ignore[assignment]
    with pytest.raises(ConnectionError):
        registry.promote(2, instead_of=1)
    registry.client = alive
    assert registry.version_of(CHAMPION) in (1, 2)
    monkeypatch.setattr(registry_module, "LOCK_SECONDS", 0)  # The dead one's lock is old by then.
    registry.promote(2, instead_of=1)
    assert registry.state() == {"champion": 2, "challenger": None, "trial": None, "previous": 1}
    assert registry.roll_back() == 1


def test_of_two_promotions_at_once_one_wins(registry: Registry) -> None:
    registry.client.create_model_version(
        "weir", registry.client.get_model_version("weir", "2").source
    )
    gate, won, lost = threading.Barrier(2), [], []

    def promote(version: int) -> None:
        mine = Registry()
        gate.wait()
        try:
            mine.promote(version, instead_of=1)
            won.append(version)
        except weir.Error as fault:
            lost.append(str(fault))

    threads = [threading.Thread(target=promote, args=(version,)) for version in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and len(lost) == 1, (won, lost)
    assert "another promotion" in lost[0] or "is champion by now; compare again" in lost[0]
    state = registry.state()
    assert (state["champion"], state["previous"]) == (won[0], 1)


def test_a_promotion_under_way_is_not_disturbed(registry: Registry) -> None:
    with registry._alone(), pytest.raises(weir.Error, match=r"under way for \d+ s \(process"):
        Registry().promote(2, instead_of=1)
    assert registry.version_of(CHAMPION) == 1


@pytest.mark.heavy
def test_a_clock_that_is_wrong_takes_nobodys_promotion_over(
    stack_of_its_own: StartStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stack_of_its_own("s3", "mlflow").items():
        monkeypatch.setenv(name, value)
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    try:
        with Registry()._alone():
            now = time.time
            monkeypatch.setattr(time, "time", lambda: now() + 3600)
            with (
                pytest.raises(weir.Error, match=r"under way for \d\d? s"),
                Registry()._alone(),
            ):
                pass
    finally:
        mlflow.set_tracking_uri("")


def test_a_challenger_of_other_features_is_compared_on_the_same_payments(
    lake: str, bundles: list[Path]
) -> None:
    old, new = (
        validation.score_period(lake, bundle, "2019-09-27", None).combine_chunks()
        for bundle in bundles
    )
    judged = weir.compare(old, old, new)
    assert judged["payments"] == old.num_rows == new.num_rows
    model = weir.load_model(bundles[1])
    with pytest.raises(weir.Error, match=model.fingerprint[:8]):
        model.score(pa.table(weir.features(old.select(old.column_names[:7]), "weir")))


def test_mlflow_that_is_down_is_one_clear_line(lake: str) -> None:
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    done = subprocess.run(
        [sys.executable, ROOT / "jobs/compare.py", "--lake", lake],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "compare: MLflow at http://127.0.0.1:9 (MLFLOW_TRACKING_URI) failed" in done.stderr
    assert "Traceback" not in done.stderr
