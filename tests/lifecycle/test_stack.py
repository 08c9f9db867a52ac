"""The local stack: starts, starts again without harm, says which port is taken, stops."""

import json
import os
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

from stack_process import ROOT, free_base_port, stack

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


def test_prometheus_watches_what_the_stack_starts(tmp_path: Path) -> None:
    base = free_base_port()
    address = f"http://127.0.0.1:{base + 6}/api/v1/query?query="
    try:
        done = stack(tmp_path, base, "up", "s3", "monitoring")
        assert done.returncode == 0, done.stdout + done.stderr

        def results(query: str) -> list[dict]:
            """What the query gives once it gives anything: first scrapes take a while."""
            for _ in range(60):
                with urllib.request.urlopen(address + urllib.parse.quote(query)) as answer:
                    found = json.load(answer)["data"]["result"]
                if found:
                    break
                time.sleep(0.5)
            return found

        # MLflow and Airflow are not started here, and are shown as down.
        assert {one["metric"]["service"] for one in results("probe_success == 1")} == {"s3"}
        assert len(results('up{job="alertmanager"} == 1')) == 1
    finally:
        stack(tmp_path, base, "down")


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


def test_kafka_starts_and_names_a_taken_port(tmp_path: Path) -> None:
    base = free_base_port()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", base + 4))
        other.listen()
        done = stack(tmp_path, base, "up", "kafka")
    assert done.returncode == 1
    assert f"kafka: port {base + 4} of 127.0.0.1 is taken by another program" in done.stderr
    try:
        done = stack(tmp_path, base, "up", "kafka")
        assert done.returncode == 0, done.stderr
        assert f"Kafka    127.0.0.1:{base + 4}" in done.stdout
    finally:
        stack(tmp_path, base, "down")


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
