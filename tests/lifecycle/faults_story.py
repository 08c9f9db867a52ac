"""The schedules on the real components, which break under them: runs heal by themselves, or say so.

    python tests/lifecycle/faults_story.py --out out/faults        (make e2e PARTS=schedules)

A stack of its own with Postgres behind Airflow and MLflow. S3 stops in the middle of a cleaning,
a cleaning's driver is killed, MLflow stops while a model is trained, a raw file is broken for good,
the stack is stopped and started again. Each task is tried again after a growing pause; nothing is
published half or twice; who failed and who is late is told. Exit 1 when anything is not so.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
import weir
from airflow_client import Airflow
from stack_process import ROOT, free_base_port, read_environment, stack
from story import Life, Story
from weir import command
from weir.lake import Lake, Store
from weir.registry import Registry

RAW, LAKE, NAME = "s3://weir-raw/faults", "s3://weir-clean/faults", "weir"
PAYMENTS = ("--customers", 2000, "--terminals", 12, "--days", 90, "--days-per-file", 45)
DUE_SECONDS = 15


class Stack:
    """The stack of the story."""

    def __init__(self, root: Path) -> None:
        self.root, self.base = root, free_base_port()
        self.told = root.parent / "told"

    def up(self) -> str:
        """Start what does not run; what it printed."""
        done = stack(self.root, self.base, "up", "postgres", "s3", "mlflow", "airflow")
        if done.returncode != 0:
            raise weir.Error(done.stdout + done.stderr)
        os.environ |= read_environment(self.root)
        return done.stdout

    def down(self) -> None:
        """Stop all."""
        stack(self.root, self.base, "down")

    def program(self, word: str, name: str) -> None:
        """Stop or start one program."""
        control = Path(sys.executable).parent / "supervisorctl"
        words = [control, "-c", self.root / "supervisord.conf", word, name]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode != 0:
            raise weir.Error(f"{word} {name}: {done.stdout}{done.stderr}")

    def drivers(self, job: str) -> list[int]:
        """Processes of a job of this stack: by its S3 in their environment."""
        mine = f"AWS_ENDPOINT_URL=http://127.0.0.1:{self.base + 1}\0".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if (
                    words[1].endswith(f"jobs/{job}.py".encode())
                    and b"--check" not in words
                    and mine in (entry / "environ").read_bytes()
                ):
                    found.append(int(entry.name))
            except (OSError, IndexError):
                continue
        return found

    def rows(self, database: str, table: str) -> int:
        """How many rows Postgres holds there."""
        password = next(
            line.split("=", 1)[1]
            for line in (self.root / "keys").read_text().splitlines()
            if line.startswith("POSTGRES_PASSWORD=")
        )
        address = f"postgresql://weir:{password}@127.0.0.1:{self.base + 9}/{database}"
        connection = psycopg2.connect(address)
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT count(*) FROM {table}")
                return int(cursor.fetchone()[0])
        finally:
            connection.close()

    def was_told(self, text: str) -> bool:
        """Whether an alert with this text went out."""
        return self.told.exists() and text in self.told.read_text()


def until(text: str, holds: Callable[[], bool], seconds: float = 900) -> None:
    """Wait without a word."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise weir.Error(f"{text}: not so after {seconds:.0f} s")
        time.sleep(0.3)


def live(running: Stack, story: Story, out: Path) -> None:
    """The story."""
    raw, airflow = Store(RAW), Airflow(running.root, running.base + 3)
    life = Life(airflow, story)
    command.run("simulate", *PAYMENTS, "--seed", 5, "--out", out / "data")
    first, second = sorted((out / "data/raw").glob("*.txt"))

    def waits(dag: str, task: str) -> bool:
        return airflow.newest(dag, task)[0] == "up_for_retry"

    raw.write(first.name, first.read_bytes())
    airflow.unpause("retrain")
    airflow.unpause("clean_lake")
    until("cleaning is under way", lambda: bool(Store(LAKE).list("work/")))
    running.program("stop", "s3")
    story.step("S3 stops in the middle of a cleaning")
    until("the cleaning fails", lambda: waits("clean_lake", "clean"))
    story.must(True, "the cleaning failed and waits for its next try")
    running.program("start", "s3")
    life.wait("clean_lake publishes state 1", lambda: Lake(LAKE).newest().number == 1)
    tries = airflow.newest("clean_lake", "clean")[1]
    story.must(tries == 2, f"at try {tries}")

    until("training is under way", lambda: bool(running.drivers("train")))
    running.program("stop", "mlflow")
    story.step("MLflow stops while a model is trained")
    until("the training fails", lambda: waits("retrain", "train"))
    story.must(True, "the training failed and waits for its next try")
    running.program("start", "mlflow")
    running.up()
    life.wait("retrain registers version 1", lambda: life.registry.exists(1))
    life.wait("its run has ended", airflow.idle)
    versions = life.registry.client.search_model_versions(f"name = '{NAME}'")
    story.must(len(versions) == 1, f"{len(versions)} version registered")
    story.must(life.registry.state()["challenger"] == 1, "it is the challenger")

    raw.write(second.name, second.read_bytes())
    before = Lake(LAKE).newest()
    airflow.trigger("clean_lake")
    held = {item.path.split("/")[1] for item in Store(LAKE).list("work/")}

    def at_work() -> bool:
        return bool({item.path.split("/")[1] for item in Store(LAKE).list("work/")} - held)

    until("cleaning is under way", at_work)
    for pid in running.drivers("clean"):
        os.kill(pid, signal.SIGKILL)
    story.step("the driver of a cleaning is killed")
    until("the cleaning fails", lambda: waits("clean_lake", "clean"))
    story.must(Lake(LAKE).newest() == before, "readers see the state of before")
    life.wait("clean_lake publishes state 2", lambda: Lake(LAKE).newest().number == 2)
    local = out / "lake"
    command.run("clean", first, second, "--out", local)
    counted = json.loads((local / "reports/clean.json").read_text())["clean"]
    story.must(Lake(LAKE).newest().report["clean"] == counted, "with the rows of weir clean")

    life.wait("all runs have ended", airflow.idle)
    raw.write("2030-01-01.txt", b"id;when;who\n1;2;3\n")
    airflow.trigger("clean_lake")
    story.step("a raw file is broken for good")
    until("somebody is told", lambda: running.was_told("weir: clean_lake.clean failed"))
    tries = airflow.newest("clean_lake", "clean")[1]
    story.must(tries == 3, f"after {tries} tries somebody is told")
    story.must(Lake(LAKE).newest().number == 2, "readers see state 2")
    late = "weir: clean_lake is late: run manual__"
    story.must(
        running.was_told(late), f"and who took more than {DUE_SECONDS} s was told to be late"
    )
    raw.delete("2030-01-01.txt")

    runs = running.rows("weir_airflow", "dag_run")
    story.must(runs >= 4, f"Postgres holds {runs} runs of the schedules")
    story.must(running.rows("weir_mlflow", "model_versions") >= 1, "and the registry")
    state = life.registry.state()
    print(airflow.table())
    print(running.told.read_text(), end="")
    running.down()
    story.step(f"the stack is stopped and started again:\n{running.up().rstrip()}")
    story.must(Registry(NAME).state() == state, "the registry is as it was")
    again = Airflow(running.root, running.base + 3)
    story.must(running.rows("weir_airflow", "dag_run") >= runs, "and so are the runs")
    again.trigger("clean_lake")
    until("it runs", lambda: again.newest("clean_lake", "look_for_raw_files")[0] == "skipped")
    story.must(True, "the next look at the raw files finds nothing to do")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "out/faults")
    parser.add_argument("--keep", action="store_true", help="leave the stack running")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    running = Stack(out / "stack")
    teller = out / "tell"
    teller.write_text(f'#!/bin/sh\necho "$1" >>"{running.told}"\n')
    teller.chmod(0o755)
    os.environ |= {
        "WEIR_HOME": str(ROOT),
        "WEIR_RAW": RAW,
        "WEIR_LAKE": LAKE,
        "WEIR_MODEL": NAME,
        "WEIR_TRAINING": "--hold-out 8 --rounds 20",
        "WEIR_RETRIES": "2",
        "WEIR_RETRY_SECONDS": "5",
        "WEIR_DUE_SECONDS": str(DUE_SECONDS),
        "WEIR_ALERT_COMMAND": str(teller),
        "WEIR_CLUSTERS": str(out / "clusters"),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    }
    story = Story()
    try:
        story.step(f"the stack is up:\n{running.up().rstrip()}")
        live(running, story, out)
    except weir.Error as fault:
        print(f"faults: {fault}", file=sys.stderr)
        return 1
    finally:
        if not arguments.keep:
            running.down()
    if story.missed:
        print(f"faults: {len(story.missed)} bounds missed", file=sys.stderr)
    return 1 if story.missed else 0


if __name__ == "__main__":
    sys.exit(main())
