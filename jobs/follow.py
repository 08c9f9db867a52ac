"""Keeps bundle folders at MLflow's aliases, so that `weir serve --model-poll` follows them.

python jobs/follow.py champion=bundles/champion trial=bundles/trial --every 10

A trial ends: its link is removed, and where its version did not become champion `--ended` is run,
which has to start the service again (it keeps a challenger until another comes, or it ends).
"""

import argparse
import shlex
import subprocess
import sys
import time
from pathlib import Path

import weir
from mlflow.exceptions import MlflowException
from weir.registry import CHAMPION, TRIAL, Registry


def main() -> int:
    """Follow until ended; with --once 1 where an alias is not set or not readable."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("links", nargs="+", metavar="ALIAS=LINK")
    parser.add_argument("--model", default="weir")
    parser.add_argument("--every", type=float, default=10, help="seconds")
    parser.add_argument("--ended", metavar="COMMAND", help="such as: systemctl restart weir")
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
                if alias == TRIAL and version is None:
                    end_trial(registry, Path(path), options.ended)
            except (MlflowException, OSError, weir.Error) as fault:
                # The registry may be away for a while: the service goes on with what it has.
                print(f"follow: {alias}: {fault}", file=sys.stderr, flush=True)
                complete = False
                continue
            complete = complete and (version is not None or alias == TRIAL)
            if shown.get(alias, -1) != version:
                print(f"follow: {alias} is version {version}", file=sys.stderr, flush=True)
                shown[alias] = version
        if options.once:
            return 0 if complete else 1
        time.sleep(options.every)


def end_trial(registry: Registry, link: Path, ended: str | None) -> None:
    """Take the link of a trial that is over away."""
    if not link.is_symlink():
        return
    version = link.resolve().name.rpartition("-")[2]
    link.unlink()
    if ended and str(registry.version_of(CHAMPION)) != version:
        subprocess.run(shlex.split(ended), check=False, timeout=300)


if __name__ == "__main__":
    sys.exit(main())
