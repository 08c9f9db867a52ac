"""Cleaning and features as an idiomatic PySpark job does them: built-in functions, no Python rows.

Cleaning: `weir clean`'s rules on course text. Features: the handbook's, with its own names.
"""

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as f

ORIGIN = 1_566_432_000
DAY = 86_400
TYPES = "id long, time string, customer long, terminal long, amount double"
TYPES += ", seconds long, days long, fraud int, scenario int"


def clean(spark: SparkSession, source: str, out: str, terminals: int) -> None:
    """Write OUT/clean by date, sorted within a file, and OUT/rejects."""
    rows = (
        spark.read.schema(TYPES)
        .option("header", False)
        .option("comment", "#")
        .option("mode", "PERMISSIVE")
        .csv(source)
        .withColumn("file", f.input_file_name())
        .withColumn("row", f.monotonically_increasing_id())
    )
    day = f.try_to_timestamp(f.substring("time", 1, 10), f.lit("yyyy-MM-dd"))
    midnight = day + f.expr("INTERVAL 1 DAY")
    repaired = f.when(f.unix_timestamp(midnight) - f.col("seconds") == ORIGIN, midnight)
    time = f.when(f.col("time").endswith(" 24:00:00"), repaired).otherwise(
        f.try_to_timestamp("time", f.lit("yyyy-MM-dd HH:mm:ss"))
    )
    typed = rows.select(
        f.col("id").alias("transaction_id"),
        time.alias("event_time"),
        f.col("customer").alias("customer_id"),
        f.col("terminal").alias("terminal_id"),
        f.round(f.col("amount") * 100).cast("long").alias("amount_minor"),
        (f.col("fraud") != 0).alias("is_fraud"),
        f.col("scenario").cast("byte").alias("fraud_scenario"),
        "file",
        "row",
    )
    good = (
        (f.col("transaction_id") >= 0)
        & f.col("event_time").isNotNull()
        & (f.col("customer_id") >= 0)
        & f.col("terminal_id").between(0, terminals - 1)
        & (f.col("amount_minor") >= 0)
        & (f.col("is_fraud") == (f.col("fraud_scenario") != 0))
    )
    typed = typed.withColumn("good", f.coalesce(good, f.lit(False))).cache()
    first = Window.partitionBy("transaction_id").orderBy("file", "row")
    (
        typed.filter("good")
        .withColumn("copy", f.row_number().over(first))
        .filter("copy = 1")
        .withColumn("date", f.to_date("event_time"))
        .drop("copy", "good", "file", "row")
        .repartition("date")
        .sortWithinPartitions("date", "event_time", "transaction_id")
        .write.mode("overwrite")
        .option("compression", "zstd")
        .partitionBy("date")
        .parquet(f"{out}/clean")
    )
    typed.filter("not good").write.mode("overwrite").parquet(f"{out}/rejects")
    typed.unpersist()


def features(payments: DataFrame) -> DataFrame:
    """The handbook's inputs by window functions over ranges of seconds."""
    at = f.col("at")
    rows = payments.withColumn("at", f.unix_timestamp("event_time"))
    columns: dict[str, Column] = {
        "amount": (f.col("amount_minor") / 100).cast("float"),
        "is_weekend": f.dayofweek("event_time").isin(1, 7).cast("float"),
        "is_night": (f.hour("event_time") <= 6).cast("float"),
    }
    customer = Window.partitionBy("customer_id").orderBy(at)
    terminal = Window.partitionBy("terminal_id").orderBy(at)
    for days in (1, 7, 30):
        seen = customer.rangeBetween(1 - days * DAY, 0)
        columns[f"customer_count_{days}d"] = f.count("*").over(seen).cast("float")
        columns[f"customer_mean_{days}d"] = (f.avg("amount_minor").over(seen) / 100).cast("float")
    for days in (1, 7, 30):
        known = terminal.rangeBetween(1 - (days + 7) * DAY, -7 * DAY)
        columns[f"terminal_count_{days}d_delay_7d"] = f.count("*").over(known).cast("float")
        risk = f.avg(f.col("is_fraud").cast("double")).over(known)
        columns[f"terminal_risk_{days}d_delay_7d"] = f.coalesce(risk, f.lit(0.0)).cast("float")
    return rows.withColumns(columns).drop("at")
