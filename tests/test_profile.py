"""weir profile: a lake and its raw files give the same page, with the lake's own numbers."""

import json
from pathlib import Path

from conftest import Run


def test_the_profile_of_raw_files_is_that_of_their_lake(
    succeed: Run, simulated: Path, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    succeed("clean", simulated / "raw", "--terminals", "0..3", "--out", lake)
    succeed("profile", lake, "--out", tmp_path / "of_lake")
    succeed("profile", simulated / "raw", "--terminals", "0..3", "--out", tmp_path / "of_raw")
    of_lake = json.loads((tmp_path / "of_lake/profile.json").read_text())
    of_raw = json.loads((tmp_path / "of_raw/profile.json").read_text())
    assert of_lake == of_raw
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lake", "of_lake", "of_raw"]

    planted = json.loads((simulated / "truth/planted.json").read_text())
    clean = planted["clean"]
    assert {name: of_lake[name] for name in clean} == clean
    assert of_lake["cleaning"]["rules"]["duplicate_row"]["rows"] > 0
    assert sum(day["rows"] for day in of_lake["days"]) == clean["rows"]
    assert len(of_lake["drift"]["columns"]) == 6


def test_the_page_loads_nothing(succeed: Run, simulated: Path, tmp_path: Path) -> None:
    done = succeed("profile", simulated / "raw", "--out", tmp_path / "profile")
    assert "report: " in done.stdout
    page = (tmp_path / "profile/profile.html").read_text()
    assert page.count("<svg") >= 8
    for foreign in ("<script", "<link", "<img", "@import", "url("):
        assert foreign not in page
    for section in ("Over time", "Fraud by scenario", "Amounts", "Defects found by cleaning"):
        assert section in page


def test_a_split_outside_the_data_is_wrong_use(weir: Run, simulated: Path, tmp_path: Path) -> None:
    done = weir("profile", simulated / "raw", "--split", "2001-01-01", "--out", tmp_path / "x")
    assert done.returncode == 2
    assert "no payment on one side of 2001-01-01 00:00:00" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_neither_lake_nor_raw_is_named(weir: Run, tmp_path: Path) -> None:
    done = weir("profile", tmp_path / "nothing", "--out", tmp_path / "x")
    assert done.returncode == 1
    assert "nothing" in done.stderr
    assert list(tmp_path.iterdir()) == []
