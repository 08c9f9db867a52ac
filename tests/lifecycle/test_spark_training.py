"""`weir.spark_training`: a forest grown by xgboost.spark becomes a bundle like any other."""

import json
import sys
from pathlib import Path

import pytest
import weir
from conftest import MakeLake
from weir import command, spark
from weir.lake import Store
from weir.spark_training import train_on_spark
from weir.training import train_bundle

FEATURES = {"spec": "weir", "label_delay": "7d"}
TRAINING = {"name": "weir", "rounds": 60, "seed": 1, "valid_to": "2019-10-05"}


@pytest.fixture(scope="module")
def lake(make_lake: MakeLake) -> str:
    """A published lake of 60 days."""
    return make_lake(2000, 50, 60)


def model(bundle: Path) -> tuple[dict, dict]:
    """`model.json` and `metrics.json`."""
    return tuple(json.loads((bundle / name).read_text()) for name in ("model.json", "metrics.json"))


def test_the_cluster_s_forest_is_as_good_and_calibrated_under_sampling(
    lake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)

    def start():
        return spark.session("test", {"spark.driver.memory": "1g"})

    what = {"features": FEATURES, "training": TRAINING}
    try:
        train_on_spark(lake, tmp_path / "all", **what, start=start, workers=2)
        train_on_spark(lake, tmp_path / "some", **what, start=start, workers=2, genuine_sample=5)
        unlike = {**TRAINING, "search": 3}
        with pytest.raises(weir.Error, match="leave out --workers"):
            train_on_spark(lake, tmp_path / "no", features=FEATURES, training=unlike, start=start)
    finally:
        spark.stop()
    train_bundle(lake, tmp_path / "here", **what)
    assert Store(lake).list("training/") == []
    here, metrics_here = model(tmp_path / "here")
    for name, sample in (("all", 1), ("some", 5)):
        found, metrics = model(tmp_path / name)
        for period in ("training", "validation"):
            assert found[period] == here[period]
        assert found["feature_fingerprint"] == here["feature_fingerprint"]
        assert found["labels_known_at"] == here["labels_known_at"]
        assert found["parameters"]["genuine_sample"] == sample
        low = metrics_here["average_precision_interval"][0]
        assert metrics["average_precision"] > low, (metrics, metrics_here)
        # The bundle decides: it opens, and a later period can be judged by it.
        judged = command.run("evaluate", tmp_path / name, lake, "--out", tmp_path / f"{name}-page")
        assert judged
    # What the forest itself says of the whole period: sampling must not move the base rate.
    raw = [raw_mean(tmp_path / name, lake, tmp_path) for name in ("all", "some")]
    assert raw[1] == pytest.approx(raw[0], rel=0.15), raw


def raw_mean(bundle: Path, lake: str, tmp_path: Path) -> float:
    """Mean uncalibrated probability of a forest over the lake's last days."""
    import numpy as np
    import pyarrow.parquet as pq
    import xgboost

    table = tmp_path / "features.parquet"
    if not table.exists():
        command.run("features", lake, "--spec", "weir", "--out", table)
    frame = pq.read_table(table)
    columns = [field.name for field in frame.schema if str(field.type) == "float"]
    booster = xgboost.Booster(model_file=str(bundle / "forest.ubj"))
    rows = np.column_stack([frame[name].to_numpy() for name in columns])[-100_000:]
    matrix = xgboost.DMatrix(rows, feature_names=columns if booster.feature_names else None)
    return float(np.mean(booster.predict(matrix)))
