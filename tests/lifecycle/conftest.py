"""The tests of the jobs and the stack run in .venv-lifecycle: tools/test.sh calls them apart."""

import os
from collections.abc import Iterator

import pytest
from stack_process import free_base_port, stack


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running S3 server of its own; gives the environment of its clients."""
    root, base = tmp_path_factory.mktemp("st"), free_base_port()
    done = stack(root, base, "up", "s3")
    assert done.returncode == 0, done.stdout + done.stderr
    environment = {}
    for line in (root / "env").read_text().splitlines():
        name, value = line.removeprefix("export ").split("=", 1)
        environment[name] = value.strip("'")
    before = dict(os.environ)
    os.environ.update(environment)
    yield environment
    os.environ.clear()
    os.environ.update(before)
    stack(root, base, "down")
