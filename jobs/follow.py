"""Keeps bundle folders at MLflow's aliases, so that `weir serve --model-poll` follows them.

python jobs/follow.py champion=bundles/champion challenger=bundles/challenger --every 10
"""

import argparse
import sys
import time
from pathlib import Path

import weir
from mlflow.exceptions import MlflowException
from weir.registry import Registry


def main() -> int:
    """Follow until ended; with --once 1 where an alias is not set or not readable."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("links", nargs="+", metavar="ALIAS=LINK")
    parser.add_argument("--model", default="weir")
    parser.add_argument("--every", type=float, default=10, help="seconds")
    parser.add_argument("--once", action="store_true")
    options = parser.parse_args()
    pairs = [link.partition("=") for link in options.links]
    if not all(alias and path for alias, _, path in pairs):
        parser.error("wanted ALIAS=LINK, such as champion=bundles/champion")
    registry = Registry(options.model)
    shown: dict[str, int | None] = {}
    while True:
        complete = True
        for alias, _, path in pairs:
            try:
                version = registry.publish(alias, Path(path))
            except (MlflowException, OSError, weir.Error) as fault:
                # The registry may be away for a while: the service goes on with what it has.
                print(f"follow: {alias}: {fault}", file=sys.stderr, flush=True)
                complete = False
                continue
            complete = complete and version is not None
            if shown.get(alias, -1) != version:
                print(f"follow: {alias} is version {version}", file=sys.stderr, flush=True)
                shown[alias] = version
        if options.once:
            return 0 if complete else 1
        time.sleep(options.every)


if __name__ == "__main__":
    sys.exit(main())
