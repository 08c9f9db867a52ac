"""Cleans course text with Polars or DuckDB by `weir clean`'s rules: rivals.py NAME INPUT OUT.

Each writes OUT/clean.parquet (zstd, sorted by time and id) and OUT/rejects.parquet. Both may take
for granted what holds for the real data: one file, terminals 0..999, the origin of tx_time_seconds.
"""

import sys
from pathlib import Path

ORIGIN = 1_566_432_000
COLUMNS = ["id", "time", "customer", "terminal", "amount", "seconds", "days", "fraud", "scenario"]


def clean_with_polars(source: str, out: Path) -> None:
    """One lazy plan, two sinks, the streaming engine."""
    import polars as pl

    types = dict.fromkeys(COLUMNS, pl.Int64) | {"time": pl.String, "amount": pl.Float64}
    rows = pl.scan_csv(
        source,
        has_header=False,
        skip_rows=1,
        new_columns=COLUMNS,
        schema_overrides=types,
        truncate_ragged_lines=True,
        ignore_errors=True,  # A cell that is no number becomes null.
        quote_char=None,
    )
    midnight = pl.col("time").str.ends_with(" 24:00:00")
    day = pl.col("time").str.slice(0, 10).str.to_datetime("%Y-%m-%d", strict=False)
    repaired = day.dt.offset_by("1d")
    time = pl.when(midnight & (repaired.dt.epoch("s") - pl.col("seconds") == ORIGIN)).then(repaired)
    time = time.otherwise(pl.col("time").str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False))
    typed = rows.select(
        pl.col("id").alias("transaction_id"),
        time.dt.cast_time_unit("us").alias("event_time"),
        pl.col("customer").alias("customer_id"),
        pl.col("terminal").alias("terminal_id"),
        (pl.col("amount") * 100).round().cast(pl.Int64).alias("amount_minor"),
        pl.col("fraud").cast(pl.Int8).alias("is_fraud"),
        pl.col("scenario").cast(pl.Int8).alias("fraud_scenario"),
    ).with_columns(
        (
            (pl.col("transaction_id") >= 0)
            & pl.col("event_time").is_not_null()
            & (pl.col("customer_id") >= 0)
            & pl.col("terminal_id").is_between(0, 999)
            & (pl.col("amount_minor") >= 0)
            & ((pl.col("is_fraud") != 0) == (pl.col("fraud_scenario") != 0))
        )
        .fill_null(value=False)
        .alias("good")
    )
    good = (
        typed.filter("good")
        .drop("good")
        .unique(subset="transaction_id", keep="first", maintain_order=True)
        .with_columns(pl.col("is_fraud").cast(pl.Boolean))
        .sort("event_time", "transaction_id")
    )
    sinks = [
        good.sink_parquet(
            out / "clean.parquet", compression="zstd", compression_level=1, lazy=True
        ),
        typed.filter(~pl.col("good")).sink_parquet(out / "rejects.parquet", lazy=True),
    ]
    pl.collect_all(sinks, engine="streaming")


def clean_with_duckdb(source: str, out: Path) -> None:
    """A table in memory; the first row of each id by the row number."""
    import duckdb

    base = duckdb.connect()
    types = dict.fromkeys(COLUMNS, "BIGINT") | {"time": "VARCHAR", "amount": "DOUBLE"}
    types |= {"fraud": "TINYINT", "scenario": "TINYINT"}
    names = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    # Lines with a cell that is no number go to the table reject_errors.
    base.execute(f"""
        CREATE TABLE typed AS
        SELECT id AS transaction_id,
               CASE WHEN time LIKE '% 24:00:00'
                    THEN CASE WHEN epoch(try_cast(time[:10] AS TIMESTAMP)) + 86400 - seconds
                                   = {ORIGIN}
                              THEN try_cast(time[:10] AS TIMESTAMP) + INTERVAL 1 DAY END
                    ELSE try_cast(time AS TIMESTAMP) END AS event_time,
               customer AS customer_id,
               terminal AS terminal_id,
               CAST(round(amount * 100) AS BIGINT) AS amount_minor,
               fraud AS is_fraud,
               scenario AS fraud_scenario
        FROM read_csv('{source}', skip = 1, header = false, delim = ',', quote = '', escape = '',
                      store_rejects = true, auto_detect = false, columns = {{{names}}})""")
    good = """coalesce(transaction_id >= 0 AND event_time IS NOT NULL AND customer_id >= 0
        AND terminal_id BETWEEN 0 AND 999 AND amount_minor >= 0
        AND (is_fraud <> 0) = (fraud_scenario <> 0), false)"""
    base.execute(
        f"CREATE TABLE firsts AS SELECT transaction_id, min(rowid) AS row, count(*) AS times "
        f"FROM typed WHERE {good} GROUP BY ALL"
    )
    base.execute(f"""
        COPY (SELECT * REPLACE (CAST(is_fraud AS BOOLEAN) AS is_fraud) FROM typed
              WHERE {good} AND rowid NOT IN (
                  SELECT typed.rowid FROM typed JOIN firsts USING (transaction_id)
                  WHERE times > 1 AND typed.rowid <> firsts.row)
              ORDER BY event_time, transaction_id)
        TO '{out / "clean.parquet"}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)""")
    base.execute(f"""
        COPY (SELECT * FROM typed WHERE NOT {good})
        TO '{out / "rejects.parquet"}' (FORMAT parquet)""")
    base.execute(f"COPY reject_errors TO '{out / 'unread.parquet'}' (FORMAT parquet)")


RIVALS = {"polars": clean_with_polars, "duckdb": clean_with_duckdb}

if __name__ == "__main__":
    out = Path(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    RIVALS[sys.argv[1]](sys.argv[2], out)
