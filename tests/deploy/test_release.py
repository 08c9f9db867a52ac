"""tools/release.sh: what it would do, what it refuses, the chart that it packs."""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from conftest import ROOT

SETTINGS = {
    "REGISTRY": "registry.example/team",
    "RELEASE": "weir",
    "NAMESPACE": "fraud",
    "VALUES": "staging.yaml",
    "URL": "http://weir.example",
    "SIGNING_KEY": "key.pem",
    "PUBLIC_KEY": "public.pem",
}


def release(*steps: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The script with nothing but these settings."""
    clean = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    command = [str(ROOT / "tools/release.sh"), *steps]
    return subprocess.run(command, capture_output=True, text=True, env={**clean, **settings})


def test_a_dry_run_tells_every_command_and_runs_none(tmp_path: Path) -> None:
    steps = ("image", "check", "updates", "chart", "archive", "scan", "push", "sums", "sign")
    steps += ("verify", "deploy", "smoke")
    done = release("--dry-run", *steps, **SETTINGS, OUT=str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith("+ ")]
    wanted = ["deploy/docker/build.sh", "test_image.py", "updates.sh", "helm package"]
    wanted += ["docker-archive:", "scan.sh", "docker://registry.example/team/weir:"]
    wanted += ["+ write_sums", "pkeyutl -sign", "pkeyutl -verify", "helm upgrade", "+ ready"]
    found = [next(i for i, line in enumerate(told) if word in line) for word in wanted]
    assert found == sorted(found)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("missing", SETTINGS)
def test_a_missing_setting_is_named(missing: str) -> None:
    given = {key: value for key, value in SETTINGS.items() if key != missing}
    done = release("--dry-run", "push", "sign", "verify", "deploy", "smoke", **given)
    assert done.returncode == 2
    assert f"{missing} is not set" in done.stderr


def test_a_base_that_may_change_is_refused() -> None:
    done = release("--dry-run", "image", BASE="debian:bookworm-slim")
    assert done.returncode == 2
    assert "name it by digest" in done.stderr
    pinned = "debian@sha256:" + "0" * 64
    assert release("--dry-run", "image", BASE=pinned).returncode == 0
    loose = release("--dry-run", "image", BASE="debian:bookworm-slim", BASE_UNPINNED="1")
    assert loose.returncode == 0


def test_no_step_and_a_wrong_step_say_what_there_is() -> None:
    assert "sums" in release().stderr
    done = release("puhs")
    assert done.returncode == 2
    assert "no step 'puhs'" in done.stderr


def test_the_packed_chart_is_whole_and_listed(tmp_path: Path) -> None:
    done = release("chart", "sums", OUT=str(tmp_path))
    assert done.returncode == 0, done.stderr
    (chart,) = tmp_path.glob("weir-*.tgz")
    with tarfile.open(chart) as packed:
        names = packed.getnames()
    rules = {file.name for file in (ROOT / "deploy/monitoring/rules").glob("*.yml")}
    assert rules == {Path(name).name for name in names if "/rules/" in name}
    assert {"weir/values.schema.json", "weir/dashboards/service.json"} <= set(names)
    digest = hashlib.sha256(chart.read_bytes()).hexdigest()
    assert (tmp_path / "SHA256SUMS").read_text() == f"{digest}  {chart.name}\n"
    command = [ROOT / "build/tools/helm", "template", "w", chart, "--kube-version", "1.34.4"]
    command += ["-f", ROOT / "deploy/helm/weir/values/production.yaml"]
    rendered = subprocess.run(command, capture_output=True, text=True)
    assert rendered.returncode == 0, rendered.stderr
    assert "PrometheusRule" in rendered.stdout


def test_a_release_is_signed_and_what_changes_it_is_seen(tmp_path: Path) -> None:
    def openssl(*words: object) -> None:
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)

    private, public, out = tmp_path / "key.pem", tmp_path / "public.pem", tmp_path / "out"
    openssl("genpkey", "-algorithm", "ed25519", "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    settings = {"OUT": str(out), "SIGNING_KEY": str(private), "PUBLIC_KEY": str(public)}
    done = release("chart", "sums", "sign", "verify", **settings)
    assert done.returncode == 0, done.stderr
    sums = (out / "SHA256SUMS").read_text()
    (chart,) = out.glob("weir-*.tgz")
    packed = chart.read_bytes()
    chart.write_bytes(packed + b"x")
    changed = release("verify", **settings)
    assert changed.returncode != 0 and chart.name in changed.stdout
    # Sums that fit the changed file are not the signed ones.
    digest = hashlib.sha256(packed + b"x").hexdigest()
    (out / "SHA256SUMS").write_text(f"{digest}  {chart.name}\n")
    assert release("verify", **settings).returncode != 0
    chart.write_bytes(packed)
    (out / "SHA256SUMS").write_text(sums)
    assert release("verify", **settings).returncode == 0


@pytest.mark.parametrize(
    ("ecosystem", "fixed", "code", "says"),
    [
        ("Debian:12", "3.0.9-1", 1, "openssl 3.0.1-1: DSA-1, mended in 3.0.9-1"),
        ("Debian:11", "3.0.9-1", 0, "0 known faults are mended, 1 have no newer version"),
        ("Debian:12", None, 0, "0 known faults are mended, 1 have no newer version"),
    ],
)
def test_a_fault_stops_a_release_where_a_newer_version_mends_it(
    tmp_path: Path, ecosystem: str, fixed: str | None, code: int, says: str
) -> None:
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    affected = {
        "package": {"name": "openssl", "ecosystem": ecosystem},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    package = {"name": "openssl", "version": "3.0.1-1", "ecosystem": "Debian:12"}
    found = {"package": package, "vulnerabilities": [{"id": "DSA-1", "affected": [affected]}]}
    (tmp_path / "found.json").write_text(json.dumps({"results": [{"packages": [found]}]}))
    command = [sys.executable, ROOT / "deploy/docker/known_faults.py", tmp_path / "found.json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == code
    assert says in done.stdout + done.stderr
