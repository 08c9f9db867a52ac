"""A one-node Kubernetes of real parts: API server, controllers, scheduler, kubelet, containerd.

Needs root, and namespaces of its own for network, mounts and processes: tools/e2e.sh makes them, so
that nothing clashes with the machine and nothing is left when it ends. Addresses are fixed.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "build/tools"
NODE, PODS, SERVICES = "10.230.0.1", "10.232.0.0/24", "10.231.0.0/24"
REGISTRY = "localhost:5000"


def wait(what: str, done: Callable[[], Any], seconds: float = 60) -> float:
    """Seconds until `done`; fails with `what` after too many."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < seconds, f"{what}: not within {seconds} s"
        time.sleep(0.2)
    return time.monotonic() - began


def run(*words: object, fails: bool = False, text: str | None = None) -> str:
    """What a command that must succeed (or must fail) printed."""
    done = subprocess.run(
        [str(word) for word in words], input=text, capture_output=True, text=True, timeout=300
    )
    said = done.stdout + (done.stderr if fails or done.returncode else "")
    assert (done.returncode != 0) == fails, f"{words}\n{said}"
    return said


def succeeds(*words: object) -> bool:
    """Whether a command does."""
    done = subprocess.run([str(word) for word in words], capture_output=True, timeout=60)
    return done.returncode == 0


CONTAINERD = """version = 2
root = "{folder}/containerd/root"
state = "{folder}/containerd/state"
oom_score = 0
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.internal.v1.opt"]
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""

PAUSE = """#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void stop(int s) { (void)s; _exit(0); }
static void reap(int s) { (void)s; while (waitpid(-1, 0, WNOHANG) > 0) {} }
int main(void) {
  signal(SIGINT, stop);
  signal(SIGTERM, stop);
  signal(SIGCHLD, reap);
  for (;;) pause();
}
"""


class Cluster:
    """Started by `start`; its processes end with the namespace of processes they live in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.programs = folder / "bin"
        for name in ("bin", "log", "etcd", "containerd", "kubelet", "cni", "volumes", "pki"):
            (folder / name).mkdir(parents=True)
        for name in ("apiserver", "controller-manager", "scheduler", "proxy"):
            (self.programs / f"kube-{name}").symlink_to(TOOLS / "kubernetes")
        for name in ("kubelet", "kubectl"):
            (self.programs / name).symlink_to(TOOLS / "kubernetes")
        for name in ("metrics-server", "prometheus-metrics"):
            (self.programs / name).symlink_to(TOOLS / "metrics")
        os.environ["KUBECONFIG"] = str(folder / "pki/admin.conf")

    def spawn(self, name: str, *command: object) -> subprocess.Popen[bytes]:
        """A process in the background, its output in log/NAME."""
        with (self.folder / "log" / name).open("wb") as log:
            made = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log)
        self.processes.append(made)
        return made

    def kubectl(self, *words: object, **options: Any) -> str:
        """What kubectl says."""
        return run(self.programs / "kubectl", *words, **options)

    def get(self, *words: object) -> Any:
        """Objects as the API has them."""
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def start(self) -> None:
        """All of it."""
        self._network()
        run(ROOT / "tests/cluster/pki.sh", self.folder / "pki", NODE, "10.231.0.1")
        self._control_plane()
        self._node()

    def _network(self) -> None:
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "node0", "type", "veth", "peer", "name", "node0p")
        run("ip", "addr", "replace", f"{NODE}/24", "dev", "node0")
        run("ip", "link", "set", "node0p", "up")
        run("ip", "link", "set", "node0", "up")
        run("ip", "route", "replace", "default", "dev", "node0")
        run("sysctl", "-qw", "net.ipv4.ip_forward=1")

    def _control_plane(self) -> None:
        pki, store = self.folder / "pki", "http://127.0.0.1:2379"
        self.spawn(
            "etcd",
            *("etcd", "--data-dir", self.folder / "etcd", "--unsafe-no-fsync"),
            *("--listen-client-urls", store, "--advertise-client-urls", store),
            *("--listen-peer-urls", "http://127.0.0.1:2380"),
        )
        self.spawn(
            "apiserver",
            self.programs / "kube-apiserver",
            *(f"--etcd-servers={store}", "--bind-address=0.0.0.0", f"--advertise-address={NODE}"),
            *("--secure-port=6443", f"--service-cluster-ip-range={SERVICES}"),
            *("--allow-privileged=true", "--authorization-mode=Node,RBAC"),
            *(f"--client-ca-file={pki}/ca.crt", f"--tls-cert-file={pki}/apiserver.crt"),
            *(f"--tls-private-key-file={pki}/apiserver.key",),
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-client-certificate={pki}/admin.crt",
            f"--kubelet-client-key={pki}/admin.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pki}/sa.pub",
            f"--service-account-signing-key-file={pki}/sa.key",
            f"--requestheader-client-ca-file={pki}/ca.crt",
            "--requestheader-allowed-names=front-proxy-client",
            "--enable-aggregator-routing=true",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={pki}/front-proxy.crt",
            f"--proxy-client-key-file={pki}/front-proxy.key",
        )
        ready = (self.programs / "kubectl", "get", "--raw", "/readyz")
        wait("API server ready", lambda: succeeds(*ready), 90)
        self.spawn(
            "controllers",
            self.programs / "kube-controller-manager",
            *(f"--kubeconfig={pki}/admin.conf", "--leader-elect=false"),
            f"--service-account-private-key-file={pki}/sa.key",
            f"--root-ca-file={pki}/ca.crt",
            # Waits of minutes, made short.
            *("--horizontal-pod-autoscaler-sync-period=5s",),
            "--horizontal-pod-autoscaler-initial-readiness-delay=5s",
            "--horizontal-pod-autoscaler-cpu-initialization-period=10s",
            "--horizontal-pod-autoscaler-downscale-stabilization=20s",
        )
        self.spawn(
            "scheduler",
            self.programs / "kube-scheduler",
            *(f"--kubeconfig={pki}/admin.conf", "--leader-elect=false"),
        )

    def _node(self) -> None:
        folder, pki = self.folder, self.folder / "pki"
        (folder / "containerd.toml").write_text(CONTAINERD.format(folder=folder))
        bridge = {
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": True,
            "ipMasq": False,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "dataDir": f"{folder}/cni-addresses",
                "ranges": [[{"subnet": PODS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
        ports = {"type": "portmap", "capabilities": {"portMappings": True}}
        net = {"cniVersion": "1.0.0", "name": "weir", "plugins": [bridge, ports]}
        (folder / "cni/10-bridge.conflist").write_text(json.dumps(net))
        self.spawn("containerd", "containerd", "--config", folder / "containerd.toml")
        wait("containerd", lambda: succeeds(*self.ctr("version")))
        self._pause_image()
        kubelet = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "cgroupDriver": "cgroupfs",
            "failSwapOn": False,
            "containerRuntimeEndpoint": f"unix://{folder}/containerd.sock",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": False},
                "x509": {"clientCAFile": f"{pki}/ca.crt"},
            },
            "authorization": {"mode": "AlwaysAllow"},
            "resolvConf": "",
            "imageGCHighThresholdPercent": 100,
            # The machine's disk is shared: shares of it say nothing.
            "evictionHard": {
                "memory.available": "200Mi",
                "nodefs.available": "1Gi",
                "imagefs.available": "1Gi",
            },
            "makeIPTablesUtilChains": False,
            "podLogsDir": f"{folder}/pods",
        }
        (folder / "kubelet.yaml").write_text(json.dumps(kubelet))
        self.spawn(
            "kubelet",
            self.programs / "kubelet",
            *("--config", folder / "kubelet.yaml", f"--kubeconfig={pki}/admin.conf"),
            *("--root-dir", folder / "kubelet", "--cert-dir", folder / "kubelet/pki"),
            *("--hostname-override=node0", f"--node-ip={NODE}"),
        )
        proxy = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "hostnameOverride": "node0",
            "clusterCIDR": PODS,
            "clientConnection": {"kubeconfig": f"{pki}/admin.conf"},
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
        }
        (folder / "proxy.yaml").write_text(json.dumps(proxy))
        self.spawn("proxy", self.programs / "kube-proxy", "--config", folder / "proxy.yaml")
        self.kubectl("wait", "--for=create", "node/node0", "--timeout=60s")
        self.kubectl("wait", "--for=condition=Ready", "node/node0", "--timeout=60s")

    def ctr(self, *words: object) -> tuple[object, ...]:
        """A command to containerd."""
        return ("ctr", "-a", self.folder / "containerd.sock", "-n", "k8s.io", *words)

    def _pause_image(self) -> None:
        """What holds a pod's namespaces; a static program, as an OCI archive made by buildah."""
        (self.folder / "pause.c").write_text(PAUSE)
        run("gcc", "-static", "-Os", "-s", "-o", self.folder / "pause", self.folder / "pause.c")
        made = run(*BUILDAH, "from", "scratch").strip()
        run(*BUILDAH, "copy", "-q", made, self.folder / "pause", "/pause")
        run(*BUILDAH, "config", "--entrypoint", '["/pause"]', "--user", "65535", made)
        run(*BUILDAH, "commit", "-q", *POLICY, made, "localhost/pause:1")
        run(*BUILDAH, "rm", made)
        archive = self.folder / "pause.tar"
        run(
            *BUILDAH,
            "push",
            "-q",
            *POLICY,
            "localhost/pause:1",
            f"docker-archive:{archive}:localhost/pause:1",
        )
        run(*self.ctr("images", "import", archive))

    def volume(self, name: str, mode: str, size: str, content: Path | None = None) -> Path:
        """A folder of this machine as a persistent volume that weir's user may write."""
        folder = self.folder / "volumes" / name
        folder.mkdir()
        if content is not None:
            shutil.copytree(content, folder, dirs_exist_ok=True)
        for one in (folder, *folder.rglob("*")):
            os.chown(one, 10001, 10001)
        spec = {
            "capacity": {"storage": size},
            "accessModes": [mode],
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": str(folder)},
        }
        made = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": spec,
        }
        self.kubectl("apply", "-f", "-", text=json.dumps(made))
        return folder

    def registry(self) -> None:
        """A registry at REGISTRY, empty."""
        (self.folder / "registry.yml").write_text(
            "version: 0.1\n"
            f"storage: {{filesystem: {{rootdirectory: {self.folder}/registry}}}}\n"
            "http: {addr: '127.0.0.1:5000'}\n"
        )
        self.spawn("registry", "docker-registry", "serve", self.folder / "registry.yml")
        probe = ("curl", "-fs", f"http://{REGISTRY}/v2/")
        wait("registry", lambda: succeeds(*probe))

    def push(self, image: str, tag: str) -> None:
        """An image of this machine into the registry under a tag."""
        remote = f"docker://{REGISTRY}/weir:{tag}"
        run(*BUILDAH, "push", "-qD", *POLICY, "--tls-verify=false", image, remote)

    def stop(self) -> None:
        """The parts; pods end with the namespace of processes they live in."""
        for process in reversed(self.processes):
            process.kill()
            process.wait()


STORE = ROOT / "build/image"
BUILDAH: list[object] = ["buildah", "--root", STORE / "store", "--runroot", STORE / "runroot"]
BUILDAH += ["--storage-driver", os.environ.get("STORAGE_DRIVER", "overlay")]
POLICY: list[object] = ["--signature-policy", STORE / "policy.json"]
