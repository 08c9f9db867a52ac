"""`weir.registry`: bundles in MLflow, aliases, promotion and roll-back; `weir.training`."""

import json
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import mlflow
import pyarrow as pa
import pytest
import weir
from conftest import BINARY, MakeLake
from weir import validation
from weir.registry import CHAMPION, Registry
from weir.training import train_bundle


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry in a file of its own: no server."""
    root = tmp_path_factory.mktemp("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{root}/mlflow.db")
    mlflow.create_experiment("weir", artifact_location=f"file://{root}/artifacts")
    yield Registry()
    mlflow.set_tracking_uri("")


@pytest.fixture(scope="module")
def lake(make_lake: MakeLake) -> str:
    """A published lake of six weeks."""
    return make_lake(800, 4, 45)


@pytest.fixture(scope="module")
def bundles(lake: str, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two bundles of the same lake."""
    root = tmp_path_factory.mktemp("bundles")
    for seed, rounds in ((1, 10), (2, 20)):
        train_bundle(
            lake,
            root / str(seed),
            features={"spec": "weir"},
            training={"rounds": rounds, "seed": seed, "valid_to": "2019-09-20"},
        )
    return [root / "1", root / "2"]


def test_a_trained_bundle_equals_the_commands(
    lake: str, bundles: list[Path], tmp_path: Path
) -> None:
    run = {"check": True, "capture_output": True}
    table = tmp_path / "features.parquet"
    subprocess.run([BINARY, "features", lake, "--out", table], **run)
    words = ("--rounds", "10", "--seed", "1", "--valid-to", "2019-09-20")
    subprocess.run([BINARY, "train", table, "--out", tmp_path / "bundle", *words], **run)
    for path in bundles[0].iterdir():
        assert path.read_bytes() == (tmp_path / "bundle" / path.name).read_bytes(), path.name


def test_a_model_lives_and_is_rolled_back(
    registry: Registry, bundles: list[Path], tmp_path: Path
) -> None:
    tags = {"lake_state": "1", "git_commit": "abc"}
    first = registry.register(bundles[0], tags=tags)
    second = registry.register(bundles[1], tags=tags)
    assert (first, second) == (1, 2)
    assert registry.register(bundles[0], tags=tags) == 1, "the same bytes are the same version"
    assert registry.state() == {
        "champion": None,
        "challenger": None,
        "trial": None,
        "previous": None,
    }
    with pytest.raises(weir.Error, match="no previous champion"):
        registry.roll_back()
    registry.promote(first, instead_of=None)
    registry.set_challenger(second)
    registry.promote(second, instead_of=first)
    assert registry.state() == {"champion": 2, "challenger": None, "trial": None, "previous": 1}
    registry.promote(second, instead_of=first)  # Again: nothing changes.
    assert registry.state()["previous"] == 1
    assert registry.roll_back() == 1
    assert registry.state() == {"champion": 1, "challenger": None, "trial": None, "previous": 2}
    bundle = registry.fetch(2, tmp_path)
    assert (bundle / "forest.ubj").read_bytes() == (bundles[1] / "forest.ubj").read_bytes()
    about = registry.client.get_model_version("weir", "2").tags
    assert about["bundle_version"] == weir.load_model(bundles[1]).version
    assert about["lake_state"] == "1"


def test_mlflows_own_loader_scores_as_the_core_does(
    registry: Registry, bundles: list[Path], lake: str
) -> None:
    version = registry.register(bundles[0], tags={})
    registry.promote(version, instead_of=registry.version_of(CHAMPION))
    rows = validation.score_period(lake, bundles[0], "2019-09-30", None)
    model = mlflow.pyfunc.load_model("models:/weir@champion")
    names = weir.load_model(bundles[0]).feature_names
    scores = model.predict(rows.select(names).to_pandas())
    assert scores["margin"].to_numpy().tobytes() == rows["margin"].to_numpy().tobytes()


def test_a_folder_follows_an_alias(registry: Registry, bundles: list[Path], tmp_path: Path) -> None:
    link = tmp_path / "serving" / "champion"
    assert registry.publish("nobody", link) is None
    assert not link.exists()
    followed = []
    for bundle in (bundles[0], bundles[1], bundles[0]):
        version = registry.register(bundle, tags={})
        registry.client.set_registered_model_alias(registry.name, "followed", str(version))
        assert registry.publish("followed", link) == version
        assert registry.publish("followed", link) == version
        followed.append(weir.load_model(link).version)
    assert followed[0] == followed[2] != followed[1]
    assert {path.name[0] for path in link.parent.iterdir()} == {"c"}, "nothing is left behind"


def test_an_artifact_that_was_changed_is_refused(
    registry: Registry, bundles: list[Path], tmp_path: Path
) -> None:
    version = registry.register(bundles[1], tags={})
    registry.client.set_model_version_tag("weir", str(version), "sha256", "0" * 64)
    with pytest.raises(weir.Error, match="the artifact was changed"):
        registry.fetch(version, tmp_path)


def test_slices_and_drift_are_the_cores_numbers(lake: str, bundles: list[Path]) -> None:
    rows = validation.score_period(lake, bundles[0], "2019-09-27", None)
    whole = validation.measures(rows)
    assert whole is not None and whole["payments"] == rows.num_rows
    found = validation.slices(rows)
    assert sum(part["payments"] for part in found["week"].values()) <= rows.num_rows
    assert validation.drift(rows, rows, ["margin"])["margin"] == 0
    moved = rows.set_column(
        rows.column_names.index("margin"), "margin", pa.array(rows["margin"].to_numpy() + 5)
    )
    assert validation.drift(rows, moved, ["margin"])["margin"] > 0.25


def test_drift_is_against_windows_that_were_full(
    lake: str, bundles: list[Path], tmp_path: Path
) -> None:
    trained = json.loads((bundles[0] / "model.json").read_text())["training"]
    whole = (trained["from"][:10], trained["to"][:10])
    assert validation.look_back(weir.load_model(bundles[0]).feature_spec) == timedelta(days=35)
    assert validation.learned_period(lake, bundles[0]) == whole, "nothing would be left"
    spec = tmp_path / "short.toml"
    spec.write_text(
        'name = "short"\ninput = [\n'
        '  { key = "customer", aggregate = "count", window = "3d" },\n'
        '  { key = "terminal", aggregate = "risk", window = "36h", delay = "2d" },\n]\n'
    )
    short = tmp_path / "short"
    training = {"rounds": 2, "seed": 1, "valid_to": "2019-09-20"}
    train_bundle(lake, short, features={"spec": spec}, training=training)
    assert validation.look_back(weir.load_model(short).feature_spec) == timedelta(hours=84)
    assert validation.learned_period(lake, short) == ("2019-08-26", whole[1]), "3.5 days later"


def test_frauds_of_few_terminals_are_little_evidence() -> None:
    def frauds(*counts: int) -> int:
        ids = [terminal for terminal, count in enumerate(counts) for _ in range(count)]
        rows = {"terminal_id": [99, *ids], "is_fraud": [False, *[True] * len(ids)]}
        return validation.fraud_terminals(pa.table(rows))

    assert (frauds(), frauds(7), frauds(80, 20), frauds(79, 21)) == (0, 1, 1, 2)
    assert frauds(*[10] * 10) == 8


def test_a_model_against_itself_is_not_promoted(lake: str, bundles: list[Path]) -> None:
    rows = validation.score_period(lake, bundles[0], "2019-09-27", None).combine_chunks()
    judged = weir.compare(rows, rows, rows)
    assert judged["verdict"] != "promote"
    assert judged["damage_roubles_per_30_days"]["difference"] == 0
    assert judged["differing"] == 0
