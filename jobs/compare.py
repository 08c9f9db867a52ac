"""Challenger against champion on labels that have become known: promote, keep, or wait.

    python jobs/compare.py --lake s3://weir-clean/lake            # compare and act
    python jobs/compare.py --roll-back                            # the previous champion again

The comparison is the core's paired bootstrap. `promote` moves the champion's alias, `keep` ends the
challenger's wait, `inconclusive` leaves both and says how many days would be enough. A first model
becomes champion when its validation passed. One at a time: MLflow has no compare-and-swap.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import weir
from weir import validation
from weir.registry import CHALLENGER, CHAMPION, Registry, fetch_alias


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lake", default=os.environ.get("WEIR_LAKE"))
    parser.add_argument("--name", default="weir")
    parser.add_argument("--from", dest="begin")
    parser.add_argument("--to", dest="end")
    parser.add_argument("--relevant-gain", type=float, default=0.10, help="share of the damage")
    parser.add_argument("--dry-run", action="store_true", help="compare, change no alias")
    parser.add_argument("--roll-back", action="store_true")
    arguments = parser.parse_args()
    registry = Registry(arguments.name)
    try:
        if arguments.roll_back:
            result = {"verdict": "rolled back", "version": registry.roll_back()}
        elif not arguments.lake:
            parser.error("wanted --lake, or WEIR_LAKE")
        else:
            result = compare(arguments, registry)
    except weir.Error as fault:
        print(f"compare: {fault}", file=sys.stderr)
        return 1
    print(json.dumps({**result, **registry.state()}))
    return 0


def compare(arguments: argparse.Namespace, registry: Registry) -> dict[str, object]:
    """Judge the challenger and act on it."""
    challenger = registry.version_of(CHALLENGER)
    if challenger is None:
        return {"verdict": "none", "reason": "there is no challenger"}
    tags = registry.client.get_model_version(arguments.name, str(challenger)).tags
    if tags.get("validation") != "passed":
        raise weir.Error(
            f"version {challenger} has not passed its validation; run jobs/validate.py first"
        )
    if registry.version_of(CHAMPION) is None:
        verdict, reason, numbers = "promote", "the first model that passed its validation", {}
    else:
        numbers = judge(arguments)
        verdict, reason = numbers["verdict"], numbers["reason"]
    if not arguments.dry_run:
        registry.judge(challenger, verdict, reason)
        if verdict == "promote":
            registry.promote(challenger)
        elif verdict == "keep":
            registry.drop_challenger()
    return {"version": challenger, "verdict": verdict, "reason": reason, **numbers}


def judge(arguments: argparse.Namespace) -> dict[str, object]:
    """The core's comparison on payments that neither side learned from."""
    sides = {}
    for alias in (CHAMPION, CHALLENGER):
        _, folder = fetch_alias(alias, arguments.name)
        sides[alias] = (next(Path(folder.name).rglob("model.json")).parent, folder)
    bundles = {alias: bundle for alias, (bundle, _) in sides.items()}
    begin = arguments.begin or max(map(validation.first_day_after, bundles.values()))
    delay = max(weir.load_model(bundle).label_delay for bundle in bundles.values())
    end = arguments.end or validation.known_until(arguments.lake, delay)
    if begin >= end:
        return {
            "verdict": "inconclusive",
            "reason": f"no label of a payment from {begin} on is known yet",
        }
    rows = {
        alias: validation.score_period(arguments.lake, bundle, begin, end).combine_chunks()
        for alias, bundle in bundles.items()
    }
    for _, folder in sides.values():
        folder.cleanup()
    return weir.compare(
        rows[CHAMPION],
        rows[CHAMPION],
        rows[CHALLENGER],
        relevant_gain=arguments.relevant_gain,
    )


if __name__ == "__main__":
    sys.exit(main())
