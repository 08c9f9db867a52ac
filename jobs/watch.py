"""Look at the champion on payments whose labels have become known: have its inputs drifted?

    python jobs/watch.py --lake s3://weir-clean/lake

Exit 0: an input's stability index against the training period is above --limit, so retrain.
Exit 99: nothing to do (also when there is no champion yet, or no new label). Exit 1: an error.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import weir
from weir import jobs, validation
from weir.registry import CHAMPION, Registry, fetched


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lake", default=os.environ.get("WEIR_LAKE"))
    parser.add_argument("--name", default="weir")
    parser.add_argument("--limit", type=float, default=0.25, help="above: a real change")
    arguments = parser.parse_args()
    if not arguments.lake:
        parser.error("wanted --lake, or WEIR_LAKE")
    return jobs.run("watch", lambda: watch(arguments))


def watch(arguments: argparse.Namespace) -> int:
    """Look at the champion; the exit code."""
    if Registry(arguments.name).version_of(CHAMPION) is None:
        print("watch: there is no champion yet", file=sys.stderr)
        return jobs.NOTHING_TO_DO
    with fetched(CHAMPION, arguments.name) as (_, bundle):
        return watch_bundle(arguments, bundle)


def watch_bundle(arguments: argparse.Namespace, bundle: Path) -> int:
    """Compare the training period with what came after; the exit code."""
    model = weir.load_model(bundle)
    begin = validation.first_day_after(bundle)
    end = validation.known_until(arguments.lake, model.label_delay)
    if begin >= end:
        print(f"watch: no label of a payment from {begin} on is known yet", file=sys.stderr)
        return jobs.NOTHING_TO_DO
    period = validation.learned_period(arguments.lake, bundle)
    learned = validation.score_period(arguments.lake, bundle, *period)
    rows = validation.score_period(arguments.lake, bundle, begin, end)
    found = validation.drift(learned, rows, [*model.feature_names, "margin"])
    worst = max(found, key=lambda name: found[name])
    print(json.dumps({"from": begin, "to": end, "worst": worst, "index": found[worst]}))
    return 0 if found[worst] > arguments.limit else jobs.NOTHING_TO_DO


if __name__ == "__main__":
    sys.exit(main())
