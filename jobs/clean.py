"""Clean the raw files of a lake and publish its next state.

    python jobs/clean.py --raw s3://weir-raw --lake s3://weir-clean/lake --terminals 0..999

Exit 0: published, or nothing new. Exit 1: the data or the run fails a check, nothing is published.
"""

import argparse
import json
import os
import sys

from weir import jobs, spark
from weir.cleaning import clean_lake, raw_files
from weir.lake import Lake, Store
from weir.raw_text import PART_BYTES


def check(arguments: argparse.Namespace) -> int:
    """0 when the raw files differ from those of the newest state."""
    newest = Lake(arguments.lake).newest()
    items = raw_files(Store(arguments.raw))
    return jobs.NOTHING_TO_DO if tuple(items) == newest.raw else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--raw", default=os.environ.get("WEIR_RAW"), help="folder or s3:// prefix")
    parser.add_argument(
        "--lake", default=os.environ.get("WEIR_LAKE"), help="folder or s3:// prefix"
    )
    parser.add_argument("--terminals", help="terminals that exist, e.g. 0..999")
    parser.add_argument("--accept-rule", action="append", default=[], metavar="RULE")
    parser.add_argument("--part-bytes", type=int, default=PART_BYTES)
    parser.add_argument("--keep", type=int, default=0, help="then remove all but so many states")
    parser.add_argument(
        "--grace-hours", type=float, default=24, help="runs that wrote since may be at work"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="only look: exit 0 when there is something to clean, 99",
    )
    arguments = parser.parse_args()
    if not arguments.raw or not arguments.lake:
        parser.error("wanted --raw and --lake, or WEIR_RAW and WEIR_LAKE")
    return jobs.run("clean", lambda: (check if arguments.check else clean)(arguments))


def clean(arguments: argparse.Namespace) -> int:
    """Clean what is new and publish it."""
    try:
        manifest = clean_lake(
            arguments.raw,
            arguments.lake,
            terminals=arguments.terminals,
            accept_rules=tuple(arguments.accept_rule),
            runner=spark.run_tasks(lambda: spark.session("weir clean")),
            part_bytes=arguments.part_bytes,
            say=lambda text: print(f"clean: {text}", file=sys.stderr),
        )
    finally:
        spark.stop()
    if arguments.keep:
        Lake(arguments.lake).sweep(arguments.keep, arguments.grace_hours)
    print(
        json.dumps(
            {
                "state": manifest.number,
                "rows": manifest.rows,
                "days": len(manifest.files),
                "fingerprint": manifest.fingerprint,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
