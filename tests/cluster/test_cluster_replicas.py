"""Replicas of the service behind a log in Kafka: what is done to their pods one by one fails no
request, what is done to them by force loses no payment."""

import json
import time

import pytest
from broker import Topics
from cluster import NODE, wait
from scene import BROKERS, MISSING, NEW, VALUES, Release, Scene, said

REPLICAS = 3
WANTED = {
    **VALUES,
    "service": {
        "log": "kafka",
        "replicas": REPLICAS,
        "keysSecret": "weir-keys",
        "settings": {"terminals": "0..3"},
        "journal": {"size": "768Mi"},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"cpu": "1"}},
    },
    "stream": {
        "brokers": BROKERS,
        "topics": {kind: f"replicas.{kind}" for kind in ("events", "decisions", "rejects")},
        "group": "replicas",
    },
}


@pytest.fixture(scope="module")
def topics(scene: Scene) -> Topics:
    """Their log: one partition."""
    return scene.topics("replicas", 1)


@pytest.fixture(scope="module")
def replicas(scene: Scene, topics: Topics) -> Release:
    """Installed."""
    assert topics.events == WANTED["stream"]["topics"]["events"]
    for number in range(REPLICAS):
        scene.cluster.volume(f"replica-{number}", "ReadWriteOnce", "768Mi")
    made = Release(scene, "replicas", WANTED)
    began = time.monotonic()
    made.helm(*made.upgrade())
    said(f"{REPLICAS} replicas ready {time.monotonic() - began:.1f} s after helm install")
    return made


@pytest.fixture(scope="module")
def answered() -> dict[int, str]:
    """Every payment that got a decision in this story."""
    return {}


def test_an_upgrade_under_load_fails_no_request(
    replicas: Release, answered: dict[int, str]
) -> None:
    least = REPLICAS
    with replicas.senders(2_000_000_000) as senders:
        time.sleep(1)
        began = time.monotonic()
        words = replicas.upgrade(f"image.tag={NEW}")
        with replicas.beside(*words) as upgrade:
            while upgrade.poll() is None:
                least = min(least, replicas.ready("service"))
                time.sleep(0.2)
        took = time.monotonic() - began
        time.sleep(1)
    said(f"replicas upgraded in {took:.1f} s, {least} ready at least: {senders}")
    answered.update(senders.decisions)
    assert upgrade.returncode == 0 and least >= REPLICAS - 1
    assert not senders.undecided and not senders.refused and senders.repeats == 0
    assert all(NEW in pod["spec"]["containers"][0]["image"] for pod in replicas.pods("service"))


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        (f"image.tag={MISSING}", "not found"),
        ("service.keysSecret=none", 'secret "none" not found'),
        (f"stream.brokers={NODE}:1", "Startup probe failed"),
    ],
    ids=["image", "secret", "broker"],
)
def test_a_release_that_does_not_start_fails_no_request(
    replicas: Release, answered: dict[int, str], setting: str, says: str
) -> None:
    least = REPLICAS
    first_id = 2_100_000_000 + len(answered) * 10_000
    with replicas.senders(first_id) as senders:
        began = time.monotonic()
        words = replicas.upgrade(f"image.tag={NEW}", setting, atomic=True, seconds=40)
        with replicas.beside(*words) as upgrade:
            while upgrade.poll() is None:
                least = min(least, replicas.ready("service"))
                time.sleep(0.2)
        took = time.monotonic() - began
        wait("ready again", lambda: replicas.ready("service") == REPLICAS, 90)
    said(f"{setting} put back after {took:.1f} s, {least} ready at least: {senders}")
    answered.update(senders.decisions)
    assert upgrade.returncode != 0 and least == REPLICAS - 1
    assert not senders.undecided and not senders.refused and senders.repeats == 0
    assert says in replicas.events()


def test_a_killed_replica_loses_no_payment(
    scene: Scene, replicas: Release, answered: dict[int, str]
) -> None:
    with replicas.senders(2_900_000_000) as senders:
        time.sleep(1)
        scene.kubectl("delete", "pod", "replicas-0", "--grace-period=0", "--force")
        took = wait("ready again", lambda: replicas.ready("service") == REPLICAS)
        time.sleep(1)
    said(f"replica killed, ready after {took:.1f} s: {senders}")
    answered.update(senders.decisions)
    assert not senders.undecided and not senders.refused


def test_replicas_are_drained_within_the_budget(
    scene: Scene, replicas: Release, answered: dict[int, str]
) -> None:
    least = REPLICAS
    with replicas.senders(3_000_000_000) as senders:
        drain = scene.drain("app.kubernetes.io/instance=replicas")
        while drain.poll() is None:
            least = min(least, replicas.ready("service"))
            time.sleep(0.2)
        assert drain.stdout is not None
        told = drain.stdout.read()
        scene.kubectl("uncordon", "node0")
        wait("ready again", lambda: replicas.ready("service") == REPLICAS, 90)
    said(f"replicas drained, {least} ready at least: {senders}")
    answered.update(senders.decisions)
    # One node: the evicted replica finds no other, so the budget must hold the rest back.
    assert "Cannot evict pod as it would violate the pod's disruption budget" in told
    assert drain.returncode != 0 and least == REPLICAS - 1
    assert not senders.undecided and not senders.refused and senders.repeats == 0


def test_every_answer_is_in_the_topic_once(topics: Topics, answered: dict[int, str]) -> None:
    def written() -> list[dict]:
        return [json.loads(record.value) for record in topics.read(topics.decisions)]

    wait("every decision is written", lambda: len(written()) >= len(answered), 60)
    found = written()
    decisions = {one["transaction_id"]: one["decision"] for one in found}
    assert len(decisions) == len(found), "a payment was decided twice"
    assert answered.items() <= decisions.items()
    said(f"{len(answered)} answers of the replicas, each in {topics.decisions} once")


def test_they_are_uninstalled(replicas: Release) -> None:
    replicas.helm("uninstall", "replicas", "--wait")
    wait("their pods are gone", lambda: not replicas.pods("service"), 60)
