"""The Helm chart: renders what the API takes, asks of weir what weir has, refuses nonsense."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Run

CHART = ROOT / "deploy/helm/weir"
HELM = ROOT / "build/tools/helm"
VALUES = sorted((CHART / "values").glob("*.yaml"))


def render(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`helm template` with these arguments."""
    command = [HELM, "template", "w", CHART, "--kube-version", "1.34.4", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def documents(values: Path) -> list[dict[str, Any]]:
    """The manifests of a set of values."""
    done = render("-f", values)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def check(manifests: str) -> subprocess.CompletedProcess[str]:
    """Against the API's own types."""
    python, script = ROOT / ".venv-airflow/bin/python", ROOT / "deploy/helm/check_manifests.py"
    return subprocess.run([python, script], input=manifests, capture_output=True, text=True)


@pytest.mark.parametrize("values", VALUES, ids=lambda file: file.stem)
def test_it_renders_what_the_api_takes(values: Path) -> None:
    done = subprocess.run([HELM, "lint", "--strict", CHART, "-f", values], capture_output=True)
    assert done.returncode == 0, done.stdout.decode()
    checked = check(render("-f", values).stdout)
    assert checked.returncode == 0, checked.stderr


def test_the_check_finds_a_misspelt_probe_and_a_wrong_type() -> None:
    manifests = render("-f", VALUES[0]).stdout
    assert "failureThreshold: 900" in manifests
    spoilt = manifests.replace("failureThreshold: 900", "failureTreshold: 900", 1)
    assert "failureTreshold: V1Probe has no such field" in check(spoilt).stderr
    spoilt = manifests.replace("failureThreshold: 900", "failureThreshold: many", 1)
    assert "wanted int, got 'many'" in check(spoilt).stderr


@pytest.mark.parametrize("values", VALUES, ids=lambda file: file.stem)
def test_pods_are_locked_down(values: Path) -> None:
    sets = [one for one in documents(values) if one["kind"] == "StatefulSet"]
    assert sets
    for one in sets:
        pod = one["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert not container["image"].endswith(":latest")
            assert container["resources"]["limits"] and container["resources"]["requests"]
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                assert container[probe]["httpGet"]["port"] == "metrics"


@pytest.mark.parametrize("values", VALUES, ids=lambda file: file.stem)
def test_every_flag_is_one_of_weir_s(values: Path, weir: Run) -> None:
    for one in documents(values):
        if one["kind"] != "StatefulSet":
            continue
        command, *arguments = one["spec"]["template"]["spec"]["containers"][0]["args"]
        asked = weir(command, "--help")
        if f"Usage: weir {command} " not in asked.stdout:
            pytest.skip(f"this build has no `weir {command}`")
        known = set(re.findall(r"--[a-z-]+", asked.stdout))
        used = {word.split("=")[0] for word in arguments if word.startswith("--")}
        assert used - known == set()


def test_an_autoscaler_leaves_the_number_to_itself() -> None:
    by_kind = {one["kind"]: one for one in documents(CHART / "values/stream.yaml")}
    scaler = by_kind["HorizontalPodAutoscaler"]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (4, 6)
    assert "replicas" not in by_kind["StatefulSet"]["spec"]


def test_replicas_behind_kafka() -> None:
    by_kind = {one["kind"]: one for one in documents(CHART / "values/replicas.yaml")}
    replicas = by_kind["StatefulSet"]["spec"]
    arguments = replicas["template"]["spec"]["containers"][0]["args"]
    assert replicas["replicas"] == 3
    assert {"--log=kafka", "--brokers=kafka-0:9092,kafka-1:9092", "--group=weir"} <= {*arguments}
    assert "--kafka-properties=/kafka/kafka.properties" in arguments
    assert not [word for word in arguments if word.startswith(("--durability", "--retention"))]
    assert by_kind["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1


def test_the_rules_are_the_tested_ones(tmp_path: Path) -> None:
    found = [
        one
        for one in documents(CHART / "values/production.yaml")
        if one["kind"] == "PrometheusRule"
    ]
    files = {file.stem: file for file in (ROOT / "deploy/monitoring/rules").glob("*.yml")}
    assert {one["metadata"]["name"] for one in found} == {f"w-{name}" for name in files}
    for one in found:
        file = files[one["metadata"]["name"].removeprefix("w-")]
        assert one["spec"] == yaml.safe_load(file.read_text())


NONSENSE = {
    "image.tag=latest": "image.tag",
    "image.tag=": "set it to VERSION-COMMIT",
    "bundle.existingClaim=": "name the volume claim",
    "service.replicas=2": "one journal has one writer; leave 1, or set service.log=kafka",
    "service.log=kafka": "service.log is kafka and stream.brokers is empty",
    "service.log=paper": "service.log",
    "service.log=kafka,stream.brokers=k:1,service.settings.clock=system": "clock does not go",
    "service.replicas=0": "service.replicas",
    "service.keysSecret=": "make a Secret with the key `keys`",
    "service.enabled=false": "are both false; enable one",
    "autoscaling.enabled=true": "autoscaling.enabled needs stream.enabled",
    "stream.enabled=true": "stream.brokers is empty",
    "ingress.enabled=true": "ingress.host is empty",
    "service.journal.size=50": "service.journal.size",
    "service.journl.size=50Gi": "journl",
    "autoscaling.min=9": "autoscaling.min 9 is above autoscaling.max 6",
}


@pytest.mark.parametrize(("setting", "says"), NONSENSE.items(), ids=NONSENSE)
def test_nonsense_is_refused_with_the_way_out(setting: str, says: str) -> None:
    done = render("-f", CHART / "values/minimal.yaml", "--set", setting)
    assert done.returncode != 0
    assert says in done.stderr.replace("/", ".")
