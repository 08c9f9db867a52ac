"""jobs/watch.py and jobs/validate.py: a champion as labels become known, a challenger's gate."""

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import pytest
from conftest import MakeLake
from stack_process import ROOT
from weir import jobs, validation
from weir.cleaning import clean_lake
from weir.lake import Lake
from weir.registry import Registry
from weir.training import train_bundle


def job(name: str) -> ModuleType:
    """jobs/<name>.py as a module."""
    spec = importlib.util.spec_from_file_location(f"job_{name}", ROOT / f"jobs/{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def lake(make_lake: MakeLake) -> str:
    """A published lake of three months."""
    return make_lake(800, 12, 90)


@pytest.fixture(scope="module")
def registry(lake: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A champion that learned from the first four weeks."""
    root = tmp_path_factory.mktemp("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{root}/mlflow.db")
    mlflow.create_experiment("weir", artifact_location=f"file://{root}/artifacts")
    train_bundle(
        lake,
        root / "bundle",
        features={"spec": "weir"},
        training={"rounds": 20, "valid_to": "2019-09-20"},
    )
    found = Registry()
    found.register(root / "bundle", tags={"lake_fingerprint": "of an earlier state"})
    found.promote(1, instead_of=None)
    yield found
    mlflow.set_tracking_uri("")


def run(
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *words: object,
) -> tuple[int, dict, str]:
    """(exit code, document, stderr) of a job in this process."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
    code = job(name).main()
    told = capsys.readouterr()
    lines = [line for line in told.out.splitlines() if line.startswith("{")]
    return code, json.loads(lines[-1]) if lines else {}, told.err


def curve(registry: Registry, name: str) -> list[tuple[int, float]]:
    """(step, value) of a metric of version 1."""
    version = registry.client.get_model_version("weir", "1")
    return [(m.step, m.value) for m in registry.client.get_metric_history(version.run_id, name)]


def test_a_budget_that_burns_asks_for_a_retraining(
    registry: Registry,
    lake: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("--lake", lake, "--limit", 1e9)
    code, wide, _ = run("watch", monkeypatch, capsys, *words, "--budget", 1e12)
    assert code == jobs.NOTHING_TO_DO and wide["reasons"] == []
    assert set(wide["burn"]) == {"7", "28"} and wide["damage_roubles_per_30_days"] > 0
    code, narrow, _ = run("watch", monkeypatch, capsys, *words, "--budget", 1)
    assert code == 0 and "the loss budget burns" in narrow["reasons"][0]
    # A rate is damage over budget.
    assert narrow["burn"]["28"] == pytest.approx(wide["burn"]["28"] * 1e12)
    day = validation.date(wide["to"]).toordinal()
    assert curve(registry, "watch_burn_7_days") == [
        (day, pytest.approx(wide["burn"]["7"])),
        (day, pytest.approx(narrow["burn"]["7"])),
    ]
    state = Lake(lake).newest()
    registry.client.set_model_version_tag("weir", "1", "lake_fingerprint", state.fingerprint)
    code, _, told = run("watch", monkeypatch, capsys, *words, "--budget", 1)
    assert code == jobs.NOTHING_TO_DO and "state 1 is what it was trained on" in told
    registry.client.set_model_version_tag("weir", "1", "lake_fingerprint", "of an earlier state")


def test_drift_asks_for_a_retraining(
    registry: Registry,
    lake: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, found, _ = run("watch", monkeypatch, capsys, "--lake", lake, "--limit", 0)
    assert code == 0 and found["burn"] == {}
    assert found["reasons"] == [f"{found['worst']} has drifted, index {found['index']:.2f}"]
    code, _, told = run("watch", monkeypatch, capsys, "--lake", lake, "--name", "nobody")
    assert code == jobs.NOTHING_TO_DO and "there is no champion yet" in told


def test_a_champion_is_measured_as_labels_become_known(
    registry: Registry,
    lake: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    words = ("--lake", lake, "--alias", "champion", "--or-skip")
    found = [
        run("validate", monkeypatch, capsys, *words, "--to", end)[1]
        for end in ("2019-10-20", "2019-11-10")
    ]
    with monkeypatch.context() as patched:
        patched.setattr(validation, "LEAST_FRAUDS", 1 << 30)
        code, nothing, told = run("validate", patched, capsys, *words)
    assert (code, nothing) == (jobs.NOTHING_TO_DO, {}) and "too few frauds" in told
    days = [validation.date(end).toordinal() for end in ("2019-10-20", "2019-11-10")]
    for name in ("average_precision", "damage_roubles_per_30_days"):
        wanted = [(day, pytest.approx(one[name])) for day, one in zip(days, found, strict=True)]
        assert curve(registry, f"test_{name}") == wanted
    assert "validation" not in registry.client.get_model_version("weir", "1").tags
    logged = registry.client.get_model_version("weir", "1").run_id
    path = registry.client.download_artifacts(logged, "validation", str(tmp_path))
    assert (Path(path) / "drift.png").read_bytes()[:4] == b"\x89PNG"
    document = json.loads((Path(path) / "validation.json").read_text())
    assert document["whole"]["payments"] == found[1]["payments"]


def test_a_fold_is_judged_by_a_model_that_knew_nothing_of_it(
    registry: Registry,
    lake: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    scored: list[tuple[str, str | None]] = []
    score = validation.score_period

    def watching(lake: str, bundle: Path, begin: str | None, end: str | None) -> Any:
        scored.append((json.loads((bundle / "model.json").read_text())["labels_known_at"], begin))
        return score(lake, bundle, begin, end)

    monkeypatch.setattr(validation, "score_period", watching)
    words = ("--lake", lake, "--alias", "champion", "--to", "2019-11-10")
    code, _, told = run("validate", monkeypatch, capsys, *words, "--folds", 2, "--rounds", 5)
    assert code == 0, told
    logged = registry.client.get_model_version("weir", "1").run_id
    path = registry.client.download_artifacts(logged, "validation", str(tmp_path))
    folds = json.loads((Path(path) / "validation.json").read_text())["folds"]
    assert [(fold["from"], fold["to"]) for fold in folds] == [
        ("2019-09-27", "2019-10-19"),
        ("2019-10-19", "2019-11-10"),
    ]
    known = [known[:10] for known, begin in scored if begin in ("2019-09-27", "2019-10-19")]
    # The champion is asked of all; a fold's model knows what was known when its fold began.
    assert known == ["2019-09-27", "2019-09-27", "2019-10-19"]
    assert [value for _, value in curve(registry, "fold_average_precision")] == [
        pytest.approx(fold["average_precision"]) for fold in folds
    ]


def test_a_score_too_good_to_be_true_is_refused(
    registry: Registry,
    lake: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    raw, leaky = tmp_path / "raw", str(tmp_path / "lake")
    raw.mkdir()
    for path in (Path(lake).parent / "data/raw").glob("*.txt"):
        rows = [line.split(",") for line in path.read_text().splitlines()]
        for row in rows:
            if row[-1] == "2":  # No payment at a compromised terminal looks like one, but here.
                row[4] = "999.00"
        (raw / path.name).write_text("\n".join(map(",".join, rows)) + "\n")
    clean_lake(str(raw), leaky)
    training = {"rounds": 20, "valid_to": "2019-09-20"}
    train_bundle(leaky, tmp_path / "bundle", features={"spec": "weir"}, training=training)
    version = registry.register(tmp_path / "bundle", tags={})
    registry.set_challenger(version)
    code, _, told = run("validate", monkeypatch, capsys, "--lake", leaky, "--to", "2019-11-10")
    assert code == 1 and "a leak: average precision" in told, told
    assert registry.client.get_model_version("weir", str(version)).tags["validation"] == "failed"
    code, _, told = run("compare", monkeypatch, capsys, "--lake", leaky)
    assert code == 1 and f"version {version} has not passed its validation" in told
    assert registry.state()["champion"] == 1
    registry.drop_challenger()
