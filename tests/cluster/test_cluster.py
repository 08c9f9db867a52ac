"""The chart on a real Kubernetes, one story in the order of this file: installed from a registry,
asked through its Service, upgraded, broken and brought back under load, drained."""

import subprocess
import time
from pathlib import Path

import pytest
from broker import BINARY, Topics
from cluster import NODE, REGISTRY, TOOLS, run, wait
from scene import (
    BROKERS,
    CHART,
    MISSING,
    NEW,
    OLD,
    PARTITIONS,
    VALUES,
    Produced,
    Release,
    Scene,
    check_topics,
    said,
)

WANTED = {
    **VALUES,
    "service": {
        "keysSecret": "weir-keys",
        "settings": {"terminals": "0..3"},
        "journal": {"size": "1Gi"},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1"}},
    },
    "stream": {
        "enabled": True,
        "brokers": BROKERS,
        "replicas": 2,
        "stateSize": "512Mi",
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"cpu": "1"}},
        # A member that left by force holds its partitions no longer than this.
        "settings": {"session_timeout_ms": 6000},
    },
}


@pytest.fixture(scope="module")
def topics(scene: Scene) -> Topics:
    """Of its workers."""
    return scene.topics("weir", PARTITIONS)


@pytest.fixture(scope="module")
def release(scene: Scene, topics: Topics) -> Release:
    """The release of this story, not installed yet, and volumes for it."""
    scene.cluster.volume("journal", "ReadWriteOnce", "1Gi")
    for number in range(2):
        scene.cluster.volume(f"state-{number}", "ReadWriteOnce", "512Mi")
    return Release(scene, "weir", WANTED)


def test_it_is_installed_from_the_registry(scene: Scene, release: Release) -> None:
    manifests = run(
        *(TOOLS / "helm", "template", "weir", CHART, "--values", release.values),
        *("--namespace", "fraud", "--kube-version", "1.34.4"),
    )
    dry = ("apply", "--server-side", "--dry-run=server", "-f", "-")
    scene.kubectl(*dry, text=manifests)
    spoilt = manifests.replace("maxUnavailable: 1", "maxUnavailable: 1\n  minAvailable: 1")
    assert "cannot be both set" in scene.kubectl(*dry, text=spoilt, fails=True)
    began = time.monotonic()
    release.helm(*release.upgrade())
    said(f"service and 2 workers ready {time.monotonic() - began:.1f} s after helm install")
    assert (release.ready("service"), release.ready("stream")) == (1, 2)
    for pod in release.pods("service") + release.pods("stream"):
        assert pod["status"]["containerStatuses"][0]["image"].startswith(f"{REGISTRY}/weir:")


def test_payments_are_decided_through_the_service(release: Release) -> None:
    with release.senders(1_000_000_000) as senders:
        time.sleep(3)
    said(senders)
    assert len(senders.decisions) > 100 and not senders.undecided and not senders.refused
    assert senders.repeats == 0


def test_an_upgrade_under_load_leaves_no_payment_undecided(release: Release) -> None:
    with release.senders(1_100_000_000) as senders:
        time.sleep(1)
        began = time.monotonic()
        release.helm(*release.upgrade(f"image.tag={NEW}"))
        took = time.monotonic() - began
        time.sleep(1)
    said(f"upgraded in {took:.1f} s: {senders}")
    assert not senders.undecided and not senders.refused
    assert all(NEW in pod["spec"]["containers"][0]["image"] for pod in release.pods("service"))


def test_a_bad_release_is_put_back(release: Release) -> None:
    with release.senders(1_200_000_000) as senders:
        began = time.monotonic()
        release.helm(
            *release.upgrade(f"image.tag={MISSING}", atomic=True, seconds=20),
            fails=True,
        )
        took = time.monotonic() - began
        wait("ready again", lambda: release.ready("service") == 1, 90)
    said(f"bad release put back after {took:.1f} s: {senders}")
    assert not senders.undecided and not senders.refused
    assert "not found" in release.events(), "the image that is missing is named"
    assert all(NEW in pod["spec"]["containers"][0]["image"] for pod in release.pods("service"))


def test_a_missing_secret_is_named(release: Release) -> None:
    release.helm(
        *release.upgrade(f"image.tag={NEW}", "service.keysSecret=none", atomic=True, seconds=15),
        fails=True,
    )
    wait("ready again", lambda: release.ready("service") == 1, 90)
    assert 'secret "none" not found' in release.events()


def test_a_killed_pod_comes_back_with_every_decision(scene: Scene, release: Release) -> None:
    with release.senders(1_300_000_000) as senders:
        time.sleep(1)
        scene.kubectl("delete", "pod", "weir-0", "--grace-period=0", "--force")
        took = wait("ready again", lambda: release.ready("service") == 1)
        time.sleep(1)
    said(f"killed, ready after {took:.1f} s: {senders}")
    assert not senders.undecided and not senders.refused


def test_workers_are_upgraded_under_load_without_a_gap(
    release: Release, topics: Topics, lake: Path
) -> None:
    produced = Produced(topics, lake, ("2019-08-22", "2019-08-26"), 400)
    began = time.monotonic()
    release.helm(*release.upgrade(f"image.tag={OLD}"))
    took = time.monotonic() - began
    produced.wait()
    events = check_topics(topics)
    said(f"workers upgraded in {took:.1f} s at 400 events/s: {events} events, each out once")


def test_workers_stay_when_the_new_ones_find_no_broker(scene: Scene, release: Release) -> None:
    least = 2
    words = release.upgrade(f"stream.brokers={NODE}:1", atomic=True, seconds=20)
    with release.beside(*words) as upgrade:
        while upgrade.poll() is None:
            least = min(least, release.ready("stream"))
            time.sleep(0.2)
    assert upgrade.returncode != 0 and least == 1
    wait("both workers ready", lambda: release.ready("stream") == 2, 90)


def test_workers_are_drained_within_the_budget(
    scene: Scene, release: Release, topics: Topics, lake: Path
) -> None:
    produced = Produced(topics, lake, ("2019-08-26", "2019-08-30"), 400)
    fewest, least_ready = 2, 2
    drain = scene.drain("app.kubernetes.io/component=stream")
    while drain.poll() is None:
        running = [p for p in release.pods("stream") if p["status"]["phase"] == "Running"]
        fewest = min(fewest, sum("deletionTimestamp" not in pod["metadata"] for pod in running))
        least_ready = min(least_ready, release.ready("stream"))
        time.sleep(0.2)
    assert drain.stdout is not None
    told = drain.stdout.read()
    # One node: the evicted worker finds no other, so the budget must hold the second one back.
    assert "Cannot evict pod as it would violate the pod's disruption budget" in told
    assert drain.returncode != 0 and fewest == 1
    scene.kubectl("uncordon", "node0")
    took = wait("both workers ready", lambda: release.ready("stream") == 2, 90)
    produced.wait()
    # The worker that stays is not ready while it takes the partition over.
    told = f"drained: one worker stayed, {least_ready} ready at least; both back {took:.1f} s after"
    said(f"{told}; {check_topics(topics)} events")


def test_the_journal_is_what_was_answered(scene: Scene, release: Release) -> None:
    release.helm("uninstall", "weir", "--wait")
    done = subprocess.run(
        [BINARY, "verify", scene.folder / "volumes/journal", scene.folder / "volumes/bundle"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said(done.stdout.strip().splitlines()[-1])
