"""The local stack: starts, starts again without harm, says which port is taken, stops."""

import base64
import contextlib
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest
from stack_process import ROOT, free_base_port, read_environment, stack

sys.path.append(str(ROOT / "tests/deploy"))
from monitoring import Prometheus, wait

WEIR = Path(os.environ.get("WEIR_BINARY", ROOT / "build/release/weir"))


def test_a_second_start_leaves_what_runs_alone(tmp_path: Path) -> None:
    base = free_base_port()
    try:
        first = stack(tmp_path, base, "up", "s3")
        assert first.returncode == 0, first.stderr
        pid = (tmp_path / "supervisord.pid").read_text()
        second = stack(tmp_path, base, "up", "s3")
        assert second.returncode == 0 and "s3       was running" in second.stdout
        assert (tmp_path / "supervisord.pid").read_text() == pid
        assert "s3                       RUNNING" in stack(tmp_path, base, "status").stdout
    finally:
        down = stack(tmp_path, base, "down")
    assert "is stopped" in down.stdout
    assert "not running" in stack(tmp_path, base, "down").stdout


# What each must tell; the panels ask for more.
FIGURES = {
    "s3": 'versitygw_failed_count{service="s3"}',  # The probe, who has no key.
    "kafka": "kafka_controller_kafkacontroller_offlinepartitionscount == 0",
    "mlflow": "mlflow_exporter_info",
    "airflow": "airflow_scheduler_heartbeat",
}


def watched(root: Path, base: int, *services: str) -> Prometheus:
    """These and Prometheus, started; each target of theirs is up, and they tell their figures."""
    done = stack(root, base, "up", *services, "monitoring")
    assert done.returncode == 0, done.stdout + done.stderr
    prometheus = Prometheus(base + 6, "2m")
    jobs = {"prometheus", "alertmanager", "statsd", *{"kafka", "mlflow"}.intersection(services)}
    wait("targets", lambda: jobs <= {one["metric"]["job"] for one in prometheus.query("up == 1")})
    for name in services:
        wait(f"{name} tells", lambda name=name: prometheus.query(FIGURES[name]), 120)
    answer = {*services} - {"kafka"}
    # What was not started is shown as down.
    wait("the probe", lambda: len(prometheus.query("probe_success")) == 3)
    up = prometheus.query("probe_success == 1")
    assert {one["metric"]["service"] for one in up} == answer
    return prometheus


def test_prometheus_watches_what_the_stack_starts(tmp_path: Path) -> None:
    base = free_base_port()
    try:
        prometheus = watched(tmp_path, base, "s3", "kafka")
        assert f"Kafka    127.0.0.1:{base + 4}" in stack(tmp_path, base, "status").stdout
        wait("MLflow is down", lambda: prometheus.query('up{job="mlflow"} == 0'))
    finally:
        stack(tmp_path, base, "down")


@pytest.mark.heavy
def test_every_panel_of_the_whole_stack_shows_data(tmp_path: Path) -> None:
    base = free_base_port()
    try:
        prometheus = watched(tmp_path, base, "s3", "mlflow", "airflow", "kafka")
        environment = read_environment(tmp_path)
        over = threading.Event()
        worker = threading.Thread(target=use, args=(environment, over))
        worker.start()
        board = ROOT / "deploy/grafana/dashboards/lifecycle.json"
        others = "(airflow|mlflow|versitygw|probe)_"
        try:
            wait("no empty panel", lambda: not prometheus.empty_panels(board, others), 180)
        finally:
            over.set()
            worker.join()
        assert (tmp_path / "monitoring/mlflow.password").stat().st_mode & 0o077 == 0
        # Nothing is wrong, and nothing says so.
        firing = prometheus.query('ALERTS{alertstate="firing",alertname!="WeirDown"}')
        assert [one["metric"]["alertname"] for one in firing] == []
    finally:
        stack(tmp_path, base, "down")


def use(environment: dict[str, str], over: threading.Event) -> None:
    """Puts, gets and misses an object, and asks MLflow, until told to stop."""
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )
    who = f"{environment['MLFLOW_TRACKING_USERNAME']}:{environment['MLFLOW_TRACKING_PASSWORD']}"
    asked = urllib.request.Request(
        f"{environment['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/experiments/get?experiment_id=0",
        headers={"Authorization": f"Basic {base64.b64encode(who.encode()).decode()}"},
    )
    while not over.wait(1):
        client.put_object(Bucket="weir-raw", Key="figures", Body=b"1" * 1000)
        client.get_object(Bucket="weir-raw", Key="figures")["Body"].read()
        with contextlib.suppress(client.exceptions.NoSuchKey):
            client.get_object(Bucket="weir-raw", Key="not there")
        urllib.request.urlopen(asked, timeout=30).close()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    base = free_base_port()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", base + 1))
        other.listen()
        done = stack(tmp_path, base, "up", "s3")
    stack(tmp_path, base, "down")
    assert done.returncode == 1
    assert f"s3: port {base + 1} of 127.0.0.1 is taken by another program" in done.stderr
    assert "WEIR_STACK_PORT" in done.stderr


def test_kafka_names_a_taken_port(tmp_path: Path) -> None:
    base = free_base_port()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", base + 4))
        other.listen()
        done = stack(tmp_path, base, "up", "kafka")
    stack(tmp_path, base, "down")
    assert done.returncode == 1
    assert f"kafka: port {base + 4} of 127.0.0.1 is taken by another program" in done.stderr


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    base = free_base_port()
    stack(tmp_path, base, "up", "s3")
    stack(tmp_path, base, "down")
    for name in ("keys", "env", "airflow.env", "supervisord.conf"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0, name


def test_the_command_reads_and_writes_lakes_on_s3(s3: dict[str, str], tmp_path: Path) -> None:
    import boto3

    run = {"capture_output": True, "text": True, "check": True, "env": {**os.environ, **s3}}
    data = tmp_path / "data"
    small = ("--customers", "300", "--terminals", "2", "--days", "20", "--defects", "20")
    subprocess.run([WEIR, "simulate", *small, "--out", data], **run)
    client = boto3.client("s3")
    for path in (data / "raw").glob("*.txt"):
        client.upload_file(str(path), "weir-raw", f"cli/{path.name}")
    remote, local = "s3://weir-clean/cli", tmp_path / "lake"
    subprocess.run([WEIR, "clean", "s3://weir-raw/cli", "--out", remote], **run)
    subprocess.run([WEIR, "clean", data, "--out", local], **run)
    for lake in (remote, local):
        table = tmp_path / f"{str(lake)[:2]}.parquet"
        subprocess.run([WEIR, "features", lake, "--out", table], **run)
    assert (tmp_path / "s3.parquet").read_bytes() == (
        tmp_path / f"{str(local)[:2]}.parquet"
    ).read_bytes()


def test_a_wrong_key_is_an_error_that_names_the_lake(s3: dict[str, str], tmp_path: Path) -> None:
    environment = {**os.environ, **s3, "AWS_SECRET_ACCESS_KEY": "wrong"}
    done = subprocess.run(
        [WEIR, "features", "s3://weir-clean/cli", "--out", tmp_path / "x.parquet"],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 1
    assert "s3://weir-clean/cli" in done.stderr
