"""Prometheus, Alertmanager and what gets them the figures of the local stack.

The files of deploy/monitoring, with the addresses of this stack.
"""

import json
import shutil
from pathlib import Path

from layout import ROOT, Layout, Program, Service, answers, keys

MONITORING = ROOT / "deploy/monitoring"
# Nobody is told here; deploy/monitoring/alertmanager.yml has mail and Telegram.
ALERTMANAGER = "route: {receiver: nobody, group_by: [alertname]}\nreceivers: [{name: nobody}]\n"


def monitoring_service(layout: Layout) -> Service:
    """Prometheus, Alertmanager, the receiver of StatsD, and the probe of who answers."""
    folder = layout.root / "monitoring"
    ports = {"prometheus": 6, "alertmanager": 7, "blackbox": 8, "statsd": 11}
    ports = {name: layout.base_port + offset for name, offset in ports.items()}
    listen = {name: f"--web.listen-address=127.0.0.1:{port}" for name, port in ports.items()}
    commands = {
        "prometheus": f"prometheus --config.file={folder}/prometheus.yml "
        f"--storage.tsdb.path={folder}/data",
        "alertmanager": f"prometheus-alertmanager --config.file={folder}/alertmanager.yml "
        f"--storage.path={folder}/alertmanager --cluster.listen-address=",
        "blackbox": f"prometheus-blackbox-exporter --config.file={folder}/blackbox.yml",
        "statsd": f"{ROOT}/build/stack/statsd_exporter "
        f"--statsd.mapping-config={folder}/statsd.yml "
        f"--statsd.listen-udp=127.0.0.1:{layout.statsd_port} --statsd.listen-tcp=",
    }
    return Service(
        "monitoring",
        tuple(
            Program(name, f"{command} {listen[name]}", ports[name], {})
            for name, command in commands.items()
        ),
        lambda: all(answers(f"http://127.0.0.1:{port}/-/healthy") for port in ports.values()),
        lambda: write_files(folder, layout, ports),
    )


def write_files(folder: Path, layout: Layout, ports: dict[str, int]) -> None:
    """`ports`: of the programs that watch; weir is on its default port."""
    (folder / "targets").mkdir(parents=True, exist_ok=True)
    shutil.copytree(MONITORING / "rules", folder / "rules", dirs_exist_ok=True)
    for name in ("prometheus.yml", "blackbox.yml", "statsd.yml"):
        shutil.copyfile(MONITORING / name, folder / name)
    (folder / "alertmanager.yml").write_text(ALERTMANAGER)
    password = folder / "mlflow.password"
    password.touch(mode=0o600)
    password.write_text(keys(layout)["MLFLOW_TRACKING_PASSWORD"])
    probed = {
        "s3": f"{layout.s3}/",
        "mlflow": f"{layout.mlflow}/health",
        "airflow": f"{layout.airflow}/api/v2/monitor/health",
    }
    scraped = {name: ports[name] for name in ("prometheus", "alertmanager", "statsd")}
    scraped |= {"weir": 9090, "mlflow": layout.base_port + 2, "kafka": layout.kafka_metrics_port}
    targets: dict[str, list[dict[str, object]]] = {
        name: [{"targets": [f"127.0.0.1:{port}"]}] for name, port in scraped.items()
    }
    targets["probe"] = [
        {
            "targets": [address],
            "labels": {"service": name, "blackbox": f"127.0.0.1:{ports['blackbox']}"},
        }
        for name, address in probed.items()
    ]
    for name, listed in targets.items():
        (folder / f"targets/{name}.json").write_text(json.dumps(listed, indent=1) + "\n")
