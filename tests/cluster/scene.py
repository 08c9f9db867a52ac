"""What the stories share: a cluster with a registry and Kafka, and releases of the chart."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from cluster import NODE, REGISTRY, ROOT, TOOLS, Cluster, run, wait
from confluent_kafka.admin import AdminClient, NewTopic
from senders import Senders

sys.path.append(str(ROOT / "tests/stream"))
from broker import BINARY, Topics

CHART = ROOT / "deploy/helm/weir"
KEY = "cluster-test-key"
OLD, NEW, MISSING = "0.1.0-aaaaaaa1", "0.1.0-bbbbbbb2", "0.1.0-ccccccc3"
IMAGE = os.environ.get("WEIR_IMAGE", "")  # Of this machine; tools/e2e.sh builds it.
PARTITIONS = 4
KAFKA_PORT = 29092
BROKERS = f"{NODE}:{KAFKA_PORT}"
VALUES = {  # What every release of the stories needs.
    "image": {"repository": f"{REGISTRY}/weir", "tag": OLD, "pullPolicy": "Always"},
    "bundle": {"existingClaim": "weir-bundle"},
}


def said(text: object) -> None:
    """A figure of this run."""
    print(f"  {text}", flush=True)


class Scene:
    """Cluster, registry, Kafka; a namespace with the bundle's volume and the keys."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self.folder = folder
        began = time.monotonic()
        self.cluster = Cluster(folder)
        self.cluster.start()
        said(f"node ready after {time.monotonic() - began:.1f} s")
        self.cluster.registry()
        for tag in (OLD, NEW):
            self.cluster.push(IMAGE, tag)
        self._kafka()
        self.cluster.kubectl("create", "namespace", "fraud")
        digest = hashlib.sha256(KEY.encode()).hexdigest()
        self.kubectl(
            *("create", "secret", "generic", "weir-keys"),
            f"--from-literal=keys=test scorer,feedback,analyst,admin {digest}",
        )
        self.cluster.volume("bundle", "ReadOnlyMany", "100Mi", bundle)
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

    def _kafka(self) -> None:
        listeners = f"PLAINTEXT://{BROKERS}"
        self.cluster.spawn(
            "kafka",
            *(ROOT / "deploy/local/kafka/start.sh", self.folder / "kafka", KAFKA_PORT, 256),
            f"listeners={listeners},CONTROLLER://127.0.0.1:{KAFKA_PORT + 1}",
            f"advertised.listeners={listeners}",
        )

        def answers() -> bool:
            try:
                socket.create_connection((NODE, KAFKA_PORT), timeout=1).close()
            except OSError:
                return False
            return True

        wait("Kafka", answers, 120)

    def topics(self, prefix: str, partitions: int) -> Topics:
        """PREFIX.events, .decisions and .rejects, made."""
        names = [f"{prefix}.{kind}" for kind in ("events", "decisions", "rejects")]
        admin = AdminClient({"bootstrap.servers": BROKERS})
        made = admin.create_topics(
            [NewTopic(name, partitions, 1) for name in names], operation_timeout=30
        )
        for done in made.values():
            done.result(60)
        return Topics(BROKERS, *names)

    def kubectl(self, *words: object, **options: object) -> str:
        """In the namespace."""
        return self.cluster.kubectl("-n", "fraud", *words, **options)

    def drain(self, selector: str) -> subprocess.Popen[str]:
        """Evicts pods of these labels for 15 seconds, beside the test; `uncordon` ends it."""
        command = [self.cluster.programs / "kubectl", "drain", "node0", "--timeout=15s"]
        command += [f"--pod-selector={selector}", "--delete-emptydir-data"]
        return subprocess.Popen(
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def get(self, *words: object) -> dict:
        """Objects of the namespace."""
        return self.cluster.get("-n", "fraud", *words)


class Release:
    """One release of the chart with these values."""

    def __init__(self, scene: Scene, name: str, values: dict) -> None:
        self.scene, self.name = scene, name
        self.values = scene.folder / f"{name}.yaml"
        self.values.write_text(json.dumps(values))

    def helm(self, *words: object, fails: bool = False) -> str:
        """What helm says; why pods are not ready is told where it should not have failed."""
        scene = self.scene
        try:
            return run(TOOLS / "helm", "--namespace", "fraud", *words, fails=fails)
        except AssertionError:
            said(scene.kubectl("get", "pods,pvc", "-o", "wide"))
            said("\n".join(self.events().splitlines()[-30:]))
            for pod in self.pods("service") + self.pods("stream"):
                name = pod["metadata"]["name"]
                said(subprocess.getoutput(f"{scene.cluster.programs}/kubectl -n fraud logs {name}"))
            raise

    def upgrade(self, *settings: str, atomic: bool = False, seconds: int = 240) -> list[object]:
        """The words of an upgrade that waits for its pods."""
        chosen = [word for setting in settings for word in ("--set-string", setting)]
        how = "--atomic" if atomic else "--wait"
        words: list[object] = ["upgrade", "--install", self.name, CHART, "--values", self.values]
        return [*words, *chosen, how, "--timeout", f"{seconds}s"]

    def beside(self, *words: object) -> subprocess.Popen[bytes]:
        """Helm beside the test."""
        command = [str(word) for word in (TOOLS / "helm", "--namespace", "fraud", *words)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def events(self) -> str:
        """What Kubernetes told of the namespace."""
        found = self.scene.get("events")["items"]
        return "\n".join(f"{one['reason']}: {one['message']}" for one in found)

    def pods(self, component: str) -> list[dict]:
        """Of its service or its stream."""
        labels = f"app.kubernetes.io/component={component},app.kubernetes.io/instance={self.name}"
        return self.scene.get("pods", "-l", labels)["items"]

    def ready(self, component: str) -> int:
        """How many pods are, and are not leaving."""
        return sum(
            one["type"] == "Ready" and one["status"] == "True"
            for pod in self.pods(component)
            if "deletionTimestamp" not in pod["metadata"]
            for one in pod["status"].get("conditions", [])
        )

    @property
    def address(self) -> str:
        """Of its Service."""
        return self.scene.get(f"service/{self.name}")["spec"]["clusterIP"]

    def senders(self, first_id: int) -> Senders:
        """Payments sent to it from now on."""
        return Senders(self.address, KEY, first_id)


class Produced:
    """Payments of the lake sent into a topic at a rate, beside the test."""

    def __init__(self, topics: Topics, lake: Path, days: tuple[str, str], rate: int) -> None:
        command = [BINARY, "produce", lake, "--from", days[0], "--to", days[1], "--json"]
        command += ["--brokers", topics.address, "--topic", topics.events, "--rate", str(rate)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def wait(self) -> None:
        """Until all are sent."""
        assert self.process.wait(timeout=300) == 0


def check_topics(topics: Topics, partitions: int = PARTITIONS) -> int:
    """Every event has come out once: as a decision or as a reject; how many there are."""

    def count(topic: str) -> int:
        return sum(len(topics.read(topic, number)) for number in range(partitions))

    expected = count(topics.events)

    def caught_up() -> bool:
        return count(topics.decisions) + count(topics.rejects) >= expected

    wait("every event has come out", caught_up, 90)
    ids = [
        json.loads(record.value)["transaction_id"]
        for number in range(partitions)
        for record in topics.read(topics.decisions, number)
    ]
    assert len(set(ids)) == len(ids), "a payment was decided twice"
    assert len(ids) + count(topics.rejects) == expected
    return expected
