"""The services of the local stack: their processes, and when they are ready."""

import json
import os
import shutil
import socket
import struct
import subprocess
import urllib.request

import databases
from layout import (
    AIRFLOW,
    BUCKETS,
    PYTHON,
    ROOT,
    Layout,
    Program,
    Service,
    StackError,
    answers,
    client_environment,
    keys,
)
from watching import monitoring_service


def postgres_service(layout: Layout) -> Service:
    """The database of MLflow and Airflow, where SQLite is not enough."""
    folder, owner = databases.folder(layout.root), databases.runs_as()
    program = Program(
        "postgres",
        f"{databases.PROGRAMS}/postgres -D {folder}/data -p {layout.base_port + 9}",
        layout.base_port + 9,
        {},
        # It starts first and ends last, and does not wait for its clients to go.
        ("priority=1", "stopsignal=INT", *([f"user={owner}"] if owner else [])),
    )

    def prepare() -> None:
        wrong = databases.make(layout.root, keys(layout)["POSTGRES_PASSWORD"])
        if wrong:
            raise StackError(f"postgres: {wrong}")

    return Service(
        "postgres",
        (program,),
        lambda: databases.answers(layout.postgres),
        prepare,
        lambda: databases.create(layout.postgres),
    )


def s3_service(layout: Layout) -> Service:
    """The S3 server over a folder."""
    data = layout.root / "s3"
    found = keys(layout)
    program = Program(
        "s3",
        f"{ROOT}/build/stack/versitygw --port 127.0.0.1:{layout.base_port + 1} "
        f"--region us-east-1 --quiet --metrics-service-name s3 "
        f"--metrics-statsd-servers 127.0.0.1:{layout.statsd_port} posix {data}",
        layout.base_port + 1,
        {
            "ROOT_ACCESS_KEY": found["AWS_ACCESS_KEY_ID"],
            "ROOT_SECRET_KEY": found["AWS_SECRET_ACCESS_KEY"],
        },
    )

    def finish() -> None:
        import boto3

        environment = client_environment(layout)
        client = boto3.client(
            "s3",
            endpoint_url=layout.s3,
            region_name="us-east-1",
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )
        existing = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        for bucket in BUCKETS:
            if bucket not in existing:
                client.create_bucket(Bucket=bucket)

    return Service(
        "s3",
        (program,),
        lambda: answers(layout.s3, (200, 403)),
        lambda: data.mkdir(parents=True, exist_ok=True),
        finish,
    )


def mlflow_service(layout: Layout) -> Service:
    """The model registry, artifacts in S3; MLflow's job runner stays off."""
    found = keys(layout)
    auth = layout.root / "mlflow-auth.ini"
    metrics = layout.root / "mlflow-metrics"

    def prepare() -> None:
        # Each process counts in a file of its own there; those of an earlier run would be added up.
        shutil.rmtree(metrics, ignore_errors=True)
        text = (
            "[mlflow]\ndefault_permission = READ\n"
            f"database_uri = {layout.database('mlflow_auth')}\n"
            f"admin_username = {found['MLFLOW_TRACKING_USERNAME']}\n"
            f"admin_password = {found['MLFLOW_TRACKING_PASSWORD']}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        )
        auth.touch(mode=0o600)
        auth.write_text(text)

    hosts = "mlflow,mlflow:*,localhost:*,127.0.0.1:*"
    program = Program(
        "mlflow",
        f"{PYTHON}/mlflow server --host 127.0.0.1 --port {layout.base_port + 2} "
        f"--artifacts-destination s3://weir-models --serve-artifacts --workers 1 "
        f"--allowed-hosts {hosts} --app-name basic-auth --expose-prometheus {metrics}",
        layout.base_port + 2,
        {
            **client_environment(layout),
            "MLFLOW_BACKEND_STORE_URI": layout.database("mlflow"),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_AUTH_CONFIG_PATH": str(auth),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": found["MLFLOW_FLASK_SERVER_SECRET_KEY"],
            "PATH": f"{PYTHON}:{os.environ['PATH']}",
        },
    )
    return Service("mlflow", (program,), lambda: answers(f"{layout.mlflow}/health"), prepare)


def airflow_environment(layout: Layout) -> dict[str, str]:
    """Airflow's settings, and what its tasks hand on to the jobs."""
    found = keys(layout)
    home = layout.root / "airflow"
    return {
        **client_environment(layout),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{layout.airflow}/execution/",
        "AIRFLOW__CORE__FERNET_KEY": found["AIRFLOW__CORE__FERNET_KEY"],
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__API_AUTH__JWT_SECRET": found["AIRFLOW__API_AUTH__JWT_SECRET"],
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(layout.base_port + 3),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__BASE_URL": layout.airflow,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": layout.database("airflow"),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "5",
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": str(layout.statsd_port),
        # DAG and task as labels, not in the name.
        "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
        "AIRFLOW__METRICS__LEGACY_NAMES_ON": "False",
        "PATH": f"{AIRFLOW}:{os.environ['PATH']}",
    }


def airflow_service(layout: Layout) -> Service:
    """The scheduler: web server, scheduler and reader of DAG files."""
    environment = airflow_environment(layout)
    log = layout.root / "logs/airflow-db.log"

    def prepare() -> None:
        (layout.root / "airflow").mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            done = subprocess.run(
                [AIRFLOW / "airflow", "db", "migrate"],
                env={**os.environ, **environment},
                stdout=output,
                stderr=output,
            )
        if done.returncode != 0:
            raise StackError(f"airflow db migrate failed; see {log}")

    ports = {"api-server": layout.base_port + 3}
    programs = tuple(
        Program(f"airflow-{name}", f"{AIRFLOW}/airflow {name}", ports.get(name), environment)
        for name in ("api-server", "scheduler", "dag-processor")
    )

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"{layout.airflow}/api/v2/monitor/health", timeout=5) as r:
                health = json.load(r)
        except (OSError, ValueError):
            return False
        parts = ("metadatabase", "scheduler", "dag_processor")
        return all((health.get(part) or {}).get("status") == "healthy" for part in parts)

    return Service("airflow", programs, ready, prepare)


def kafka_service(layout: Layout) -> Service:
    """One Kafka node; `weir stream --create-topics` makes the topics."""
    start = ROOT / "deploy/local/kafka/start.sh"
    data = layout.root / "kafka"
    program = Program(
        "kafka",
        f"{start} {data} {layout.kafka_port} {os.environ.get('WEIR_KAFKA_HEAP_MB', '256')}",
        layout.kafka_port,
        {"WEIR_KAFKA_METRICS_PORT": str(layout.kafka_metrics_port)},
    )
    return Service("kafka", (program,), lambda: kafka_answers(layout.kafka_port))


def kafka_answers(port: int) -> bool:
    """True when a broker on this port answers the protocol's first question, ApiVersions."""
    request = struct.pack(">hhih", 18, 0, 7, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.recv(10)
    except OSError:
        return False
    return len(answer) == 10 and struct.unpack(">ih", answer[4:10]) == (7, 0)


SERVICES = {
    "postgres": postgres_service,
    "s3": s3_service,
    "mlflow": mlflow_service,
    "airflow": airflow_service,
    "kafka": kafka_service,
    "monitoring": monitoring_service,
}
