"""What the tests of the commands share: the built binary, small data, a lake and a bundle of it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("WEIR_BINARY", ROOT / "build/release/weir"))

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def weir() -> Run:
    """Run `weir` with these arguments; the exit code is the caller's to check."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        command = [str(BINARY), *map(str, arguments)]
        defaults = {"capture_output": True, "text": True, "timeout": 300}
        return subprocess.run(command, **{**defaults, **options})

    return run


@pytest.fixture(scope="session")
def succeed(weir: Run) -> Run:
    """Run `weir`; fail the test with its stderr unless it exits with 0."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        done = weir(*arguments, **options)
        assert done.returncode == 0, f"weir {' '.join(map(str, arguments))}\n{done.stderr}"
        return done

    return run


@pytest.fixture(scope="session")
def simulated(succeed: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with raw/ and truth/ of a small simulation that holds every planted defect."""
    out = tmp_path_factory.mktemp("simulated") / "data"
    succeed(
        *("simulate", "--preset", "course-small", "--customers", 2000, "--terminals", 4),
        *("--days", 45, "--defects", 20, "--seed", 5, "--out", out),
    )
    return out


@pytest.fixture(scope="session")
def lake(succeed: Run, simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake that `weir clean` makes of the simulation."""
    out = tmp_path_factory.mktemp("lake") / "lake"
    succeed("clean", simulated / "raw", "--terminals", "0..3", "--out", out)
    return out


@pytest.fixture(scope="session")
def features(succeed: Run, lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feature table of the whole lake."""
    out = tmp_path_factory.mktemp("features") / "features.parquet"
    succeed("features", lake, "--spec", "weir", "--out", out)
    return out


@pytest.fixture(scope="session")
def bundle(succeed: Run, features: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model bundle trained on the feature table."""
    out = tmp_path_factory.mktemp("bundle") / "bundle"
    succeed("train", features, "--out", out)
    return out


SCENARIOS = """
[[scenario]]
name = "loop"
false_positive_rate = 0.04
[[scenario]]
name = "no loop"
closed = false
"""


@pytest.fixture(scope="session")
def stream(succeed: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with truth/, lake/ and a bundle with beliefs, of what was known by 2019-09-23."""
    out = tmp_path_factory.mktemp("loop")
    succeed(
        *("simulate", "--preset", "course-small", "--customers", 10_000, "--terminals", 10),
        *("--days", 45, "--terminal-starts", 0.3, "--customer-starts", 5, "--seed", 3),
        *("--defects", 0, "--out", out),
    )
    succeed("clean", out / "raw", "--out", out / "lake")
    succeed(
        *("train", out / "lake", "--beliefs", "--valid-to", "2019-09-16", "--rounds", 60),
        *("--out", out / "bundle"),
    )
    (out / "scenarios.toml").write_text(SCENARIOS)
    return out
