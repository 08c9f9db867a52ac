"""`make image`: built twice alike, small; it decides from inside; a registry gives it back."""

import json
import os
import subprocess
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from monitoring import free_port, wait

STORE = ROOT / "build/image"
BUILDAH = ["buildah", "--root", STORE / "store", "--runroot", STORE / "runroot"]
BUILDAH += ["--storage-driver", os.environ.get("STORAGE_DRIVER", "overlay")]
POLICY = ["--signature-policy", STORE / "policy.json"]


def run(*words: object, fails: bool = False, **settings: str) -> str:
    """The output of a command that must succeed (or must fail)."""
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        env={**os.environ, **settings},
    )
    assert (done.returncode != 0) == fails, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def tag() -> str:
    """The image, built."""
    return run(ROOT / "deploy/docker/build.sh").splitlines()[-1]


def inspect(tag: str) -> Any:
    """What buildah knows of it."""
    return json.loads(run(*BUILDAH, "inspect", "--type", "image", tag))


def test_the_same_commit_gives_the_same_layers(tag: str) -> None:
    first = inspect(tag)
    run(*BUILDAH, "rmi", tag)
    # Nothing of the first compilation is used again.
    again = run(ROOT / "deploy/docker/build.sh", COMPILER_CACHE="0")
    assert again.splitlines()[-1] == tag
    config = first["Docker"]
    assert config["rootfs"] == inspect(tag)["Docker"]["rootfs"]
    assert config["config"]["User"] == "10001:10001"
    assert "curl" in config["config"]["Healthcheck"]["Test"][1]
    labels = config["config"]["Labels"]
    assert labels["org.opencontainers.image.revision"] in tag and not tag.endswith(":latest")


class Container:
    """The image under runc: its own root, read only, no capabilities, user 10001."""

    def __init__(self, tag: str, folder: Path, bundle: Path) -> None:
        self.name = f"weir-{os.getpid()}"
        self.port, self.metrics_port = free_port(), free_port()
        self.made = run(*BUILDAH, "from", "--pull-never", *POLICY, tag)
        self.root = Path(run(*BUILDAH, "mount", self.made))
        (folder / "journal").mkdir()
        os.chown(folder / "journal", 10001, 10001)
        run("runc", "spec", "--bundle", folder)
        spec = json.loads((folder / "config.json").read_text())
        process = spec["process"]
        process["terminal"] = False
        process["user"] = {"uid": 10001, "gid": 10001}
        config = inspect(tag)["Docker"]["config"]
        process["env"] = config["Env"]
        process["cwd"] = "/journal"
        process["args"] = [*config["Entrypoint"], "serve", "/bundle", "--journal", "/journal"]
        process["args"] += ["--listen", f"127.0.0.1:{self.port}"]
        process["args"] += ["--metrics-listen", f"127.0.0.1:{self.metrics_port}"]
        process["capabilities"] = {kind: [] for kind in process["capabilities"]}
        process.pop("rlimits", None)
        spec["root"] = {"path": str(self.root), "readonly": True}
        spec["linux"]["namespaces"] = [
            one for one in spec["linux"]["namespaces"] if one["type"] != "network"
        ]
        for inside, outside, how in (
            ("/bundle", bundle, "ro"),
            ("/journal", folder / "journal", "rw"),
        ):
            (self.root / inside.strip("/")).mkdir(exist_ok=True)
            spec["mounts"].append(
                {
                    "destination": inside,
                    "type": "bind",
                    "source": str(outside),
                    "options": ["bind", how],
                }
            )
        (folder / "config.json").write_text(json.dumps(spec))
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            ["runc", "run", "--bundle", folder, self.name], stdout=self.log, stderr=self.log
        )

    def inside(self, *words: object) -> subprocess.CompletedProcess[str]:
        """A command run in the container."""
        command = ["runc", "exec", self.name, *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True)

    def close(self) -> None:
        subprocess.run(["runc", "delete", "--force", self.name], capture_output=True)
        self.process.wait(timeout=30)
        run(*BUILDAH, "rm", self.made)


@pytest.fixture
def container(tag: str, bundle: Path, tmp_path: Path) -> Iterator[Container]:
    """A running one."""
    for folder in (bundle, *bundle.rglob("*")):
        folder.chmod(0o755 if folder.is_dir() else 0o644)
    made = Container(tag, tmp_path, bundle)
    yield made
    print((tmp_path / "log").read_text())
    made.close()


def test_it_decides_from_inside_and_drains(container: Container) -> None:
    url = f"http://127.0.0.1:{container.port}"
    ready = ("curl", "-fsS", f"{url}/readyz")
    wait("ready", lambda: container.inside(*ready).returncode == 0)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sent = {"transaction_id": 1, "event_time": moment, "customer_id": 5, "terminal_id": 2}
    answer = container.inside(
        *("curl", "-fsS", f"{url}/v1/decisions", "-H", "Content-Type: application/json"),
        *("-d", json.dumps({**sent, "amount": "57.16"})),
    )
    assert json.loads(answer.stdout)["decision"] in ("approve", "challenge", "decline")
    assert container.inside("touch", "/usr/x").returncode != 0, "the root is read only"
    assert container.inside("sh", "-c", "command -v gcc cc c++ make").returncode != 0
    components = json.loads(container.inside("cat", "/usr/share/weir/sbom.cdx.json").stdout)
    assert {"pyarrow", "libssl3"} <= {one["name"] for one in components["components"]}
    subprocess.run(["runc", "kill", container.name, "TERM"], check=True)
    assert container.process.wait(timeout=30) == 0, "SIGTERM: committed, a last snapshot, 0"


def test_a_release_holds_the_image_and_its_contents(tag: str, tmp_path: Path) -> None:
    script = ROOT / "tools/release.sh"
    subprocess.run(
        [script, "chart", "archive", "sums"], env={**os.environ, "OUT": str(tmp_path)}, check=True
    )
    name = tag.removeprefix("localhost/").replace(":", "-")
    wanted = {f"{name}.tar.gz", f"{name}.cdx.json", "weir-0.1.0.tgz", "SHA256SUMS"}
    assert {file.name for file in tmp_path.iterdir()} == wanted
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True)
    with tarfile.open(tmp_path / f"{name}.tar.gz") as archive:
        described = json.load(archive.extractfile("manifest.json"))
    assert described[0]["RepoTags"] == [tag]
    listed = json.loads((tmp_path / f"{name}.cdx.json").read_text())
    assert listed["bomFormat"] == "CycloneDX" and len(listed["components"]) > 50


def test_packages_that_debian_has_mended_are_found(tag: str, tmp_path: Path) -> None:
    run(ROOT / "tools/release.sh", "updates", OUT=str(tmp_path))
    status = (STORE / "dpkg-status").read_text()
    version = status.split("Package: libssl3\n")[1].split("Version: ")[1].split("\n")[0]
    (tmp_path / "status").write_text(status.replace(f"Version: {version}", "Version: 3.0.1-1"))
    old = subprocess.run(
        [ROOT / "deploy/docker/updates.sh", tmp_path / "status"], capture_output=True, text=True
    )
    assert old.returncode == 1
    assert "libssl3: 3.0.1-1 -> " in old.stderr and "take a newer BASE" in old.stderr


def database(folder: Path, *faults: tuple[str, str, str, str | None]) -> Path:
    """A copy of the OSV database with these faults: id, ecosystem, package, mended in."""
    for name, ecosystem, package, mended in faults:
        events = [{"introduced": "0"}, *([{"fixed": mended}] if mended else [])]
        affected = {
            "package": {"name": package, "ecosystem": ecosystem},
            "ranges": [{"type": "ECOSYSTEM", "events": events}],
        }
        told = {"schema_version": "1.6.0", "id": name, "modified": "2026-01-01T00:00:00Z"}
        archive = folder / "osv-scalibr" / ecosystem.partition(":")[0] / "all.zip"
        archive.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(archive, "a") as packed:
            packed.writestr(f"{name}.json", json.dumps({**told, "affected": [affected]}))
    return folder


def test_known_faults_are_found(tag: str, tmp_path: Path) -> None:
    out = tmp_path / "release"
    run(ROOT / "tools/release.sh", "archive", OUT=str(out))
    script = ROOT / "tools/release.sh"
    open_only = [
        ("DSA-1", "Debian:12", "openssl", None),
        ("PYSEC-1", "PyPI", "pyarrow", "1.0.0"),
    ]
    copy = database(tmp_path / "open", *open_only)
    told = run(script, "scan", OUT=str(out), OSV_DATABASE=str(copy))
    assert "scan: 0 known faults are mended, 1 have no newer version" in told
    copy = database(
        tmp_path / "mended",
        ("DSA-1", "Debian:12", "openssl", "99.0-1"),
        ("PYSEC-1", "PyPI", "pyarrow", "99.0.0"),
    )
    done = subprocess.run(
        [script, "scan"],
        capture_output=True,
        text=True,
        env={**os.environ, "OUT": str(out), "OSV_DATABASE": str(copy)},
    )
    assert done.returncode == 1
    assert "DSA-1, mended in 99.0-1" in done.stderr
    assert "PYSEC-1, mended in 99.0.0" in done.stderr


def test_the_jobs_image_is_built_twice_alike_and_tells_how_a_job_is_called() -> None:
    tag = run(ROOT / "deploy/docker/build_jobs.sh").splitlines()[-1]
    first = inspect(tag)["Docker"]["rootfs"]
    run(*BUILDAH, "rmi", tag)
    assert run(ROOT / "deploy/docker/build_jobs.sh").splitlines()[-1] == tag
    assert inspect(tag)["Docker"]["rootfs"] == first
    made = run(*BUILDAH, "from", "--pull-never", *POLICY, tag)
    try:
        asked = ("run", "--isolation", "chroot", made, "--", "python3", "/opt/weir/jobs/clean.py")
        assert "--accept-rule" in run(*BUILDAH, *asked, "--help")
        assert inspect(tag)["Docker"]["config"]["User"] == "10001:10001"
        # Whatever a program makes up when it is first imported would differ from build to build.
        assert not any((Path(run(*BUILDAH, "mount", made)) / "tmp").iterdir())
    finally:
        run(*BUILDAH, "rm", made)


def test_it_is_small(tag: str) -> None:
    container = run(*BUILDAH, "from", "--pull-never", *POLICY, tag)
    root = run(*BUILDAH, "mount", container)
    size = int(run("du", "-sbx", root).split()[0])
    run(*BUILDAH, "rm", container)
    print(f"image {tag}: {size / 1e6:.0f} MB")
    assert size <= 250e6


def test_a_registry_gives_back_what_it_got(tag: str, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "registry.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/registry}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with (tmp_path / "registry.log").open("wb") as log:
        registry = subprocess.Popen(
            ["docker-registry", "serve", tmp_path / "registry.yml"], stdout=log, stderr=log
        )
    try:
        remote = f"docker://127.0.0.1:{port}/{tag.removeprefix('localhost/')}"
        probe = ("curl", "-fs", f"http://127.0.0.1:{port}/v2/")
        wait("registry", lambda: subprocess.run(probe, capture_output=True).returncode == 0)
        run(*BUILDAH, "push", *POLICY, "--tls-verify=false", tag, remote)
        copy = f"dir:{tmp_path}/copy"
        run(
            "skopeo",
            "--policy",
            STORE / "policy.json",
            "copy",
            "--src-tls-verify=false",
            remote,
            copy,
        )
        pulled = json.loads((tmp_path / "copy/manifest.json").read_text())
        digest = pulled["config"]["digest"].removeprefix("sha256:")
        config = json.loads((tmp_path / "copy" / digest).read_text())
        assert config["rootfs"]["diff_ids"] == inspect(tag)["Docker"]["rootfs"]["diff_ids"]
    finally:
        registry.terminate()
        registry.wait(timeout=30)
