"""Rival: Structured Streaming, pandas_udf, xgboost. Ready-made features in, decisions out.

spark_udf.py BROKERS FROM TO BUNDLE CHECKPOINT BATCH

Reads to the end of FROM; prints {"events": N, "seconds": S}, without the session's start and the
first batch, in which the JVM and the Python workers warm up.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost
from pyspark.sql import SparkSession
from pyspark.sql import functions as f
from pyspark.sql import types as t

ANSWER = t.StringType()


def main() -> None:
    """All of it."""
    brokers, source, target, bundle, checkpoint, batch = sys.argv[1:]
    forest_file = str(Path(bundle) / "forest.ubj")
    session = (
        SparkSession.builder.appName("rival")
        .master("local[2]")
        .config("spark.driver.memory", "1g")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.extraClassPath", f"{os.environ['WEIR_JARS']}/*")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.python.authenticate.socketTimeout", "120s")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )

    @f.pandas_udf(ANSWER)
    def score(batches: Iterator[tuple[pd.Series, pd.Series]]) -> Iterator[pd.Series]:
        forest = xgboost.Booster(model_file=forest_file)
        forest.set_param("nthread", 1)
        for ids, features in batches:
            inputs = np.stack(features.to_numpy()).astype(np.float32)
            margins = forest.inplace_predict(inputs, predict_type="margin")
            yield pd.Series(
                json.dumps({"transaction_id": number, "score": margin})
                for number, margin in zip(ids.tolist(), margins.tolist(), strict=True)
            )

    schema = t.StructType(
        [
            t.StructField("transaction_id", t.LongType()),
            t.StructField("features", t.ArrayType(t.FloatType())),
        ]
    )
    kafka = {"kafka.bootstrap.servers": brokers}
    rows = (
        session.readStream.format("kafka")
        .options(**kafka)
        .option("subscribe", source)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", batch)
        .option("minPartitions", 2)
        .load()
        .select(f.from_json(f.col("value").cast("string"), schema).alias("row"))
        .select("row.*")
    )
    answers = rows.select(
        f.col("transaction_id").cast("string").alias("key"),
        score("transaction_id", "features").alias("value"),
    )
    query = (
        answers.writeStream.format("kafka")
        .options(**kafka)
        .option("topic", target)
        .option("checkpointLocation", checkpoint)
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    batches = [p for p in query.recentProgress if p.numInputRows][1:]
    seconds = sum(p.batchDuration for p in batches) / 1e3
    print(json.dumps({"events": sum(p.numInputRows for p in batches), "seconds": seconds}))
    session.stop()


if __name__ == "__main__":
    main()
