"""Challenger against champion on labels that have become known: promote, keep, or wait.

    python jobs/compare.py --lake s3://weir-clean/lake            # compare and act
    python jobs/compare.py --lake s3://weir-clean/lake --trial    # the better one is tried online
    python jobs/compare.py --roll-back                            # the previous champion again

The comparison is the core's paired bootstrap. `promote` moves the champion's alias, or with --trial
lets the challenger decide for a share of the customers first (jobs/trial.py). `keep` ends the
challenger's wait, `inconclusive` leaves both and says how many days would be enough. A first model
becomes champion when its validation passed. Nothing moves when another became champion meanwhile,
or while a trial is on.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import weir
from weir import jobs, validation
from weir.registry import CHALLENGER, CHAMPION, TRIAL, Registry


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lake", default=os.environ.get("WEIR_LAKE"))
    parser.add_argument("--name", default="weir")
    parser.add_argument("--from", dest="begin")
    parser.add_argument("--to", dest="end")
    parser.add_argument("--relevant-gain", type=float, default=0.10, help="share of the damage")
    parser.add_argument("--dry-run", action="store_true", help="compare, change no alias")
    parser.add_argument("--trial", action="store_true", help="try it online before it is promoted")
    parser.add_argument("--roll-back", action="store_true")
    arguments = parser.parse_args()
    if not arguments.lake and not arguments.roll_back:
        parser.error("wanted --lake, or WEIR_LAKE")
    return jobs.run("compare", lambda: act(arguments))


def act(arguments: argparse.Namespace) -> int:
    """Roll back, or judge and act on it; prints what came of it."""
    registry = Registry(arguments.name)
    if arguments.roll_back:
        result: dict[str, object] = {"verdict": "rolled back", "version": registry.roll_back()}
    else:
        result = compare(arguments, registry)
    print(json.dumps({**result, **registry.state()}))
    return 0


def compare(arguments: argparse.Namespace, registry: Registry) -> dict[str, object]:
    """Judge the challenger and act on it."""
    champion, challenger = registry.version_of(CHAMPION), registry.version_of(CHALLENGER)
    if challenger is None:
        return {"verdict": "none", "reason": "there is no challenger"}
    running = registry.version_of(TRIAL)
    if running is not None:
        reason = f"version {running} is on trial, version {challenger} waits for its end"
        return {"version": challenger, "verdict": "inconclusive", "reason": reason}
    tags = registry.client.get_model_version(arguments.name, str(challenger)).tags
    if tags.get("validation") != "passed":
        raise weir.Error(
            f"version {challenger} has not passed its validation; run jobs/validate.py first"
        )
    numbers: dict[str, object] = {}
    if champion is None:
        verdict, reason = "promote", "the first model that passed its validation"
    else:
        numbers = judge(arguments, registry, champion, challenger)
        verdict, reason = str(numbers["verdict"]), str(numbers["reason"])
    if not arguments.dry_run:
        registry.judge(challenger, verdict, reason)
        if verdict == "promote" and arguments.trial and champion is not None:
            registry.start_trial(challenger, against=champion)
        elif verdict == "promote":
            registry.promote(challenger, instead_of=champion)
        elif verdict == "keep":
            registry.drop_challenger(challenger)
    return {"version": challenger, "verdict": verdict, "reason": reason, **numbers}


def judge(
    arguments: argparse.Namespace, registry: Registry, champion: int, challenger: int
) -> dict[str, object]:
    """The core's comparison on payments that neither side learned from."""
    with tempfile.TemporaryDirectory(prefix="weir-bundles-") as folder:
        bundles = [
            registry.fetch(version, Path(folder) / str(version))
            for version in (champion, challenger)
        ]
        begin = arguments.begin or max(map(validation.first_day_after, bundles))
        delay = max(weir.load_model(bundle).label_delay for bundle in bundles)
        end = arguments.end or validation.known_until(arguments.lake, delay)
        if begin >= end:
            return {
                "verdict": "inconclusive",
                "reason": f"no label of a payment from {begin} on is known yet",
            }
        old, new = (
            validation.score_period(arguments.lake, bundle, begin, end).combine_chunks()
            for bundle in bundles
        )
    return weir.compare(old, old, new, relevant_gain=arguments.relevant_gain)


if __name__ == "__main__":
    sys.exit(main())
