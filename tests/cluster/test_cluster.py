"""The chart on a real Kubernetes, one story in the order of this file: installed from a registry,
asked through its Service, upgraded, broken and brought back under load, drained."""

import hashlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import NODE, REGISTRY, ROOT, TOOLS, Cluster, run, wait
from confluent_kafka.admin import AdminClient, NewTopic
from senders import Senders

sys.path.append(str(ROOT / "tests/stream"))
from broker import BINARY, Topics

CHART = ROOT / "deploy/helm/weir"
KEY = "cluster-test-key"
OLD, NEW, MISSING = "0.1.0-aaaaaaa1", "0.1.0-bbbbbbb2", "0.1.0-ccccccc3"
PARTITIONS = 4
KAFKA_PORT = 29092

VALUES = {
    "image": {"repository": f"{REGISTRY}/weir", "tag": OLD, "pullPolicy": "Always"},
    "bundle": {"existingClaim": "weir-bundle"},
    "service": {
        "keysSecret": "weir-keys",
        "settings": {"terminals": "0..3"},
        "journal": {"size": "1Gi"},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1"}},
    },
    "stream": {
        "enabled": True,
        "brokers": f"{NODE}:{KAFKA_PORT}",
        "replicas": 2,
        "stateSize": "1Gi",
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"cpu": "1"}},
        # A member that left by force holds its partitions no longer than this.
        "settings": {"session_timeout_ms": 6000},
    },
}


def said(text: object) -> None:
    """A figure of this run."""
    print(f"  {text}", flush=True)


class Scene:
    """Cluster, registry, Kafka and the release `weir`."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        began = time.monotonic()
        self.cluster = Cluster(folder)
        self.cluster.start()
        said(f"node ready after {time.monotonic() - began:.1f} s")
        self.cluster.registry()
        for tag in (OLD, NEW):
            self.cluster.push("localhost/weir:e2e", tag)
        self._kafka()
        self.cluster.kubectl("create", "namespace", "fraud")
        digest = hashlib.sha256(KEY.encode()).hexdigest()
        self.kubectl(
            *("create", "secret", "generic", "weir-keys"),
            f"--from-literal=keys=test scorer,feedback,analyst,admin {digest}",
        )
        self.cluster.volume("bundle", "ReadOnlyMany", "100Mi", bundle)
        self.journal = self.cluster.volume("journal", "ReadWriteOnce", "1Gi")
        for number in range(PARTITIONS):
            self.cluster.volume(f"state-{number}", "ReadWriteOnce", "1Gi")
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "weir-bundle"},
            "spec": {
                "accessModes": ["ReadOnlyMany"],
                "volumeName": "bundle",
                "resources": {"requests": {"storage": "100Mi"}},
            },
        }
        self.kubectl("apply", "-f", "-", text=json.dumps(claim))
        self.values = folder / "values.yaml"
        self.values.write_text(json.dumps(VALUES))

    def _kafka(self) -> None:
        data = self.cluster.folder / "kafka"
        listeners = f"PLAINTEXT://{NODE}:{KAFKA_PORT}"
        self.cluster.spawn(
            "kafka",
            *(ROOT / "deploy/local/kafka/start.sh", data, KAFKA_PORT, 256),
            f"listeners={listeners},CONTROLLER://127.0.0.1:{KAFKA_PORT + 1}",
            f"advertised.listeners={listeners}",
        )
        self.topics = Topics(
            f"{NODE}:{KAFKA_PORT}", "weir.events", "weir.decisions", "weir.rejects"
        )

        def answers() -> bool:
            try:
                socket.create_connection((NODE, KAFKA_PORT), timeout=1).close()
            except OSError:
                return False
            return True

        wait("Kafka", answers, 120)
        admin = AdminClient({"bootstrap.servers": self.topics.address})
        wanted = [NewTopic(name, PARTITIONS, 1) for name in self.topics.names]
        for done in admin.create_topics(wanted, operation_timeout=30).values():
            done.result(60)

    def kubectl(self, *words: object, **options: object) -> str:
        return self.cluster.kubectl("-n", "fraud", *words, **options)

    def helm(self, *words: object, fails: bool = False) -> str:
        try:
            return run(TOOLS / "helm", "--namespace", "fraud", *words, fails=fails)
        except AssertionError:
            said(self.kubectl("get", "pods,pvc", "-o", "wide"))
            said("\n".join(events_of(self).splitlines()[-30:]))
            for pod in self.pods("service") + self.pods("stream"):
                name = pod["metadata"]["name"]
                said(subprocess.getoutput(f"{self.cluster.programs}/kubectl -n fraud logs {name}"))
            raise

    def upgrade(self, *settings: str, atomic: bool = False, seconds: int = 240) -> list[object]:
        """The words of an upgrade that waits for its pods."""
        chosen = [word for setting in settings for word in ("--set-string", setting)]
        how = "--atomic" if atomic else "--wait"
        words: list[object] = ["upgrade", "--install", "weir", CHART, "--values", self.values]
        return [*words, *chosen, how, "--timeout", f"{seconds}s"]

    def pods(self, component: str) -> list[dict]:
        label = f"app.kubernetes.io/component={component}"
        return self.cluster.get("-n", "fraud", "pods", "-l", label)["items"]

    def ready(self, component: str) -> int:
        return sum(
            one["type"] == "Ready" and one["status"] == "True"
            for pod in self.pods(component)
            if "deletionTimestamp" not in pod["metadata"]
            for one in pod["status"].get("conditions", [])
        )

    @property
    def address(self) -> str:
        return self.cluster.get("-n", "fraud", "service/weir")["spec"]["clusterIP"]

    def senders(self, first_id: int) -> Senders:
        return Senders(self.address, KEY, first_id)


@pytest.fixture(scope="module")
def scene(bundle: Path) -> Iterator[Scene]:
    """One for the whole story."""
    # Not pytest's folder: the path of a socket is at most 107 characters long.
    folder = Path(tempfile.mkdtemp(prefix="weir-cluster-"))
    try:
        made = Scene(folder, bundle)
        yield made
    except BaseException:
        for log in sorted((folder / "log").iterdir()):
            print(f"--- {log.name}\n{log.read_text()[-1500:]}")
        raise
    made.cluster.stop()


def events_of(scene: Scene) -> str:
    found = scene.cluster.get("-n", "fraud", "events")["items"]
    return "\n".join(f"{one['reason']}: {one['message']}" for one in found)


def test_it_is_installed_from_the_registry(scene: Scene) -> None:
    manifests = run(
        *(TOOLS / "helm", "template", "weir", CHART, "--values", scene.values),
        *("--namespace", "fraud", "--kube-version", "1.34.4"),
    )
    dry = ("apply", "--server-side", "--dry-run=server", "-f", "-")
    scene.kubectl(*dry, text=manifests)
    spoilt = manifests.replace("maxUnavailable: 1", "maxUnavailable: 1\n  minAvailable: 1")
    assert "cannot be both set" in scene.kubectl(*dry, text=spoilt, fails=True)
    began = time.monotonic()
    scene.helm(*scene.upgrade())
    said(f"service and 2 workers ready {time.monotonic() - began:.1f} s after helm install")
    assert (scene.ready("service"), scene.ready("stream")) == (1, 2)
    for pod in scene.pods("service") + scene.pods("stream"):
        assert pod["status"]["containerStatuses"][0]["image"].startswith(f"{REGISTRY}/weir:")


def test_payments_are_decided_through_the_service(scene: Scene) -> None:
    with scene.senders(1_000_000_000) as senders:
        time.sleep(3)
    said(senders)
    assert len(senders.decisions) > 100 and not senders.undecided and not senders.refused
    assert senders.repeats == 0


def test_an_upgrade_under_load_leaves_no_payment_undecided(scene: Scene) -> None:
    with scene.senders(1_100_000_000) as senders:
        time.sleep(1)
        began = time.monotonic()
        scene.helm(*scene.upgrade(f"image.tag={NEW}"))
        took = time.monotonic() - began
        time.sleep(1)
    said(f"upgraded in {took:.1f} s: {senders}")
    assert not senders.undecided and not senders.refused
    assert all(NEW in pod["spec"]["containers"][0]["image"] for pod in scene.pods("service"))


def test_a_bad_release_is_put_back(scene: Scene) -> None:
    with scene.senders(1_200_000_000) as senders:
        began = time.monotonic()
        scene.helm(
            *scene.upgrade(f"image.tag={MISSING}", atomic=True, seconds=20),
            fails=True,
        )
        took = time.monotonic() - began
        wait("ready again", lambda: scene.ready("service") == 1, 90)
    said(f"bad release put back after {took:.1f} s: {senders}")
    assert not senders.undecided and not senders.refused
    assert "not found" in events_of(scene), "the image that is missing is named"
    assert all(NEW in pod["spec"]["containers"][0]["image"] for pod in scene.pods("service"))


def test_a_missing_secret_is_named(scene: Scene) -> None:
    scene.helm(
        *scene.upgrade(f"image.tag={NEW}", "service.keysSecret=none", atomic=True, seconds=15),
        fails=True,
    )
    wait("ready again", lambda: scene.ready("service") == 1, 90)
    assert 'secret "none" not found' in events_of(scene)


def test_a_killed_pod_comes_back_with_every_decision(scene: Scene) -> None:
    with scene.senders(1_300_000_000) as senders:
        time.sleep(1)
        scene.kubectl("delete", "pod", "weir-0", "--grace-period=0", "--force")
        took = wait("ready again", lambda: scene.ready("service") == 1)
        time.sleep(1)
    said(f"killed, ready after {took:.1f} s: {senders}")
    assert not senders.undecided and not senders.refused


class Produced:
    """Payments of the lake sent into the topic at a rate, beside the test."""

    def __init__(self, scene: Scene, lake: Path, first_day: str, day_after: str, rate: int) -> None:
        command = [BINARY, "produce", lake, "--from", first_day, "--to", day_after, "--json"]
        command += ["--brokers", scene.topics.address, "--rate", str(rate)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def wait(self) -> None:
        assert self.process.wait(timeout=300) == 0


def check_topics(scene: Scene) -> int:
    """Every event has come out once: as a decision or as a reject; how many there are."""

    def count(topic: str) -> int:
        return sum(len(scene.topics.read(topic, number)) for number in range(PARTITIONS))

    expected = count(scene.topics.events)

    def caught_up() -> bool:
        return count(scene.topics.decisions) + count(scene.topics.rejects) >= expected

    wait("every event has come out", caught_up, 90)
    ids = [
        json.loads(record.value)["transaction_id"]
        for number in range(PARTITIONS)
        for record in scene.topics.read(scene.topics.decisions, number)
    ]
    assert len(set(ids)) == len(ids), "a payment was decided twice"
    assert len(ids) + count(scene.topics.rejects) == expected
    return expected


def test_workers_are_upgraded_under_load_without_a_gap(scene: Scene, lake: Path) -> None:
    produced = Produced(scene, lake, "2019-08-22", "2019-08-26", 400)
    began = time.monotonic()
    scene.helm(*scene.upgrade(f"image.tag={OLD}"))
    took = time.monotonic() - began
    produced.wait()
    events = check_topics(scene)
    said(f"workers upgraded in {took:.1f} s at 400 events/s: {events} events, each out once")


def test_workers_are_drained_within_the_budget(scene: Scene, lake: Path) -> None:
    produced = Produced(scene, lake, "2019-08-26", "2019-08-30", 400)
    fewest, least_ready = 2, 2
    drain = subprocess.Popen(
        [
            *(scene.cluster.programs / "kubectl", "drain", "node0", "--timeout=15s"),
            *("--pod-selector=app.kubernetes.io/component=stream", "--delete-emptydir-data"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while drain.poll() is None:
        running = [p for p in scene.pods("stream") if p["status"]["phase"] == "Running"]
        fewest = min(fewest, sum("deletionTimestamp" not in pod["metadata"] for pod in running))
        least_ready = min(least_ready, scene.ready("stream"))
        time.sleep(0.2)
    assert drain.stdout is not None
    told = drain.stdout.read()
    # One node: the evicted worker finds no other, so the budget must hold the second one back.
    assert "Cannot evict pod as it would violate the pod's disruption budget" in told
    assert drain.returncode != 0 and fewest == 1
    scene.kubectl("uncordon", "node0")
    took = wait("both workers ready", lambda: scene.ready("stream") == 2, 90)
    produced.wait()
    # The worker that stays is not ready while it takes the partition over.
    told = f"drained: one worker stayed, {least_ready} ready at least; both back {took:.1f} s after"
    said(f"{told}; {check_topics(scene)} events")


def test_the_journal_is_what_was_answered(scene: Scene) -> None:
    scene.helm("uninstall", "weir", "--wait")
    done = subprocess.run(
        [BINARY, "verify", scene.journal, scene.cluster.folder / "volumes/bundle"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said(done.stdout.strip().splitlines()[-1])
