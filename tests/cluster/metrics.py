"""What an autoscaler asks: metrics-server for CPU, and a Prometheus that scrapes weir's pods for
the rest. Processes of the node, known to the API server as in a cluster of several."""

import json
import re
import threading
from pathlib import Path

from cluster import NODE, ROOT, Cluster, succeeds, wait

PROMETHEUS_PORT, CPU_PORT, PODS_PORT = 9095, 4443, 4444
LAG = "weir_stream_lag_messages"


def register(cluster: Cluster, name: str, version: str, port: int) -> None:
    """Makes an API of the server that listens on this port."""
    group = version.split(".", 1)[1]
    meta = {"name": name, "namespace": "kube-system"}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {"ports": [{"port": 443, "targetPort": port}]},
    }
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**meta, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [NODE], "conditions": {"ready": True}}],
        "ports": [{"port": port, "protocol": "TCP", "name": ""}],
    }
    api = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": version},
        "spec": {
            "group": group,
            "version": version.split(".")[0],
            "service": meta,
            "insecureSkipTLSVerify": True,  # Its certificate is made at its start.
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        },
    }
    for made in (service, endpoints, api):
        cluster.kubectl("apply", "-f", "-", text=json.dumps(made))
    ready = ("wait", "--for=condition=Available", f"apiservice/{version}", "--timeout=90s")
    cluster.kubectl(*ready)


def serve(cluster: Cluster, name: str, port: int, *flags: object) -> None:
    """One of deploy/cluster/metrics as a process."""
    config = cluster.folder / "pki/admin.conf"
    cluster.spawn(
        name,
        cluster.programs / name,
        *(f"--secure-port={port}", f"--cert-dir={cluster.folder}/{name}"),
        *(f"--authentication-kubeconfig={config}", f"--authorization-kubeconfig={config}"),
        *flags,
    )


class Metrics:
    """All of it, started; `stop` ends the thread that tells Prometheus which pods there are."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.folder = cluster, cluster.folder / "prometheus"
        config = cluster.folder / "pki/admin.conf"
        serve(
            cluster,
            "metrics-server",
            CPU_PORT,
            *(f"--kubeconfig={config}", "--kubelet-insecure-tls"),
            "--kubelet-preferred-address-types=InternalIP",
            *("--metric-resolution=10s", "--kubelet-request-timeout=5s"),
        )
        self._prometheus()
        serve(
            cluster,
            "prometheus-metrics",
            PODS_PORT,
            *(f"--lister-kubeconfig={config}", f"--metric={LAG}"),
            f"--prometheus=http://127.0.0.1:{PROMETHEUS_PORT}",
        )
        register(cluster, "metrics-server", "v1beta1.metrics.k8s.io", CPU_PORT)
        register(cluster, "prometheus-metrics", "v1beta2.custom.metrics.k8s.io", PODS_PORT)
        nodes = ("get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes/node0")
        wait("the node's CPU", lambda: succeeds(cluster.programs / "kubectl", *nodes), 90)

    def _prometheus(self) -> None:
        """Debian's cannot ask Kubernetes for pods: it reads a file that a thread keeps."""
        (self.folder / "targets").mkdir(parents=True)
        (self.folder / "rules").symlink_to(ROOT / "deploy/monitoring/rules")
        settings = (ROOT / "deploy/monitoring/prometheus.yml").read_text()
        (self.folder / "prometheus.yml").write_text(settings.replace("15s", "1s"))
        for file in re.findall(r"targets/\w+\.json", settings):
            (self.folder / file).write_text("[]")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell)
        self._thread.start()
        self.cluster.spawn(
            "prometheus",
            *("prometheus", f"--config.file={self.folder}/prometheus.yml"),
            f"--storage.tsdb.path={self.folder}/data",
            f"--web.listen-address=127.0.0.1:{PROMETHEUS_PORT}",
        )
        ready = ("curl", "-fs", f"http://127.0.0.1:{PROMETHEUS_PORT}/-/ready")
        wait("Prometheus", lambda: succeeds(*ready))

    def _tell(self) -> None:
        """Pods with an address, twice a second."""
        file, known = self.folder / "targets/weir.json", ""
        while not self._over.wait(0.5):
            try:
                pods = self.cluster.get("-n", "fraud", "pods", "-l", "app.kubernetes.io/name=weir")
            except AssertionError:  # The API server has a bad moment.
                continue
            told = json.dumps(
                [
                    {
                        "targets": [f"{pod['status']['podIP']}:9090"],
                        "labels": {"namespace": "fraud", "pod": pod["metadata"]["name"]},
                    }
                    for pod in pods["items"]
                    if pod["status"].get("podIP")
                ]
            )
            if told != known:
                part = Path(f"{file}.part")
                part.write_text(told)
                part.rename(file)
                known = told

    def stop(self) -> None:
        """The thread; processes end with the cluster."""
        self._over.set()
        self._thread.join()
