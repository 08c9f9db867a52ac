"""The local stack: where it keeps things and listens, its keys, and what a service of it is."""

import base64
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import databases

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
    def kafka_metrics_port(self) -> int:
        return self.base_port + 10

    @property
    def statsd_port(self) -> int:
        """Airflow and the S3 server send their metrics here, by UDP; nobody need listen."""
        return self.base_port + 12

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
