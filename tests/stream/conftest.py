"""The stream's tests run in .venv-stream against a real broker: tools/test.sh calls them apart."""

from collections.abc import Iterator

import pytest
from broker import Broker, free_ports


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One Kafka node on free ports, which shows its figures."""
    found = Broker(tmp_path_factory.mktemp("kafka"), metrics_port=free_ports())
    yield found
    found.stop()
