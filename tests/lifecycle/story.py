"""The model's life on the real components, from raw files to a roll-back, with every bound checked.

    python tests/lifecycle/story.py --out out/lifecycle        (make lifecycle)

A stack of its own (S3, MLflow, Airflow's scheduler) gets two months of simulated raw payments. From
there on the schedules act: clean_lake cleans on a Spark cluster that lives for the run, its new
state starts retrain, the new challenger starts validate_and_compare, which makes it champion. In
the third month the fraudsters have become careful (three in ten payments at a compromised terminal
are fraud, before it was all): the champion fails, the schedules promote its successor. A challenger
that was crippled on purpose is refused, and the champion is rolled back by hand. Exit 1 when
anything is not as it must be, or the whole took longer than --minutes.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import weir
from airflow_client import Airflow
from stack_process import ROOT, free_base_port, read_environment, stack
from weir import command
from weir.lake import Lake, Store
from weir.registry import Registry

RAW, LAKE, NAME, TERMINALS = "s3://weir-raw/course", "s3://weir-clean/course", "weir", 500
TRAINING = "--refit --hold-out 8 --rounds 150"
WORSE = "--rounds 1 --depth 1 --hold-out 8"
# The course's law of fraud (2 in 1,000 terminals a day, each for 28 days) at an eightieth of its
# payments, over half its terminals: with the 25 terminals of course-small three months hold nine
# episodes, and a week's frauds are of one or two terminals, which proves nothing about a model.
PAYMENTS = ("--preset", "course-small", "--customers", 12_000, "--terminals", TERMINALS)
PAYMENTS += ("--radius", 5.4, "--terminal-starts", 1, "--customer-starts", 3.6)
PAYMENTS += ("--days", 90, "--days-per-file", 30, "--seed", 11)
CAREFUL = ("--terminal-fraud-share", 0.3)


class Story:
    """Steps with their times, and the bounds that were missed."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.missed: list[str] = []

    def step(self, text: str) -> None:
        """Say what is done now."""
        print(f"[{time.monotonic() - self.began:6.1f} s] {text}", flush=True)

    def must(self, holds: bool, text: str) -> None:
        """Check a bound and say how it stands."""
        self.step(f"{'ok    ' if holds else 'MISSED'} {text}")
        if not holds:
            self.missed.append(text)


def job(name: str, *words: object, codes: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """Run jobs/<name>.py; its document, with `code`."""
    done = subprocess.run(
        [sys.executable, ROOT / f"jobs/{name}.py", *map(str, words)],
        capture_output=True,
        text=True,
    )
    if done.returncode not in codes:
        raise weir.Error(f"jobs/{name}.py ended with {done.returncode}:\n{done.stderr[-3000:]}")
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return {**(json.loads(lines[-1]) if lines else {}), "code": done.returncode}


def simulate(out: Path, *words: object) -> list[Path]:
    """Raw files of three months."""
    command.run("simulate", *PAYMENTS, *words, "--out", out)
    return sorted((out / "raw").glob("*.txt"))


class Life:
    """What the schedules have done so far, seen from outside."""

    def __init__(self, airflow: Airflow, story: Story) -> None:
        self.airflow, self.story = airflow, story
        self.registry = Registry(NAME)

    def wait(self, text: str, holds: Callable[[], bool], seconds: float = 1800) -> None:
        """Until something is so; an Error when a run failed, or it takes too long."""
        began = time.monotonic()
        while not holds():
            failed = self.airflow.failed_tasks()
            if failed:
                raise weir.Error(f"waiting for: {text}; the schedules failed:\n{failed}")
            if time.monotonic() - began > seconds:
                raise weir.Error(f"{text}: not so after {seconds:.0f} s\n{self.airflow.table()}")
            time.sleep(4)
        self.story.must(True, f"{text} ({time.monotonic() - began:.0f} s)")

    def verdict(self, version: int) -> tuple[str, str]:
        """What the gate said about a version."""
        tags = self.registry.client.get_model_version(NAME, str(version)).tags
        return tags.get("verdict", ""), tags.get("reason", "")

    def metric(self, version: int, name: str) -> float:
        """A number that was logged with a version's run."""
        run = self.registry.client.get_model_version(NAME, str(version)).run_id
        return float(self.registry.client.get_run(run).data.metrics[name])


def live(airflow: Airflow, story: Story, out: Path) -> None:
    """The story."""
    raw, life = Store(RAW), Life(airflow, story)
    files = simulate(out / "data")
    third = simulate(out / "careful", *CAREFUL)[2]
    for path in files[:2]:
        raw.write(path.name, path.read_bytes())
    story.step(f"two months of raw payments in {RAW}")
    for dag in ("validate_and_compare", "retrain", "clean_lake"):
        airflow.unpause(dag)
    story.step("the schedules are on")

    life.wait("clean_lake publishes state 1", lambda: Lake(LAKE).newest().number == 1)
    first = Lake(LAKE).newest()
    local = out / "lake"
    command.run("clean", *files[:2], "--terminals", f"0..{TERMINALS - 1}", "--out", local)
    counted = json.loads((local / "reports/clean.json").read_text())["clean"]
    story.must(first.report["clean"] == counted, f"{first.rows} rows, as weir clean counts them")
    life.wait("retrain registers version 1", lambda: life.registry.exists(1))
    life.wait("version 1 is the first champion", lambda: life.registry.state()["champion"] == 1)
    story.step(f"average precision {life.metric(1, 'test_average_precision'):.3f}")
    life.wait("no work is left half-made", lambda: not Store(LAKE).list("work/"), 60)
    words = ("--raw", RAW, "--lake", LAKE, "--terminals", f"0..{TERMINALS - 1}", "--check")
    story.must(job("clean", *words, codes=(0, 99))["code"] == 99, "nothing new to clean")

    raw.write(third.name, third.read_bytes())
    airflow.trigger("clean_lake")
    story.step("a third month arrives; its fraudsters are careful")
    life.wait("clean_lake publishes state 2", lambda: Lake(LAKE).newest().number == 2)
    kept = {f.path for f in Lake(LAKE).newest().files} & {f.path for f in first.files}
    text = f"{len(kept)} of {len(first.files)} day files are as they were (copies date from others)"
    story.must(len(kept) >= len(first.files) - 5, text)
    life.wait("retrain registers version 2", lambda: life.registry.exists(2))
    life.wait("version 2 is judged", lambda: life.verdict(2)[0] != "")
    story.must(life.verdict(2)[0] == "promote", f"it is promoted: {life.verdict(2)[1]}")
    life.wait("version 2 is champion", lambda: life.registry.state()["champion"] == 2, 60)
    story.must(life.registry.state()["previous"] == 1, "version 1 is `previous`")

    airflow.trigger("retrain", {"training": WORSE})
    story.step("a challenger is crippled on purpose: one stump")
    life.wait("retrain registers version 3", lambda: life.registry.exists(3))
    life.wait("version 3 is judged", lambda: life.verdict(3)[0] != "")
    story.must(life.verdict(3)[0] == "keep", f"it is refused: {life.verdict(3)[1]}")
    life.wait("its wait is over", lambda: life.registry.state()["challenger"] is None, 30)
    story.must(life.registry.state()["champion"] == 2, "version 2 is still champion")

    back = job("compare", "--name", NAME, "--roll-back")
    story.must((back["champion"], back["previous"]) == (1, 2), "rolled back to version 1 by hand")
    job("compare", "--name", NAME, "--roll-back")
    story.must(life.registry.state()["champion"] == 2, "and forward again")
    life.wait("all runs have ended", lambda: airflow.idle(), 120)
    print(airflow.table())
    print(json.dumps({"registry": life.registry.state(), "lake": Lake(LAKE).newest().number}))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "out/lifecycle")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--keep", action="store_true", help="leave the stack running")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    os.environ |= {
        "WEIR_HOME": str(ROOT),
        "WEIR_RAW": RAW,
        "WEIR_LAKE": LAKE,
        "WEIR_MODEL": NAME,
        "WEIR_TERMINALS": f"0..{TERMINALS - 1}",
        "WEIR_TRAINING": TRAINING,
        "WEIR_RETRIES": "0",
        "WEIR_CLUSTERS": str(out / "clusters"),
    }
    story, base = Story(), free_base_port()
    try:
        started = stack(out / "stack", base, "up", "s3", "mlflow", "airflow")
        if started.returncode != 0:
            raise weir.Error(started.stdout + started.stderr)
        story.step(f"the stack is up:\n{started.stdout.rstrip()}")
        os.environ |= read_environment(out / "stack")
        live(Airflow(out / "stack", base + 3), story, out)
    except weir.Error as fault:
        print(f"lifecycle: {fault}", file=sys.stderr)
        return 1
    finally:
        if not arguments.keep:
            stack(out / "stack", base, "down")
    seconds = time.monotonic() - story.began
    story.must(seconds < 60 * arguments.minutes, f"{seconds:.0f} s of {arguments.minutes:.0f} min")
    if story.missed:
        print(f"lifecycle: {len(story.missed)} bounds missed", file=sys.stderr)
    return 1 if story.missed else 0


if __name__ == "__main__":
    sys.exit(main())
