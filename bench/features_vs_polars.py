"""Window features of the handbook's payments: weir against Polars, two cores each, A B A B.

    python bench/features_vs_polars.py ../shared/data/handbook-2018.csv.zst

Twelve features: the customer's count and mean amount over 1, 7 and 30 days, the terminal's count
and risk over the same windows after a delay of 7 days; columns in memory to columns in memory.
First the answers are compared: counts exactly, means and risks to 1e-6, except in rows that share
key and second with another (Polars counts both, an event-at-a-time engine only the earlier one).
Needs polars (requirements/bench.in) and the built benchmark.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "build/release/bench/features_bench"
DAYS = (1, 7, 30)
DELAY = 7
ROUNDS = 5


def load(source: str) -> pl.DataFrame:
    """The payments in batch order, under weir's names."""
    raw = pl.read_csv(source, try_parse_dates=True)
    return raw.select(
        transaction_id=pl.col("TRANSACTION_ID"),
        event_time=pl.col("TX_DATETIME").cast(pl.Datetime("us", "UTC")),
        customer_id=pl.col("CUSTOMER_ID"),
        terminal_id=pl.col("TERMINAL_ID"),
        amount_minor=(pl.col("TX_AMOUNT") * 100).round().cast(pl.Int64),
        is_fraud=pl.col("TX_FRAUD") == 1,
    ).sort("event_time", "transaction_id")


def spec() -> str:
    """The same twelve features as weir's spec."""
    customer = [
        f'{{ key = "customer", aggregate = "{word}", window = "{days}d" }}'
        for days in DAYS
        for word in ("count", "mean")
    ]
    terminal = [
        f'{{ key = "terminal", aggregate = "{word}", window = "{days}d", delay = "{DELAY}d" }}'
        for days in DAYS
        for word in ("count", "risk")
    ]
    return "input = [\n" + ",\n".join(customer + terminal) + "]\n"


def polars_features(payments: pl.DataFrame) -> pl.DataFrame:
    """Polars' quickest way: rolling_*_by over the key; a delayed window is a difference of two."""

    def rolling(column: str, days: int, key: str) -> pl.Expr:
        return pl.col(column).rolling_sum_by("event_time", f"{days}d", closed="right").over(key)

    sums = payments.with_columns(
        *(rolling("one", d, "customer_id").alias(f"n{d}") for d in DAYS),
        *(rolling("roubles", d, "customer_id").alias(f"s{d}") for d in DAYS),
        *(
            rolling("one", d, "terminal_id").alias(f"t{d}")
            for d in (DELAY, *(x + DELAY for x in DAYS))
        ),
        *(
            rolling("fraud", d, "terminal_id").alias(f"f{d}")
            for d in (DELAY, *(x + DELAY for x in DAYS))
        ),
    )
    columns = []
    for d in DAYS:
        columns += [
            pl.col(f"n{d}").cast(pl.Float32).alias(f"customer_count_{d}"),
            (pl.col(f"s{d}") / pl.col(f"n{d}")).cast(pl.Float32).alias(f"customer_mean_{d}"),
        ]
    for d in DAYS:
        count = pl.col(f"t{d + DELAY}") - pl.col(f"t{DELAY}")
        fraud = pl.col(f"f{d + DELAY}") - pl.col(f"f{DELAY}")
        columns += [
            count.cast(pl.Float32).alias(f"terminal_count_{d}"),
            pl.when(count > 0).then(fraud / count).otherwise(0).cast(pl.Float32).alias(f"risk_{d}"),
        ]
    return sums.select(columns)


def compare(payments: pl.DataFrame, theirs: pl.DataFrame, ours: np.ndarray) -> None:
    """Exit unless both have the same answer in all rows but those of a tie."""
    for key, part in (("customer_id", slice(0, 6)), ("terminal_id", slice(6, 12))):
        tied = payments.select(pl.struct(key, "event_time").is_duplicated()).to_series().to_numpy()
        # A tie of the key reaches as far as its second only.
        for name, got in zip(theirs.columns[part], ours[part], strict=True):
            wanted = theirs[name].to_numpy()
            same = (
                np.isclose(got, wanted, rtol=1e-6, atol=1e-9)
                if "count" not in name
                else got == wanted
            )
            wrong = int((~same & ~tied).sum())
            print(f"  {name:<20} {int((~same).sum())} rows differ, all but {wrong} of them ties")
            if wrong:
                sys.exit(f"{name}: {wrong} rows differ that are no ties")


def main() -> None:
    """Compare the answers, then time in turns."""
    payments = load(sys.argv[1])
    ready = payments.with_columns(
        one=pl.lit(1, pl.Int64),
        roubles=pl.col("amount_minor") / 100,
        fraud=pl.col("is_fraud").cast(pl.Int64),
    )
    with tempfile.TemporaryDirectory() as folder:
        file, toml, dump = (Path(folder) / name for name in ("p.parquet", "s.toml", "f.bin"))
        payments.with_columns(fraud_scenario=pl.lit(0, pl.Int8)).write_parquet(file)
        toml.write_text(spec())

        def weir_seconds() -> float:
            command = [BENCH, "--payments", file, "--spec", toml, "--dump", dump, "--threads", "2"]
            return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

        weir_seconds()
        ours = np.fromfile(dump, np.float32).reshape(12, payments.height)
        compare(payments, polars_features(ready), ours)
        threads = pl.thread_pool_size()
        print(f"{payments.height} rows, 12 features, polars {pl.__version__}, {threads} threads")
        weir, polars = [], []
        for _ in range(ROUNDS):
            weir.append(weir_seconds())
            start = time.perf_counter()
            polars_features(ready)
            polars.append(time.perf_counter() - start)
        ratios = [b / a for a, b in zip(weir, polars, strict=True)]
        for name, seconds in (("weir", weir), ("polars", polars)):
            middle = statistics.median(seconds)
            print(
                f"{name:<8} median {middle:.3f} s ({min(seconds):.3f} to {max(seconds):.3f})"
                f" = {payments.height / middle / 1e6:.1f} M rows/s"
            )
        middle = statistics.median(ratios)
        print(f"ratio    median {middle:.1f} ({min(ratios):.1f} to {max(ratios):.1f})")


if __name__ == "__main__":
    main()
