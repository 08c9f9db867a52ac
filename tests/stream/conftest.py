"""The stream's tests run in .venv-stream against a real broker: tools/test.sh calls them apart."""

from collections.abc import Iterator

import pytest
from broker import Broker


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One Kafka node on free ports."""
    found = Broker(tmp_path_factory.mktemp("kafka"))
    yield found
    found.stop()
