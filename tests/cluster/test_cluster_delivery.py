"""tools/release.sh against a real registry and a real Kubernetes: pushed, deployed, tried, and put
back when what it deployed does not answer."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from cluster import REGISTRY, ROOT, run
from scene import IMAGE, Release, Scene, said

WANTED = {
    "image": {"pullPolicy": "Always"},
    "bundle": {"existingClaim": "weir-bundle"},
    "service": {
        "keysSecret": "weir-keys",
        "settings": {"terminals": "0..3"},
        "journal": {"size": "640Mi"},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"cpu": "1"}},
    },
}


class Delivery(Release):
    """A release of the chart made by tools/release.sh."""

    def step(self, *steps: str, **settings: object) -> subprocess.CompletedProcess[str]:
        """Steps of the script with what a pipeline sets."""
        given = {
            "REGISTRY": REGISTRY,
            "REGISTRY_INSECURE": 1,
            "RELEASE": self.name,
            "NAMESPACE": "fraud",
            "VALUES": self.values,
            "OUT": self.scene.folder / "release",
            **settings,
        }
        environment = {**os.environ, **{key: str(value) for key, value in given.items()}}
        command = [ROOT / "tools/release.sh", *steps]
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    def revisions(self) -> list[dict]:
        """What helm has of it, the newest last."""
        return json.loads(self.helm("history", self.name, "-o", "json"))


@pytest.fixture(scope="module")
def delivery(scene: Scene) -> Delivery:
    """Its volume and values."""
    scene.cluster.volume("delivered", "ReadWriteOnce", "640Mi")
    return Delivery(scene, "delivered", WANTED)


def test_it_goes_from_this_machine_to_a_ready_service(scene: Scene, delivery: Delivery) -> None:
    pushed = delivery.step("push")
    if IMAGE.endswith("-dirty"):
        assert pushed.returncode == 1 and "commit them before push" in pushed.stderr
        pytest.skip("there are uncommitted changes, and the script refuses to push them")
    assert pushed.returncode == 0, pushed.stderr
    tag = IMAGE.rpartition(":")[2]
    assert pushed.stdout.splitlines()[-1] == f"{REGISTRY}/weir:{tag}"
    listed = json.loads(run("curl", "-fsS", f"http://{REGISTRY}/v2/weir/tags/list"))
    assert tag in listed["tags"] and "latest" not in listed["tags"]
    digest = Path(scene.folder / f"release/weir-{tag}.digest").read_text()
    held = run("curl", "-fsSI", f"http://{REGISTRY}/v2/weir/manifests/{tag}", "-H", ACCEPT)
    assert digest in held
    deployed = delivery.step("deploy")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    tried = delivery.step("smoke", URL=f"http://{delivery.address}:9090")
    assert tried.returncode == 0, tried.stderr
    (pod,) = delivery.pods("service")
    assert pod["status"]["containerStatuses"][0]["imageID"].endswith(digest)
    said(f"{tag} pushed, deployed, ready and tried by tools/release.sh")


ACCEPT = "Accept: application/vnd.docker.distribution.manifest.v2+json"


def test_a_release_that_fails_its_trial_is_put_back(delivery: Delivery) -> None:
    if IMAGE.endswith("-dirty"):
        pytest.skip("nothing was deployed: there are uncommitted changes")
    changed = json.loads(delivery.values.read_text())
    changed["service"]["settings"]["reasons_share"] = 0.5
    delivery.values.write_text(json.dumps(changed))
    assert delivery.step("deploy").returncode == 0
    # Where nothing listens.
    tried = delivery.step("smoke", URL=f"http://{delivery.address}:9")
    assert tried.returncode == 1
    assert "is not ready with version" in tried.stderr
    last = delivery.revisions()[-1]
    assert (last["revision"], last["status"]) == (3, "deployed")
    assert last["description"] == "Rollback to 1"
    (pod,) = delivery.pods("service")
    assert not [word for word in pod["spec"]["containers"][0]["args"] if "reasons" in word]
    assert delivery.ready("service") == 1
    delivery.helm("uninstall", "delivered", "--wait")
