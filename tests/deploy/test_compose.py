"""deploy/compose: read by Docker Compose's own library, against the specification's schema."""

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Run

COMPOSE = ROOT / "deploy/compose"
IMAGE = "localhost/weir:0.1.0-0123456789ab"


def read(file: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The file as Compose understands it, in JSON."""
    clean = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    command = [ROOT / "build/tools/compose", file, "feed"]
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env={**clean, **environment}
    )


@pytest.fixture(scope="module")
def services() -> Any:
    """Every service, those of the profile `feed` too."""
    done = read(COMPOSE / "compose.yaml", WEIR_IMAGE=IMAGE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["services"]


def test_without_an_image_it_says_how_to_get_one() -> None:
    assert "build the image and name it" in read(COMPOSE / "compose.yaml").stderr


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("restart: unless-stopped", "restrat: unless-stopped", "restrat"),
        ("cap_drop: [ALL]", "cap_drop: ALL", "cap_drop"),
        ("kafka: {condition: service_healthy}", "kafka: {condition: service_well}", "condition"),
        ("kafka: {condition: service_healthy}", "kafkaa: {condition: service_healthy}", "kafkaa"),
        ("- journal:/journal", "- journl:/journal", "journl"),
    ],
)
def test_the_check_finds_faults(right: str, wrong: str, says: str, tmp_path: Path) -> None:
    text = (COMPOSE / "compose.yaml").read_text()
    assert right in text
    (tmp_path / "compose.yaml").write_text(text.replace(right, wrong, 1))
    done = read(tmp_path / "compose.yaml", WEIR_IMAGE=IMAGE)
    assert done.returncode != 0
    assert says in done.stderr


def test_images_are_pinned_and_can_be_named(services: Any) -> None:
    chosen = "registry.example/it@sha256:" + "0" * 64
    names = re.findall(r"\$\{(\w+_IMAGE)", (COMPOSE / "compose.yaml").read_text())
    done = read(COMPOSE / "compose.yaml", **dict.fromkeys(names, chosen))
    assert {one["image"] for one in json.loads(done.stdout)["services"].values()} == {chosen}
    for one in services.values():
        assert re.search(r":v?\d+\.\d+\.\d+", one["image"]), one["image"]


def test_nothing_is_open_to_other_machines(services: Any) -> None:
    for one in services.values():
        assert all(port["host_ip"] == "127.0.0.1" for port in one.get("ports", []))


def test_what_is_mounted_is_in_the_repository_or_made_by_make_run(services: Any) -> None:
    for one in services.values():
        for mount in one["volumes"]:
            source = Path(mount["source"])
            if mount["type"] == "bind" and not source.is_relative_to(ROOT / "out/run"):
                assert source.exists(), source


def test_weir_is_locked_down_and_its_flags_are_weir_s(services: Any, weir: Run) -> None:
    own = {name: one for name, one in services.items() if one["image"] == IMAGE}
    assert set(own) == {"weir", "stream", "feed_service", "feed_stream"}
    for one in own.values():
        assert one["read_only"] and one["cap_drop"] == ["ALL"]
        command, *arguments = one["command"]
        known = set(re.findall(r"--[a-z-]+", weir(command, "--help").stdout))
        assert {word.split("=")[0] for word in arguments if word.startswith("--")} <= known


def test_prometheus_is_told_where_things_are(services: Any) -> None:
    scraped = yaml.safe_load((ROOT / "deploy/monitoring/prometheus.yml").read_text())
    files = {one["file_sd_configs"][0]["files"][0] for one in scraped["scrape_configs"]}
    listed = {f"targets/{file.name}" for file in (COMPOSE / "targets").glob("*.json")}
    # Neither Airflow nor MLflow nor S3 is here.
    assert files - listed == {f"targets/{name}.json" for name in ("mlflow", "probe", "statsd")}
    for file in (COMPOSE / "targets").glob("*.json"):
        for target in json.loads(file.read_text())[0]["targets"]:
            name, port = target.split(":")
            assert name == "localhost" or name in services
            service = services.get(name, {})
            if service.get("command"):
                assert f"--metrics-listen=0.0.0.0:{port}" in service["command"]
            elif name == "kafka":
                assert f"agent.jar={port}:" in service["environment"]["KAFKA_OPTS"]


def test_the_demonstration_s_key_is_the_listed_one() -> None:
    digest = hashlib.sha256((COMPOSE / "demo.key").read_bytes()).hexdigest()
    assert digest in (COMPOSE / "demo.keys").read_text()
