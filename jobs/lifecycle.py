"""The model's life on the real components, from raw files to a roll-back, with every bound checked.

    python jobs/lifecycle.py --out out/lifecycle        (make lifecycle)

Two months of simulated raw payments go into S3 and are cleaned by the real scheduler's DAG; a model
is trained, validated and becomes champion; a third month arrives that has drifted, a better
challenger is promoted, a deliberately worse one is refused, and the champion is rolled back. Exit 1
when anything is not as it must be, or the whole took longer than --minutes.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import weir
from weir import command
from weir.lake import Lake, Store
from weir.registry import Registry

HOME = Path(__file__).resolve().parents[1]


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
        [sys.executable, HOME / f"jobs/{name}.py", *map(str, words)],
        capture_output=True,
        text=True,
    )
    if done.returncode not in codes:
        raise weir.Error(f"jobs/{name}.py ended with {done.returncode}:\n{done.stderr[-3000:]}")
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return {**(json.loads(lines[-1]) if lines else {}), "code": done.returncode}


def airflow_environment(stack: Path) -> dict[str, str]:
    """The stack's settings for Airflow's own command."""
    script = f"set -a; . {stack}/airflow.env; env -0"
    found = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout
    return dict(line.split("=", 1) for line in found.decode().split("\0") if "=" in line)


def run_dag(stack: Path, dag: str, **extra: str) -> float:
    """`airflow dags test`: the whole run in one process, on the real database; its seconds."""
    began = time.monotonic()
    done = subprocess.run(
        [HOME / ".venv-airflow/bin/airflow", "dags", "test", dag],
        env={**airflow_environment(stack), **extra},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0 or "state=failed" in done.stdout + done.stderr:
        raise weir.Error(f"DAG {dag} failed:\n{(done.stdout + done.stderr)[-4000:]}")
    return time.monotonic() - began


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=HOME / "out/lifecycle")
    parser.add_argument("--stack", type=Path, default=HOME / "out/stack")
    parser.add_argument("--customers", type=int, default=6000)
    parser.add_argument("--terminals", type=int, default=25)
    parser.add_argument("--minutes", type=float, default=15)
    arguments = parser.parse_args()
    story = Story()
    try:
        live(arguments, story)
    except weir.Error as fault:
        print(f"lifecycle: {fault}", file=sys.stderr)
        return 1
    seconds = time.monotonic() - story.began
    story.must(
        seconds < 60 * arguments.minutes, f"{seconds:.0f} s, at most {arguments.minutes} min"
    )
    if story.missed:
        print(f"lifecycle: {len(story.missed)} bounds missed", file=sys.stderr)
    return 1 if story.missed else 0


def live(arguments: argparse.Namespace, story: Story) -> None:
    """The story."""
    name = f"weir-proof-{int(time.time())}"
    raw, lake = Store(f"s3://weir-raw/{name}"), f"s3://weir-clean/{name}"
    terminals = f"0..{arguments.terminals - 1}"
    shutil.rmtree(arguments.out, ignore_errors=True)
    data = arguments.out / "data"
    command.run(
        *("simulate", "--preset", "course-small", "--customers", arguments.customers),
        *("--terminals", arguments.terminals, "--days", 90, "--days-per-file", 30),
        *("--seed", 11, "--out", data),
    )
    files = sorted((data / "raw").glob("*.txt"))
    for path in files[:2]:
        raw.write(path.name, path.read_bytes())
    story.step(f"two months of raw payments in {raw.location}")

    settings = {"WEIR_RAW": raw.location, "WEIR_LAKE": lake, "WEIR_TERMINALS": terminals}
    seconds = run_dag(arguments.stack, "clean_lake", **settings)
    state = Lake(lake).newest()
    story.step(f"clean_lake by Airflow on a cluster of its own: {state.rows} rows, {seconds:.0f} s")
    local = arguments.out / "lake"
    command.run("clean", *files[:2], "--terminals", terminals, "--out", local)
    counted = json.loads((local / "reports/clean.json").read_text())
    story.must(
        state.report["clean"] == counted["clean"], "as many rows, roubles, frauds as weir clean"
    )
    story.must(not Store(lake).list("work/"), "nothing half-made is left in the lake")
    again = job(
        "clean",
        "--raw",
        raw.location,
        "--lake",
        lake,
        "--terminals",
        terminals,
        "--check",
        codes=(99,),
    )
    story.must(again["code"] == 99, "nothing new to clean: no cluster is started")

    model = ("--lake", lake, "--name", name)
    registry = Registry(name)
    first = job("train", *model, "--rounds", 60, "--depth", 3, "--seed", 1, "--to", "2019-09-25")
    story.must(first["challenger"] == 1, f"version 1 is trained on state {first['lake_state']}")
    judged = job("validate", *model)
    story.must(judged["passed"], f"version 1: average precision {judged['average_precision']:.3f}")
    story.must(job("compare", *model)["champion"] == 1, "version 1 is the first champion")

    raw.write(files[2].name, files[2].read_bytes())
    third = job("clean", "--raw", raw.location, "--lake", lake, "--terminals", terminals)
    story.must(third["state"] == 2, f"a third month is added: {third['rows']} rows, state 2")
    kept = {f.path for f in Lake(lake).newest().files} & {f.path for f in state.files}
    story.must(len(kept) >= len(state.files) - 1, "the first two months' files are as they were")

    job(
        "train",
        *model,
        "--rounds",
        1,
        "--depth",
        1,
        "--seed",
        3,
        "--to",
        "2019-10-20",
        "--runner",
        "here",
    )
    story.must(registry.state()["challenger"] == 2, "a worse version 2 (one stump) is challenger")
    job("validate", *model, codes=(0, 1))
    refused = job("compare", *model, codes=(0, 1))
    state_now = registry.state()
    story.must(
        state_now["champion"] == 1,
        f"it is not promoted: {refused.get('reason', 'validation failed')}",
    )
    registry.drop_challenger()

    better = job("train", *model, "--rounds", 300, "--to", "2019-10-20", "--runner", "here")
    version = better["version"]
    judged = job("validate", *model, "--folds", 2, "--rounds", 100)
    story.must(
        judged["passed"], f"version {version}: average precision {judged['average_precision']:.3f}"
    )
    verdict = job("compare", *model)
    story.step(f"verdict: {verdict['verdict']}: {verdict['reason']}")
    if verdict["verdict"] != "promote":
        registry.promote(version)  # What a person may do; the roll-back needs two champions.
        story.step("promoted by hand")
    story.must(registry.state()["champion"] == version, f"version {version} is champion")
    back = job("compare", *model, "--roll-back")
    story.must(back["champion"] == 1 and back["previous"] == version, "rolled back to version 1")
    story.step(f"registry: {registry.state()}")


if __name__ == "__main__":
    sys.exit(main())
