"""The services of the local stack: their processes, ports and keys, and when they are ready."""

import base64
import os
import secrets
import socket
import struct
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import databases
from watching import write_files

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-lifecycle/bin"
AIRFLOW = ROOT / ".venv-airflow/bin"
BUCKETS = ("weir-raw", "weir-clean", "weir-models")
# What a lake's schedules work on; from the environment of the first `up`.
CHOSEN = ("WEIR_RAW", "WEIR_LAKE", "WEIR_MODEL", "WEIR_TERMINALS", "WEIR_TRAINING", "WEIR_RETRIES")
CHOSEN += ("WEIR_CLUSTER", "WEIR_CLUSTERS", "WEIR_SPARK_MEMORY", "WEIR_ALERT_COMMAND")
CHOSEN += ("WEIR_RETRY_SECONDS", "WEIR_LOSS_BUDGET", "WEIR_DUE_SECONDS", "WEIR_JOURNAL")


class StackError(Exception):
    """What is wrong with the set-up, and the way out."""


@dataclass(frozen=True)
class Layout:
    """Where the stack keeps things and listens."""

    root: Path
    base_port: int

    @property
    def s3(self) -> str:
        return f"http://127.0.0.1:{self.base_port + 1}"

    @property
    def mlflow(self) -> str:
        return f"http://127.0.0.1:{self.base_port + 2}"

    @property
    def airflow(self) -> str:
        return f"http://127.0.0.1:{self.base_port + 3}"

    @property
    def kafka_port(self) -> int:
        return self.base_port + 4

    @property
    def postgres(self) -> str:
        password = keys(self)["POSTGRES_PASSWORD"]
        return f"postgresql://weir:{password}@127.0.0.1:{self.base_port + 9}"

    def database(self, name: str) -> str:
        """Where `airflow`, `mlflow` or `mlflow_auth` keeps its rows."""
        return databases.url(self.root, self.postgres, name)


@dataclass(frozen=True)
class Program:
    """One supervised process."""

    name: str
    command: str
    port: int | None
    environment: dict[str, str]
    settings: tuple[str, ...] = ()
    """More lines of supervisord's."""


@dataclass(frozen=True)
class Service:
    """What a user asks for by name: programs that are ready when `ready` says so."""

    name: str
    programs: tuple[Program, ...]
    ready: Callable[[], bool]
    prepare: Callable[[], None] = lambda: None
    finish: Callable[[], None] = lambda: None


def keys(layout: Layout) -> dict[str, str]:
    """The generated keys of this stack, made once and readable by its owner only."""
    path = layout.root / "keys"
    found = {}
    if path.exists():
        found = dict(line.split("=", 1) for line in path.read_text().splitlines())
    made = {
        "AWS_ACCESS_KEY_ID": "weir-local",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
        "MLFLOW_TRACKING_USERNAME": "admin",
        "MLFLOW_TRACKING_PASSWORD": secrets.token_hex(12),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(20),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "POSTGRES_PASSWORD": secrets.token_hex(20),
    }
    missing = {name: value for name, value in made.items() if name not in found}
    if missing:
        layout.root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a") as file:
            file.writelines(f"{name}={value}\n" for name, value in missing.items())
    return found | missing


def client_environment(layout: Layout) -> dict[str, str]:
    """What a job, a DAG or a notebook needs in its environment to use the stack."""
    found = keys(layout)
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    names += ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
    return {
        **{name: found[name] for name in names},
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": layout.s3,
        "MLFLOW_S3_ENDPOINT_URL": layout.s3,
        "MLFLOW_TRACKING_URI": layout.mlflow,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "WEIR_RAW": "s3://weir-raw",
        "WEIR_LAKE": "s3://weir-clean/lake",
        "WEIR_HOME": str(ROOT),
        "WEIR_STREAM__BROKERS": f"127.0.0.1:{layout.kafka_port}",
        "WEIR_PRODUCE__BROKERS": f"127.0.0.1:{layout.kafka_port}",
        "PYTHONPATH": str(ROOT / "build/release/python"),
        "PYSPARK_PYTHON": str(PYTHON / "python"),
        "PYSPARK_DRIVER_PYTHON": str(PYTHON / "python"),
        "WEIR_JARS": str(ROOT / "build/stack/jars"),
        **{name: value for name, value in os.environ.items() if name in CHOSEN},
    }


def answers(url: str, codes: tuple[int, ...] = (200,)) -> bool:
    """True when the address answers with one of these codes."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status in codes
    except urllib.error.HTTPError as error:
        return error.code in codes
    except OSError:
        return False


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
        f"--region us-east-1 --quiet posix {data}",
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

    def prepare() -> None:
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
        f"--allowed-hosts {hosts} --app-name basic-auth",
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
        import json

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
        {},
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


def monitoring_service(layout: Layout) -> Service:
    """Prometheus, Alertmanager and the probe of what has no metrics of its own."""
    folder = layout.root / "monitoring"
    prometheus, alertmanager, blackbox = (layout.base_port + offset for offset in (6, 7, 8))
    probed = {
        "s3": f"{layout.s3}/",
        "mlflow": f"{layout.mlflow}/health",
        "airflow": f"{layout.airflow}/api/v2/monitor/health",
    }
    commands = {
        "prometheus": f"prometheus --config.file={folder}/prometheus.yml "
        f"--storage.tsdb.path={folder}/data --web.listen-address=127.0.0.1:{prometheus}",
        "alertmanager": f"prometheus-alertmanager --config.file={folder}/alertmanager.yml "
        f"--storage.path={folder}/alertmanager --cluster.listen-address= "
        f"--web.listen-address=127.0.0.1:{alertmanager}",
        "blackbox": f"prometheus-blackbox-exporter --config.file={folder}/blackbox.yml "
        f"--web.listen-address=127.0.0.1:{blackbox}",
    }
    ports = {"prometheus": prometheus, "alertmanager": alertmanager, "blackbox": blackbox}
    return Service(
        "monitoring",
        tuple(Program(name, command, ports[name], {}) for name, command in commands.items()),
        lambda: all(answers(f"http://127.0.0.1:{port}/-/healthy") for port in ports.values()),
        lambda: write_files(folder, prometheus, alertmanager, blackbox, probed),
    )


SERVICES = {
    "postgres": postgres_service,
    "s3": s3_service,
    "mlflow": mlflow_service,
    "airflow": airflow_service,
    "kafka": kafka_service,
    "monitoring": monitoring_service,
}
