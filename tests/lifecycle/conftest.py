"""The tests of the jobs and the stack run in .venv-lifecycle: tools/test.sh calls them apart."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stack_process import ROOT, free_base_port, read_environment, stack

BINARY = Path(os.environ.get("WEIR_BINARY", ROOT / "build/release/weir"))
MakeLake = Callable[..., str]
StartStack = Callable[..., dict[str, str]]


@pytest.fixture(scope="session")
def make_lake(tmp_path_factory: pytest.TempPathFactory) -> MakeLake:
    """Gives a published lake of a simulation of that size."""

    def make(customers: int, terminals: int, days: int) -> str:
        from weir.cleaning import clean_lake

        os.environ["WEIR_HOME"] = str(ROOT)
        root = tmp_path_factory.mktemp("lake")
        size = ("--customers", customers, "--terminals", terminals, "--days", days, "--seed", 5)
        subprocess.run(
            [BINARY, "simulate", *map(str, size), "--out", root / "data", "--quiet"],
            check=True,
            capture_output=True,
        )
        clean_lake(str(root / "data/raw"), str(root / "lake"))
        return str(root / "lake")

    return make


@pytest.fixture(scope="session")
def stack_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartStack]:
    """Starts services in a folder of their own; gives the environment of their clients."""
    roots: list[tuple[Path, int]] = []

    def start(*services: str) -> dict[str, str]:
        root, base = tmp_path_factory.mktemp("st"), free_base_port()
        roots.append((root, base))
        done = stack(root, base, "up", *services)
        assert done.returncode == 0, done.stdout + done.stderr
        return read_environment(root)

    yield start
    for root, base in roots:
        stack(root, base, "down")


@pytest.fixture(scope="session")
def s3(stack_of_its_own: StartStack) -> Iterator[dict[str, str]]:
    """A running S3 server of its own; gives the environment of its clients."""
    before = dict(os.environ)
    found = stack_of_its_own("s3")
    os.environ.update(found)
    yield found
    os.environ.clear()
    os.environ.update(before)
