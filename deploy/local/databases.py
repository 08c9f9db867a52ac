"""Where MLflow and Airflow keep their rows: SQLite files, or a Postgres server.

`stack.py up postgres …` starts a server for the stack (Debian's 15) and keeps to it from then on;
`WEIR_POSTGRES=postgresql://user:password@host:port` names another one, which has the databases
weir_airflow, weir_mlflow and weir_mlflow_auth already.
"""

import os
import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path

DATABASES = ("weir_airflow", "weir_mlflow", "weir_mlflow_auth")
PROGRAMS = Path("/usr/lib/postgresql/15/bin")
OWNER = "postgres"
"""Whom the server runs as where the stack is root's: it refuses to be root."""


def url(root: Path, server: str, name: str) -> str:
    """The database `name` of the stack in `root`; `server` is the address of its own Postgres."""
    chosen = os.environ.get("WEIR_POSTGRES") or (server if folder(root).exists() else "")
    if chosen:
        driver = chosen.replace("postgresql://", "postgresql+psycopg2://", 1)
        return f"{driver.rstrip('/')}/weir_{name}"
    file = root / ("airflow/airflow.db" if name == "airflow" else f"{name.replace('_', '-')}.db")
    return f"sqlite:///{file}"


def folder(root: Path) -> Path:
    """What the stack's own server keeps; there once it was chosen."""
    return root / "postgres"


def make(root: Path, password: str) -> str:
    """Make the server's files where there are none; gives what went wrong, or nothing."""
    data = folder(root) / "data"
    if (data / "PG_VERSION").exists():
        return ""
    data.mkdir(parents=True, exist_ok=True)
    key = folder(root) / "password"
    key.touch(mode=0o600)
    key.write_text(password + "\n")
    words: Sequence[object] = (
        *(PROGRAMS / "initdb", "--pgdata", data, "--username", "weir", "--encoding", "UTF8"),
        *("--locale", "C.UTF-8", "--auth", "scram-sha-256", "--pwfile", key),
    )
    owner = runs_as()
    if owner:
        entry = pwd.getpwnam(owner)
        for path in (folder(root), data, key):
            os.chown(path, entry.pw_uid, entry.pw_gid)
        words = ("runuser", "-u", owner, "--", *words)
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd="/")
    key.unlink()
    if done.returncode != 0:
        return f"{done.stdout[-500:]}{done.stderr[-500:]}"
    with (data / "postgresql.conf").open("a") as settings:
        settings.write("listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\n")
    return ""


def runs_as() -> str:
    """The user of the server's process; nothing where it is the stack's own."""
    return OWNER if os.getuid() == 0 else ""


def answers(server: str) -> bool:
    """Whether the server takes connections."""
    import psycopg2

    try:
        psycopg2.connect(f"{server}/postgres", connect_timeout=5).close()
    except psycopg2.OperationalError:
        return False
    return True


def create(server: str) -> None:
    """Make the databases that are missing."""
    import psycopg2

    connection = psycopg2.connect(f"{server}/postgres", connect_timeout=5)
    connection.autocommit = True  # CREATE DATABASE is not for a transaction.
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            known = {name for (name,) in cursor.fetchall()}
            for name in DATABASES:
                if name not in known:
                    cursor.execute(f"CREATE DATABASE {name}")
    finally:
        connection.close()
