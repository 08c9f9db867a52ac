"""Train a model on the newest state of the lake and register it as the challenger.

    python jobs/train.py --lake s3://weir-clean/lake --name weir

The newest payments have no label yet. Of those that have one the last --hold-out days are kept to
judge by, and the label delay before them too: a label that came while they were paid is not theirs
to learn from. So training and its validation end hold-out + delay before the last known label.

With --workers the forest is grown by xgboost.spark over so many tasks at once, for a feature table
that no machine holds; else `weir train` does it in one task. The bundle is of the same kind.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from weir import jobs
from weir.lake import Lake
from weir.registry import Registry
from weir.tasks import run_here
from weir.training import train_bundle
from weir.validation import known_until

TRAINING = ("train_from", "valid_to", "rounds", "depth", "eta", "search", "seed", "colsample")
TRAINING += ("refit",)


def commit() -> str:
    """The commit of this checkout."""
    done = subprocess.run(
        ["git", "-C", Path(__file__).parent, "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() or "unknown"


def check(arguments: argparse.Namespace) -> int:
    """0 when there is something to learn from."""
    if Lake(arguments.lake).newest().number > 0:
        return 0
    print(f'train: "{arguments.lake}" has no published state yet', file=sys.stderr)
    return jobs.NOTHING_TO_DO


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lake", default=os.environ.get("WEIR_LAKE"))
    parser.add_argument("--name", default="weir")
    parser.add_argument("--spec", default="weir", help="built-in name or TOML file")
    parser.add_argument("--label-delay", type=int, default=7, metavar="DAYS")
    parser.add_argument("--runner", choices=("spark", "here"), default="spark")
    parser.add_argument(
        "--workers", type=int, default=0, help="grow the forest on so many, by xgboost.spark"
    )
    parser.add_argument(
        "--genuine-sample",
        type=int,
        default=1,
        metavar="N",
        help="with --workers: learn from one genuine payment in N, weighted by N",
    )
    parser.add_argument("--to", dest="valid_to", help="first day not to learn from")
    parser.add_argument(
        "--hold-out", type=int, default=14, metavar="DAYS", help="with labels, kept to judge by"
    )
    parser.add_argument("--refit", action="store_true", help="then learn from validation too")
    parser.add_argument("--also", default="", metavar="FLAGS", help="more of these, as one word")
    parser.add_argument("--check", action="store_true", help="exit 99 when the lake has no state")
    parser.add_argument("--from", dest="train_from")
    for name in ("rounds", "depth", "search", "seed"):
        parser.add_argument(f"--{name}", type=int)
    for name in ("eta", "colsample"):
        parser.add_argument(f"--{name}", type=float)
    arguments = parser.parse_args()
    arguments = parser.parse_args(shlex.split(arguments.also), arguments)
    if not arguments.lake:
        parser.error("wanted --lake, or WEIR_LAKE")
    if arguments.genuine_sample != 1 and not arguments.workers:
        parser.error("--genuine-sample needs --workers; in one task all payments are learned from")
    return jobs.run("train", lambda: (check if arguments.check else train)(arguments))


def train(arguments: argparse.Namespace) -> int:
    """Train, register, and set the challenger."""
    runner, stop = run_here, lambda: None
    if arguments.runner == "spark":
        from weir import spark

        runner = spark.run_tasks(lambda: spark.session("weir train"))
        stop = spark.stop
    try:
        delay = timedelta(days=arguments.label_delay)
        options = {name: getattr(arguments, name) for name in TRAINING}
        kept = 2 * delay + timedelta(days=arguments.hold_out)
        options["valid_to"] = options["valid_to"] or known_until(arguments.lake, kept)
        with tempfile.TemporaryDirectory(prefix="weir-bundle-") as folder:
            bundle = Path(folder) / "bundle"
            what = {
                "features": {"spec": arguments.spec, "label_delay": f"{arguments.label_delay}d"},
                "training": {"name": arguments.name, **options},
            }
            if arguments.workers:
                from weir import spark
                from weir.spark_training import train_on_spark

                stop = spark.stop
                state = train_on_spark(
                    arguments.lake,
                    bundle,
                    **what,
                    start=lambda: spark.session("weir train"),
                    workers=arguments.workers,
                    genuine_sample=arguments.genuine_sample,
                    say=lambda text: print(f"train: {text}", file=sys.stderr),
                )
            else:
                state = train_bundle(arguments.lake, bundle, **what, runner=runner)
            registry = Registry(arguments.name)
            version = registry.register(
                bundle,
                tags={
                    "lake": arguments.lake,
                    "lake_state": str(state.number),
                    "lake_fingerprint": state.fingerprint,
                    "git_commit": commit(),
                },
            )
        if version not in registry.state().values():
            registry.set_challenger(version)
    finally:
        stop()
    print(json.dumps({"version": version, "lake_state": state.number, **registry.state()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
