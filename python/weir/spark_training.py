"""Training for feature tables past one machine: xgboost.spark grows, `weir train` makes the bundle.

    features   by key, on the cluster            (weir.keyed_features)
    forest     SparkXGBClassifier, `workers` of  (its tasks hold the training rows between them)
    bundle     one task that holds the validation period: `weir train --forest`

Of the genuine payments of training one in `genuine_sample` may be kept, weighted by that number:
sums of gradients, and with them base rate and calibration, stay those of the whole table.
"""

import json
import secrets
import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

import weir
from weir import command
from weir.keyed_features import compute_features
from weir.lake import Lake, Manifest, Store
from weir.spark import run_tasks
from weir.tasks import Task
from weir.training import keep_bundle, take_bundle

XGBOOST_WORDS = {"depth": "max_depth", "eta": "learning_rate", "colsample": "colsample_bytree"}
"""Where `weir train` says it in another word than XGBoost."""
DEFAULTS = {
    "max_depth": 6,
    "learning_rate": 0.1,
    "min_child_weight": 10.0,
    "colsample_bytree": 1.0,
    "reg_lambda": 1.0,
    "max_bin": 256,
}
"""Those of `weir train`."""
EARLY_STOPPING = 50
NOT_HERE = ("search", "refit")
VALIDATION_SHARE = 5  # As `weir train`: a fifth of the days.


def train_on_spark(
    lake: str,
    out: Path,
    *,
    features: dict[str, Any],
    training: dict[str, Any],
    start: Callable[[], SparkSession],
    workers: int = 2,
    genuine_sample: int = 1,
    say: Callable[[str], None] = lambda text: None,
) -> Manifest:
    """Train on the newest state of a lake and put the bundle into `out`; gives that state.

    `features` and `training` are flags as of `weir.training.train_bundle`, less `search` and
    `refit`. `workers` tasks must fit the cluster at once. Two runs give forests of equal quality,
    not of equal bytes: XGBoost adds up in the order in which rows reach the workers.
    """
    for name in NOT_HERE:
        if training.get(name):
            raise weir.Error(f"--{name} needs the table in one task; leave out --workers")
    if workers < 1 or genuine_sample < 1:
        raise weir.Error("wanted at least one worker, and to keep one genuine payment in 1 or more")
    target = Lake(lake)
    run = secrets.token_hex(6)
    place = f"training/{run}"
    runner = run_tasks(start)
    delay = timedelta(days=int(str(features["label_delay"]).removesuffix("d")))
    try:
        table = compute_features(
            lake,
            target.store.url(f"{place}/table"),
            spec=features["spec"],
            label_delay_seconds=int(delay.total_seconds()),
            runner=runner,
            say=say,
        )
        periods = _periods(table, delay, training)
        grown = grow(
            _frame(start(), target.store, place, table), periods, training, workers, genuine_sample
        )
        say(f"a forest of {grown['origin']['parameters']['rounds']:.0f} trees")
        target.store.write(f"{place}/forest.ubj", grown["ubj"])
        target.store.write(f"{place}/forest.json", json.dumps(grown["origin"], indent=1).encode())
        task = {
            "lake": lake,
            "run": run,
            "files": table["files"],
            "periods": periods,
            "name": training.get("name"),
            "seed": training.get("seed"),
        }
        take_bundle(target.store, place, runner(_bundle, [task])[0], out)
    finally:
        target.store.delete(f"{place}/")
    return target.state(table["lake_state"])


def _periods(table: dict[str, Any], delay: timedelta, training: dict[str, Any]) -> dict[str, str]:
    first = min(file["from"] for file in table["files"])
    last = max(file["to"] for file in table["files"])
    day = timedelta(days=1)
    valid_to = date.fromisoformat(training.get("valid_to") or f"{date.fromisoformat(last) + day}")
    train_from = date.fromisoformat(training.get("train_from") or first)
    days = max(1, (valid_to - date.fromisoformat(first)).days // VALIDATION_SHARE)
    valid_from = valid_to - timedelta(days=days)
    train_to = valid_from - delay
    if train_to <= train_from:
        raise weir.Error(
            f"cannot train: before validation begins at {valid_from} no label is known "
            f"(they come {delay.days} days after the payment); give a longer lake"
        )
    names = ("train_from", "train_to", "valid_from", "valid_to")
    return {
        name: value.isoformat()
        for name, value in zip(names, (train_from, train_to, valid_from, valid_to), strict=True)
    }


def _frame(spark: SparkSession, store: Store, place: str, table: dict[str, Any]) -> DataFrame:
    # Spark's faster reader does not know the encoding of the inputs (BYTE_STREAM_SPLIT).
    spark.conf.set("spark.sql.parquet.enableVectorizedReader", "false")
    urls = [store.url(f"{place}/table/{file['path']}") for file in table["files"]]
    return spark.read.parquet(*(url.replace("s3://", "s3a://", 1) for url in urls))


def grow(
    table: DataFrame,
    periods: dict[str, str],
    training: dict[str, Any],
    workers: int,
    genuine_sample: int,
) -> dict[str, Any]:
    """The forest of a feature table: `ubj`, and `origin` as `weir train --forest` reads it.

    Stops EARLY_STOPPING rounds after the best average precision (XGBoost's aucpr) on validation.
    """
    from xgboost.spark import SparkXGBClassifier

    names = [name for name, kind in table.dtypes if kind == "float"]

    def within(begin: str, end: str) -> Any:
        time = f.col("event_time")
        return (time >= f.lit(periods[begin]).cast("timestamp")) & (
            time < f.lit(periods[end]).cast("timestamp")
        )

    learned, judged = within("train_from", "train_to"), within("valid_from", "valid_to")
    counted = table.where(learned).agg(
        f.count("*").alias("rows"), f.sum(f.col("is_fraud").cast("long")).alias("frauds")
    )
    rows, frauds = counted.first() or (0, 0)
    if not frauds or frauds == rows:
        raise weir.Error(
            f"cannot train on {rows} payments of which {frauds or 0} are fraud, from "
            f"{periods['train_from']} to {periods['train_to']}"
        )
    kept = f.col("is_fraud") | judged
    kept |= f.pmod(f.xxhash64("transaction_id"), f.lit(genuine_sample)) == 0
    sampled = ~f.col("is_fraud") & learned
    frame = table.where((learned | judged) & kept).select(
        *names,
        f.col("is_fraud").cast("double").alias("label"),
        f.when(sampled, float(genuine_sample)).otherwise(1.0).alias("weight"),
        judged.alias("is_validation"),
    )
    given = {
        XGBOOST_WORDS.get(name, name): training[name]
        for name in ("depth", "eta", "colsample")
        if training.get(name) is not None
    }
    parameters = {**DEFAULTS, **given}
    seed = training.get("seed") or 1
    classifier = SparkXGBClassifier(
        features_col=names,
        label_col="label",
        weight_col="weight",
        validation_indicator_col="is_validation",
        num_workers=workers,
        n_estimators=training.get("rounds") or 1000,
        early_stopping_rounds=EARLY_STOPPING,
        eval_metric="aucpr",
        tree_method="hist",
        base_score=frauds / rows,
        verbose=False,
        random_state=seed,
        **parameters,
    )
    booster = classifier.fit(frame).get_booster()
    booster = booster[: booster.best_iteration + 1]
    booster.feature_names = names
    import xgboost

    origin = {
        "train_from": periods["train_from"],
        "train_to": periods["train_to"],
        "rows": rows,
        "frauds": frauds,
        "parameters": {
            **{name: float(value) for name, value in parameters.items()},
            "rounds": float(booster.num_boosted_rounds()),
            "early_stopping_rounds": float(EARLY_STOPPING),
            "genuine_sample": float(genuine_sample),
            "workers": float(workers),
        },
        "xgboost": xgboost.__version__,
    }
    return {"ubj": bytes(booster.save_raw("ubj")), "origin": origin}


def _bundle(task: Task) -> list[str]:
    """Calibrates and judges on the validation period, and keeps the bundle beside the lake."""
    store, place, periods = Store(task["lake"]), f"training/{task['run']}", task["periods"]
    begin, end = (
        pa.scalar(date.fromisoformat(periods[name]))
        .cast(pa.timestamp("s"))
        .cast(pa.timestamp("s", "UTC"))
        for name in ("valid_from", "valid_to")
    )
    parts = []
    for file in task["files"]:
        if file["to"] < periods["valid_from"] or file["from"] >= periods["valid_to"]:
            continue
        part = pq.read_table(pa.BufferReader(store.read(f"{place}/table/{file['path']}")))
        time = part["event_time"]
        chosen = pc.and_(
            pc.greater_equal(time, begin.cast(time.type)), pc.less(time, end.cast(time.type))
        )
        parts.append(part.filter(chosen))
    with tempfile.TemporaryDirectory(prefix="weir-train-") as folder:
        root = Path(folder)
        pq.write_table(pa.concat_tables(parts), root / "validation.parquet")
        for name in ("forest.ubj", "forest.json"):
            (root / name).write_bytes(store.read(f"{place}/{name}"))
        options = {
            "forest": root / "forest.ubj",
            "valid_from": periods["valid_from"],
            "valid_to": periods["valid_to"],
            "name": task["name"],
            "seed": task["seed"],
        }
        command.run(
            "train", root / "validation.parquet", "--out", root / "bundle", *command.flags(options)
        )
        return keep_bundle(store, place, root / "bundle")
