"""Compute the feature table of the lake's newest state and publish it.

    python jobs/features.py --lake s3://weir-clean/lake --out s3://weir-clean/features

The values are those of `weir features`, which makes a table that fits in one task; a larger one is
computed by key, in as many tasks as it takes.
Exit 0: published. Exit 1: an error, nothing is published.
"""

import argparse
import json
import os
import sys

from weir import jobs, spark
from weir.keyed_features import ROWS_OF_A_TASK, ROWS_OF_ONE_TASK, compute_features


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lake", default=os.environ.get("WEIR_LAKE"))
    parser.add_argument("--out", required=True, help="folder or s3:// prefix of the table")
    parser.add_argument("--spec", default="weir", help="built-in name or TOML file")
    parser.add_argument("--label-delay", type=int, default=7, metavar="DAYS")
    parser.add_argument(
        "--rows-of-one-task",
        type=int,
        default=ROWS_OF_ONE_TASK,
        help="up to so many payments in one task, more by key",
    )
    parser.add_argument("--rows-of-a-task", type=int, default=ROWS_OF_A_TASK)
    arguments = parser.parse_args()
    if not arguments.lake:
        parser.error("wanted --lake, or WEIR_LAKE")
    return jobs.run("features", lambda: features(arguments))


def features(arguments: argparse.Namespace) -> int:
    """Compute and publish."""
    try:
        done = compute_features(
            arguments.lake,
            arguments.out,
            spec=arguments.spec,
            label_delay_seconds=86_400 * arguments.label_delay,
            runner=spark.run_tasks(lambda: spark.session("weir features")),
            rows_of_one_task=arguments.rows_of_one_task,
            rows_of_a_task=arguments.rows_of_a_task,
            say=lambda text: print(f"features: {text}", file=sys.stderr),
        )
    finally:
        spark.stop()
    names = ("lake_state", "rows", "fingerprint")
    print(json.dumps({**{name: done[name] for name in names}, "files": len(done["files"])}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
