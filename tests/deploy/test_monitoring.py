"""Rules, alerts and dashboards: valid, tested, explained, and about metrics that exist."""

import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from monitoring import ROOT, RULES, Monitoring, faster, wait
from service import Service, payments

MONITORING = ROOT / "deploy/monitoring"
BOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
TESTS = sorted((MONITORING / "tests").glob("*.yml"))
# Of Kubernetes, of Prometheus itself, of the probe, and of what `make stack` starts, which
# tests/lifecycle asks for them; weir's own are in the catalogue.
FOREIGN = {
    "up",
    "probe_success",
    "probe_duration_seconds",
    "ALERTS",
    "container_cpu_usage_seconds_total",
    "kube_horizontalpodautoscaler_spec_max_replicas",
    "kube_horizontalpodautoscaler_status_current_replicas",
    "kube_pod_container_resource_limits",
    "airflow_dag_processing_import_errors",
    "airflow_dag_processing_total_parse_time",
    "airflow_dag_processor_heartbeat",
    "airflow_dagrun_duration_failed",
    "airflow_dagrun_duration_success",
    "airflow_executor_queued_tasks",
    "airflow_executor_running_tasks",
    "airflow_scheduler_heartbeat",
    "airflow_scheduler_tasks_starving",
    "jvm_memory_used_bytes",
    "kafka_controller_kafkacontroller_offlinepartitionscount",
    "kafka_log_log_size",
    "kafka_network_requestmetrics_totaltimems",
    "kafka_server_brokertopicmetrics_messagesin_total",
    "kafka_server_replicamanager_underreplicatedpartitions",
    "mlflow_http_request_duration_seconds",
    "mlflow_http_request_total",
    "versitygw_bytes_read",
    "versitygw_bytes_written",
    "versitygw_failed",
    "versitygw_success",
}
OWNERS = "weir|kube|container|probe|airflow|jvm|kafka|mlflow|versitygw"


def rules() -> list[dict[str, Any]]:
    """Every rule of every file."""
    groups = [
        group
        for file in RULES.glob("*.yml")
        for group in yaml.safe_load(file.read_text())["groups"]
    ]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """Alerts by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Panels, those in rows too."""
    return [one for panel in board["panels"] for one in (panel, *panel.get("panels", []))]


def expressions() -> list[str]:
    """Every PromQL expression that rules and dashboards use."""
    boards = [json.loads(file.read_text()) for file in BOARDS]
    queries = [t["expr"] for b in boards for p in panels(b) for t in p["targets"]]
    return [rule["expr"] for rule in rules()] + queries


def test_the_files_are_valid() -> None:
    for command in (
        ["promtool", "check", "rules", *RULES.glob("*.yml")],
        ["promtool", "check", "config", "--syntax-only", MONITORING / "prometheus.yml"],
        ["amtool", "check-config", MONITORING / "alertmanager.yml"],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_and_resolves() -> None:
    tested = [one for file in TESTS for one in yaml.safe_load(file.read_text())["tests"]]
    assert {one["name"] for one in tested} == set(alerts())
    for one in tested:
        counts = [len(check["exp_samples"]) for check in one["promql_expr_test"]]
        assert counts == [0, 1, 0], f"{one['name']}: silent, firing, silent again"
    done = subprocess.run(["promtool", "test", "rules", *TESTS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_runbook_a_panel_and_a_severity() -> None:
    page = (ROOT / "docs/operating/alerts.md").read_text()
    sections = set(re.findall(r"^### (\w+)$", page, re.M))
    assert sections == set(alerts())
    ids = {
        f"/d/{board['uid']}?viewPanel={panel['id']}"
        for board in (json.loads(file.read_text()) for file in BOARDS)
        for panel in panels(board)
    }
    for name, alert in alerts().items():
        assert alert["labels"]["severity"] in ("page", "ticket"), name
        notes = alert["annotations"]
        assert notes["runbook"] == f"docs/operating/alerts.md#{name.lower()}"
        assert notes["panel"] in ids, f"{name}: no panel {notes['panel']}"
        assert notes["summary"], name


def test_metrics_exist_and_are_used() -> None:
    catalogue = (ROOT / "docs/reference/metrics.md").read_text()
    known = set(re.findall(r"^\| `(\w+)`", catalogue, re.M))
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used: set[str] = set()
    for expr in expressions():
        bare = re.sub(r'"[^"]*"', "", expr)
        for name in re.findall(r"[a-zA-Z_][\w:]*", bare):
            if ":" in name:
                assert name in recorded, f"{name} is recorded by no rule: {expr}"
            elif re.match(rf"({OWNERS})_", name) or name in ("up", "ALERTS"):
                used.add(name)
    families = {re.sub(r"_(bucket|sum|count)$", "", n) if n not in known else n for n in used}
    assert families - known - FOREIGN == set(), "used, and not in the catalogue"
    assert known - families == set(), "in the catalogue, and on no dashboard"


def test_the_dashboards_are_what_the_script_writes() -> None:
    code = "import dashboards, json; print(json.dumps(dashboards.files()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "deploy/grafana",
        capture_output=True,
        text=True,
        check=True,
    )
    written = {file.name: file.read_text() for file in BOARDS}
    assert json.loads(done.stdout) == written, "run python deploy/grafana/dashboards.py"


@pytest.mark.parametrize("file", BOARDS, ids=lambda file: file.stem)
def test_a_dashboard_is_complete(file: Path) -> None:
    board = json.loads(file.read_text())
    ids = [panel["id"] for panel in panels(board)]
    assert len(ids) == len(set(ids))
    assert board["uid"] == f"weir-{file.stem}"
    for panel in panels(board):
        assert panel["title"] and panel["description"] and panel["targets"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"]["uid"] == "${datasource}"


def test_time_runs_faster_only_in_windows_and_waits() -> None:
    assert (
        faster("rate(a[5m]) > 900 offset 1h\nfor: 10m")
        == "rate(a[10s]) > 900 offset 120s\nfor: 20s"
    )


def load(service: Service, stop: threading.Event) -> None:
    """Payments with a fault now and then, and feedback, until told to stop."""
    first = 0
    while not stop.is_set():
        batch = list(payments(first, 20))
        service.post("/v1/decisions/batch", [*batch, {**batch[0], "amount": "-1"}])
        service.post("/v1/decisions", batch[0])
        service.post("/v1/decisions", next(payments(first + 20, 1)))
        outcome = {"transaction_id": batch[0]["transaction_id"], "outcome": "genuine"}
        service.post("/v1/feedback", {**outcome, "source": "challenge"})
        first += 21
        time.sleep(0.1)


def test_every_panel_shows_data_under_load(bundle: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    with Service(bundle, tmp_path / "journal") as service:
        service.wait_ready()
        worker = threading.Thread(target=load, args=(service, stop))
        worker.start()
        try:
            probed = {"mlflow": f"http://127.0.0.1:{service.metrics_port}/healthz"}
            with Monitoring(
                tmp_path / "prometheus", [service.metrics_port], probed=probed
            ) as prometheus:
                wait("burn of 6 h", lambda: prometheus.query("job:weir_damage_burn:6h"))
                wait("arms", lambda: prometheus.query("job_arm:weir_decisions:rate1h"))
                time.sleep(5)
                # The stream's are asked where there is a broker: tests/stream; Airflow's and the
                # like where these run: tests/lifecycle.
                boards = [file for file in BOARDS if file.stem != "stream"]
                others = "(airflow|mlflow|versitygw)_"
                empty = [
                    one for file in boards for one in prometheus.empty_panels(file, without=others)
                ]
                assert empty == []
        finally:
            stop.set()
            worker.join()
