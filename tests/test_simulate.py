"""weir simulate through the command line: presets, flags over them, and what cleaning finds."""

import json
from pathlib import Path

import pytest
from conftest import Run


@pytest.mark.parametrize(
    ("arguments", "midnight", "warm"),
    [
        (("--preset", "handbook"), True, False),
        (("--preset", "handbook", "--random-starts"), False, False),
        (("--preset", "course-small"), False, True),
        (("--preset", "course-small", "--cold-start"), False, False),
    ],
)
def test_a_flag_replaces_the_presets_parameter_only_where_it_is_given(
    succeed: Run, tmp_path: Path, arguments: tuple[str, ...], midnight: bool, warm: bool
) -> None:
    done = succeed(
        *("simulate", *arguments, "--customers", 50, "--customer-starts", 1, "--days", 2),
        *("--json", "--out", tmp_path / "data"),
    )
    parameters = json.loads(done.stdout)["parameters"]
    assert (parameters["midnight_starts"], parameters["warm_start"]) == (midnight, warm)


def test_cleaning_finds_exactly_what_was_planted(succeed: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    succeed(
        *("simulate", "--customers", 2000, "--terminals", 20, "--days", 70, "--defects", 500),
        *("--out", data),
    )
    succeed("clean", data / "raw", "--terminals", "0..19", "--out", data)
    planted = json.loads((data / "truth/planted.json").read_text())
    report = json.loads((data / "reports/clean.json").read_text())
    for rule, tally in planted["defect_totals"].items():
        assert tally["rows"] > 0, rule
        found = report["rules"][rule]
        assert {name: found[name] for name in tally} == tally, rule
    for planted_name, report_name in [
        ("clean", "clean"),
        ("duplicates", "dropped"),
        ("quarantined", "quarantined"),
    ]:
        tally = planted[planted_name]
        assert {name: report[report_name][name] for name in tally} == tally, report_name


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--preset", "cours"), "wanted course, course-small or handbook; nearest is course"),
        (("--start", "yesterday"), '--start is "yesterday", wanted a date like 2019-08-22'),
        (("--order", "amount"), '--order is "amount", wanted customer or time'),
        (("--terminal-episode", "long"), "wanted a duration like 28d, 36h or 90m"),
        (("--days", "0"), "--days is 0, wanted 1 to 100000"),
    ],
)
def test_wrong_parameters_are_named(
    weir: Run, tmp_path: Path, arguments: tuple[str, ...], text: str
) -> None:
    done = weir("simulate", *arguments, "--out", tmp_path / "data")
    assert done.returncode == 2
    assert text in done.stderr
    assert not (tmp_path / "data").exists()
