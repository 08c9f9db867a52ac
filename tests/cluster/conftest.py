"""One cluster for all stories."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from scene import Scene


@pytest.fixture(scope="session")
def scene(bundle: Path) -> Iterator[Scene]:
    """Started once; its processes end with the session."""
    # Not pytest's folder: the path of a socket is at most 107 characters long.
    folder = Path(os.environ["WEIR_CLUSTER_FOLDER"])
    try:
        made = Scene(folder, bundle)
        yield made
    except BaseException:
        for log in sorted((folder / "log").iterdir()):
            print(f"--- {log.name}\n{log.read_text()[-1500:]}")
        raise
    made.cluster.stop()
