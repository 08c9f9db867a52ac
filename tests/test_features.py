"""weir features: equal to the handbook's published inputs, and to itself whatever the threads."""

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import ROOT, Run

WINDOWS = (1, 7, 30)
PUBLISHED = (
    {"TX_DURING_WEEKEND": "is_weekend", "TX_DURING_NIGHT": "is_night"}
    | {f"CUSTOMER_ID_NB_TX_{d}DAY_WINDOW": f"customer_count_{d}d" for d in WINDOWS}
    | {f"CUSTOMER_ID_AVG_AMOUNT_{d}DAY_WINDOW": f"customer_mean_{d}d" for d in WINDOWS}
    | {f"TERMINAL_ID_NB_TX_{d}DAY_WINDOW": f"terminal_count_{d}d_delay_7d" for d in WINDOWS}
    | {f"TERMINAL_ID_RISK_{d}DAY_WINDOW": f"terminal_risk_{d}d_delay_7d" for d in WINDOWS}
)


def shared_data() -> Path:
    """The folder of the handbook's published data; skips the test where there is none."""
    for folder in (ROOT.parent / "shared/data", Path(os.environ.get("WEIR_SHARED_DATA", "."))):
        if (folder / "handbook-2018.csv.zst").exists():
            return folder
    pytest.skip("the handbook's published data are not here; set WEIR_SHARED_DATA to their folder")


def test_the_handbook_spec_gives_the_published_inputs(succeed: Run, tmp_path: Path) -> None:
    data = shared_data()
    table = tmp_path / "week.parquet"
    succeed("clean", data / "handbook-2018.csv.zst", "--out", tmp_path / "lake")
    succeed(
        *("features", tmp_path / "lake", "--spec", "handbook", "--out", table),
        *("--from", "2018-07-25", "--to", "2018-08-01"),
    )
    ours = pq.read_table(table).sort_by("transaction_id")
    theirs = pq.read_table(data / "handbook-2018-features-week.parquet").sort_by("TRANSACTION_ID")
    assert ours["transaction_id"].to_pylist() == theirs["TRANSACTION_ID"].to_pylist()
    for published, name in PUBLISHED.items():
        wanted = theirs[published].to_numpy().astype(np.float64)
        got = ours[name].to_numpy().astype(np.float64)
        if "AVG" in published or "RISK" in published:
            # pandas' rolling sums drift: a mean of 0 is published as 9e-15.
            np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-12, err_msg=name)
        else:
            np.testing.assert_array_equal(got, wanted, err_msg=name)


def test_threads_and_history_do_not_change_a_byte(succeed: Run, lake: Path, tmp_path: Path) -> None:
    for threads in (1, 2):
        succeed(
            *("features", lake, "--threads", threads, "--out", tmp_path / f"{threads}.parquet"),
            *("--from", "2019-09-25", "--to", "2019-09-30"),
        )
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()
    succeed("features", lake, "--out", tmp_path / "all.parquet")
    part = pq.read_table(tmp_path / "1.parquet")
    whole = pq.read_table(tmp_path / "all.parquet")
    first = whole["transaction_id"].to_pylist().index(part["transaction_id"][0].as_py())
    assert part.num_rows > 1000
    assert first > 1000
    assert part.equals(whole.slice(first, part.num_rows))


def test_a_bad_spec_or_period_leaves_no_file(weir: Run, lake: Path, tmp_path: Path) -> None:
    spec = tmp_path / "mine.toml"
    out = tmp_path / "features.parquet"
    spec.write_text('input = [\n  { key = "customer", aggregate = "cuont", window = "1d" },\n]\n')
    done = weir("features", lake, "--spec", spec, "--out", out)
    assert done.returncode == 1
    assert 'line 2: unknown aggregate "cuont"; did you mean "count"?' in done.stderr
    done = weir("features", lake, "--spec", "wier", "--out", out)
    assert done.returncode == 2
    assert 'unknown feature spec "wier"; built in are "handbook", "weir" and "card"' in done.stderr
    done = weir("features", lake, "--from", "2019-10-01", "--to", "2019-09-01", "--out", out)
    assert done.returncode == 2
    done = weir("features", lake, "--from", "2030-01-01", "--out", out)
    assert done.returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]
