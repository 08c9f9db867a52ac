"""Train a model on the newest state of the lake and register it as the challenger.

    python jobs/train.py --lake s3://weir-clean/lake --name weir

The newest payments have no label yet: training and validation end a label delay before the lake
does, and weir train leaves out what was not known when validation began.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import weir
from weir.cleaning import run_here
from weir.registry import Registry
from weir.training import train_bundle
from weir.validation import known_until

TRAINING = ("train_from", "valid_to", "rounds", "depth", "eta", "search", "seed", "colsample")


def commit() -> str:
    """The commit of this checkout."""
    done = subprocess.run(
        ["git", "-C", Path(__file__).parent, "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() or "unknown"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lake", default=os.environ.get("WEIR_LAKE"))
    parser.add_argument("--name", default="weir")
    parser.add_argument("--spec", default="weir", help="built-in name or TOML file")
    parser.add_argument("--label-delay", type=int, default=7, metavar="DAYS")
    parser.add_argument("--runner", choices=("spark", "here"), default="spark")
    parser.add_argument("--to", dest="valid_to", help="first day not to learn from")
    parser.add_argument("--from", dest="train_from")
    for name in ("rounds", "depth", "search", "seed"):
        parser.add_argument(f"--{name}", type=int)
    for name in ("eta", "colsample"):
        parser.add_argument(f"--{name}", type=float)
    arguments = parser.parse_args()
    if not arguments.lake:
        parser.error("wanted --lake, or WEIR_LAKE")
    runner, stop, text_of = run_here, lambda: None, str
    if arguments.runner == "spark":
        from weir import spark

        runner = spark.run_tasks(lambda: spark.session("weir train"))
        stop, text_of = spark.stop, spark.failure
    try:
        delay = timedelta(days=arguments.label_delay)
        options = {name: getattr(arguments, name) for name in TRAINING}
        options["valid_to"] = options["valid_to"] or known_until(arguments.lake, delay)
        with tempfile.TemporaryDirectory(prefix="weir-bundle-") as folder:
            bundle = Path(folder) / "bundle"
            state = train_bundle(
                arguments.lake,
                bundle,
                features={"spec": arguments.spec, "label_delay": f"{arguments.label_delay}d"},
                training={"name": arguments.name, **options},
                runner=runner,
            )
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
    except Exception as fault:
        if not isinstance(fault, weir.Error) and "pyspark" not in type(fault).__module__:
            raise
        print(f"train: {text_of(fault)}", file=sys.stderr)
        return 1
    finally:
        stop()
    print(json.dumps({"version": version, "lake_state": state.number, **registry.state()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
