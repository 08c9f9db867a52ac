"""The autoscaler on a real Kubernetes: workers come when CPU or lag asks for them, take partitions
over under load, and leave when it is over; each event is out once."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker import Topics
from cluster import wait
from metrics import LAG, Metrics
from scene import BROKERS, PARTITIONS, VALUES, Produced, Release, Scene, check_topics, said

MOST = 3


def wanted(prefix: str, cpu_request: str, cpu_limit: str, **autoscaling: int) -> dict:
    """Workers alone, on topics of their own."""
    resources = {
        "requests": {"cpu": cpu_request, "memory": "128Mi"},
        "limits": {"cpu": cpu_limit, "memory": "1Gi"},
    }
    return {
        **VALUES,
        "service": {"enabled": False},
        "stream": {
            "enabled": True,
            "brokers": BROKERS,
            "topics": {kind: f"{prefix}.{kind}" for kind in ("events", "decisions", "rejects")},
            "group": prefix,
            "stateSize": "256Mi",
            "resources": resources,
            "settings": {"session_timeout_ms": 6000},
        },
        "autoscaling": {"enabled": True, "min": 1, "max": MOST, **autoscaling},
    }


@pytest.fixture(scope="module")
def metrics(scene: Scene) -> Iterator[Metrics]:
    """What the autoscaler asks, for both stories."""
    made = Metrics(scene.cluster)
    yield made
    made.stop()


def installed(scene: Scene, name: str, values: dict) -> Release:
    """A release of one worker."""
    for number in range(MOST):
        scene.cluster.volume(f"{name}-{number}", "ReadWriteOnce", "256Mi")
    made = Release(scene, name, values)
    made.helm(*made.upgrade())
    assert made.ready("stream") == 1
    return made


class Highest:
    """The most workers that were ready at a time, watched beside the test."""

    def __init__(self, release: Release) -> None:
        self.ready, self.release = 0, release
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            self.ready = max(self.ready, self.release.ready("stream"))

    def __enter__(self) -> "Highest":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def test_workers_come_with_cpu_and_leave(scene: Scene, metrics: Metrics, lake: Path) -> None:
    topics: Topics = scene.topics("cpu", PARTITIONS)
    release = installed(scene, "cpu", wanted("cpu", "50m", "1", cpu=80))
    produced = Produced(topics, lake, ("2019-08-15", "2019-08-30"), 1000)
    with Highest(release) as highest:
        took = wait("a second worker", lambda: release.ready("stream") >= 2, 90)
        produced.wait()
        events = check_topics(topics)
    assert "reason: cpu resource utilization (percentage of request) above target" in (
        release.events()
    )
    back = wait("one worker again", lambda: len(release.pods("stream")) == 1, 180)
    said(
        f"CPU: second worker ready {took:.1f} s after the load began, {highest.ready} at most, "
        f"one again {back:.1f} s after; {events} events, each out once"
    )
    release.helm("uninstall", "cpu", "--wait")


def test_workers_come_with_lag_and_leave(scene: Scene, metrics: Metrics, lake: Path) -> None:
    topics: Topics = scene.topics("lag", PARTITIONS)
    # No worker can use more than it asked for, so CPU never asks for another one. So little that
    # something still waits when the autoscaler looks: of 100m one was done in 3 s.
    values = wanted("lag", "25m", "25m", cpu=100, lagMessages=2000)
    release = installed(scene, "lag", values)
    produced = Produced(topics, lake, ("2019-08-15", "2019-09-05"), 50_000)
    began = time.monotonic()
    with Highest(release) as highest:
        produced.wait()
        sent = time.monotonic() - began
        took = sent + wait("a second worker", lambda: release.ready("stream") >= 2, 90)
        events = check_topics(topics)
    told = [line for line in release.events().splitlines() if "SuccessfulRescale" in line]
    assert any(f"pods metric {LAG} above target" in line for line in told), told
    back = wait("one worker again", lambda: len(release.pods("stream")) == 1, 180)
    said(
        f"lag: {events} events sent in {sent:.1f} s; second worker ready {took:.1f} s after the "
        f"first, {highest.ready} at most, one again {back:.1f} s after; each out once"
    )
    release.helm("uninstall", "lag", "--wait")
