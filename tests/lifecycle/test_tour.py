"""examples/tour.py runs as it stands."""

import os
import subprocess
import sys
from pathlib import Path

from stack_process import ROOT
from weir.cleaning import clean_lake

WEIR = Path(os.environ.get("WEIR_BINARY", ROOT / "build/release/weir"))


def test_the_tour_ends_with_a_verdict(tmp_path: Path) -> None:
    small = ("--customers", "900", "--terminals", "12", "--days", "60", "--seed", "5", "--quiet")
    subprocess.run(
        [WEIR, "simulate", *small, "--out", tmp_path / "data"], check=True, capture_output=True
    )
    clean_lake(str(tmp_path / "data/raw"), str(tmp_path / "lake"))
    done = subprocess.run(
        [sys.executable, ROOT / "examples/tour.py", tmp_path / "lake"],
        env={**os.environ, "WEIR_HOME": str(ROOT), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "state 1: " in done.stdout
    verdict = done.stdout.split("verdict: ")[1].split(",")[0]
    assert verdict in ("promote", "keep", "inconclusive")
