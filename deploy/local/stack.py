"""Start, watch and stop the local stack: S3, MLflow, Airflow, Kafka, Prometheus; loopback only.

    python deploy/local/stack.py up [--root out/stack] [SERVICE ...]
    python deploy/local/stack.py status
    python deploy/local/stack.py down

Data, logs and generated keys live under the root folder; `env` in it, sourced by a shell, tells
every client where things are. `up` again starts what is missing and leaves the rest alone.
"""

import argparse
import os
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import databases
from layout import (
    AIRFLOW,
    BUCKETS,
    PYTHON,
    ROOT,
    Layout,
    Service,
    StackError,
    client_environment,
    keys,
)
from services import SERVICES, airflow_environment

READY_SECONDS = 480  # Airflow took 239 on two cores under a load of 22.


def write_supervisor_settings(layout: Layout, services: list[Service]) -> Path:
    """supervisord.conf with all programs, none of which starts by itself."""
    root = layout.root
    (root / "logs").mkdir(parents=True, exist_ok=True)

    def quoted(environment: dict[str, str]) -> str:
        return ",".join(f'{k}="{v.replace("%", "%%")}"' for k, v in environment.items())

    lines = [
        "[supervisord]",
        f"logfile={root}/logs/supervisord.log",
        f"pidfile={root}/supervisord.pid",
        f"directory={ROOT}",
        "[unix_http_server]",
        f"file={socket_path(layout)}",
        "chmod=0600",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "[supervisorctl]",
        f"serverurl=unix://{socket_path(layout)}",
    ]
    for service in services:
        for program in service.programs:
            lines += [
                f"[program:{program.name}]",
                f"command={program.command}",
                f"environment={quoted(program.environment)}",
                "autostart=false",
                "autorestart=true",
                "startsecs=1",
                "stopasgroup=true",
                "killasgroup=true",
                "stopwaitsecs=20",
                f"stdout_logfile={root}/logs/{program.name}.log",
                "stdout_logfile_maxbytes=20MB",
                "stdout_logfile_backups=1",
                "redirect_stderr=true",
                *program.settings,
            ]
    path = root / "supervisord.conf"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")
    return path


def socket_path(layout: Layout) -> Path:
    """Where supervisord listens; a long root would not fit a socket's address."""
    path = layout.root / "supervisor.sock"
    if len(str(path)) > 100:
        raise StackError(f"{layout.root}: path too long for a socket; give a shorter --root")
    return path


def supervisor(layout: Layout, *words: str) -> subprocess.CompletedProcess[str]:
    """Ask supervisord."""
    return subprocess.run(
        [PYTHON / "supervisorctl", "-c", layout.root / "supervisord.conf", *words],
        capture_output=True,
        text=True,
    )


def states(layout: Layout) -> dict[str, str]:
    """Program → RUNNING, STOPPED, FATAL, …; empty when supervisord is not there."""
    if not (layout.root / "supervisord.conf").exists():
        return {}
    found = {}
    for line in supervisor(layout, "status").stdout.splitlines():
        words = line.split()
        if len(words) >= 2 and words[1].isupper():
            found[words[0]] = words[1]
    return found


def port_is_taken(port: int) -> bool:
    """True when somebody listens there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def tail(path: Path, lines: int = 15) -> str:
    """The end of a log."""
    return (
        "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""
    )


def start(layout: Layout, service: Service) -> None:
    """Start what of a service is not running and wait until it answers."""
    before = states(layout)
    stopped = [p for p in service.programs if before.get(p.name) not in ("RUNNING", "STARTING")]
    for program in stopped:
        if program.port and port_is_taken(program.port):
            raise StackError(
                f"{service.name}: port {program.port} of 127.0.0.1 is taken by another program; "
                "stop that one, or move the stack with WEIR_STACK_PORT=<first port>"
            )
    began = time.monotonic()
    if stopped:
        service.prepare()
        supervisor(layout, "start", *(program.name for program in stopped))
    while not service.ready():
        now = states(layout)
        dead = [p.name for p in service.programs if now.get(p.name) not in ("RUNNING", "STARTING")]
        late = time.monotonic() - began > READY_SECONDS
        if (dead and all(now.get(name) in ("FATAL", "EXITED", None) for name in dead)) or late:
            names = dead or [program.name for program in service.programs]
            log = layout.root / "logs" / f"{names[0]}.log"
            why = f"not ready after {READY_SECONDS} s" if late else "ended"
            raise StackError(f"{names[0]} {why}; its log {log} ends:\n{tail(log)}")
        time.sleep(0.3)
    service.finish()
    note = f"ready in {time.monotonic() - began:.1f} s" if stopped else "was running"
    print(f"{service.name:<8} {note}", flush=True)


def write_environment(layout: Layout) -> None:
    """The file that clients source."""
    path = layout.root / "env"
    path.touch(mode=0o600)
    lines = [f"export {k}={shlex.quote(v)}" for k, v in client_environment(layout).items()]
    path.write_text("\n".join(lines) + "\n")
    path = layout.root / "airflow.env"
    path.touch(mode=0o600)
    lines = [f"export {k}={shlex.quote(v)}" for k, v in airflow_environment(layout).items()]
    path.write_text("\n".join(lines) + "\n")


def up(layout: Layout, names: list[str]) -> None:
    """Start the named services in order; those that run are left alone."""
    for path in (PYTHON / "supervisord", ROOT / "build/stack/versitygw", AIRFLOW / "airflow"):
        if not path.exists():
            raise StackError(f"{path} is missing; run tools/setup.sh --stack")
    if "postgres" in names:
        choose_postgres(layout)
    services = [make(layout) for make in SERVICES.values()]
    if not states(layout):
        settings = write_supervisor_settings(layout, services)
        done = subprocess.run(
            [PYTHON / "supervisord", "-c", settings], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise StackError(f"supervisord did not start: {done.stdout}{done.stderr}")
    write_environment(layout)
    for service in services:
        if service.name in names:
            start(layout, service)
    print_addresses(layout)


def usual_services(layout: Layout) -> list[str]:
    """What starts when none is named: Postgres only where the stack has one."""
    has_postgres = databases.folder(layout.root).exists()
    return [name for name in SERVICES if name != "postgres" or has_postgres]


def choose_postgres(layout: Layout) -> None:
    """Keep MLflow's and Airflow's rows in a Postgres of the stack's own from now on."""
    if not (databases.PROGRAMS / "initdb").exists():
        raise StackError("Postgres 15 is missing; install Debian's package postgresql-15")
    if not databases.folder(layout.root).exists():
        for file in ("mlflow.db", "airflow/airflow.db"):
            if (layout.root / file).exists():
                raise StackError(
                    f"the stack in {layout.root} keeps its rows in SQLite ({file}), which are not "
                    "brought over; give another --root"
                )
        databases.folder(layout.root).mkdir(parents=True)


def print_addresses(layout: Layout) -> None:
    """What a person wants to know."""
    found = keys(layout)
    print(f"S3       {layout.s3}   buckets {', '.join(BUCKETS)}")
    print(f"MLflow   {layout.mlflow}   user {found['MLFLOW_TRACKING_USERNAME']}")
    print(
        f"Airflow  {layout.airflow}   user admin, password in {layout.root}/airflow/passwords.json"
    )
    print(f"Kafka    127.0.0.1:{layout.kafka_port}")
    print(f"Metrics  http://127.0.0.1:{layout.base_port + 6}   Prometheus (Alertmanager: +1)")
    print(f"clients  source {layout.root}/env      logs {layout.root}/logs")


def down(layout: Layout) -> None:
    """Stop everything; data stays."""
    if not states(layout):
        print("the stack is not running")
        return
    pid_file = layout.root / "supervisord.pid"
    pid = int(pid_file.read_text())
    supervisor(layout, "shutdown")
    for _ in range(600):
        if not Path(f"/proc/{pid}").exists():
            print("the stack is stopped; its data stays in", layout.root)
            return
        time.sleep(0.1)
    raise StackError(f"supervisord {pid} did not end within 60 s; see {layout.root}/logs")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("action", choices=("up", "down", "status"))
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument("--root", type=Path, default=ROOT / "out/stack")
    arguments = parser.parse_args()
    unknown = set(arguments.services) - set(SERVICES)
    if unknown:
        parser.error(f"no service {', '.join(sorted(unknown))}; there are {', '.join(SERVICES)}")
    layout = Layout(arguments.root.resolve(), int(os.environ.get("WEIR_STACK_PORT", "22000")))
    try:
        if arguments.action == "up":
            up(layout, arguments.services or usual_services(layout))
        elif arguments.action == "down":
            down(layout)
        else:
            for name, state in states(layout).items():
                print(f"{name:<24} {state}")
            print_addresses(layout) if states(layout) else print("the stack is not running")
    except StackError as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
