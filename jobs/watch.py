"""Look at the champion on payments whose labels have become known: is it time to retrain?

    python jobs/watch.py --lake s3://weir-clean/lake --budget 500000

Exit 0: yes. An input's stability index against the training period is above --limit, or the last
7 and the last 28 days both cost more than --budget roubles in 30 days.
Exit 99: nothing to do (also when there is no champion yet, no new label, or nothing in the lake
that the champion was not trained on). Exit 1: an error.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import weir
from weir import jobs, validation
from weir.lake import Lake
from weir.registry import CHAMPION, Registry, fetched


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lake", default=os.environ.get("WEIR_LAKE"))
    parser.add_argument("--name", default="weir")
    parser.add_argument("--limit", type=float, default=0.25, help="above: a real change")
    parser.add_argument(
        "--budget",
        type=float,
        default=float(os.environ.get("WEIR_LOSS_BUDGET") or 0),
        help="roubles of damage in 30 days; 0: not looked at",
    )
    arguments = parser.parse_args()
    if not arguments.lake:
        parser.error("wanted --lake, or WEIR_LAKE")
    return jobs.run("watch", lambda: watch(arguments))


def watch(arguments: argparse.Namespace) -> int:
    """Look at the champion; the exit code."""
    registry = Registry(arguments.name)
    version = registry.version_of(CHAMPION)
    if version is None:
        print("watch: there is no champion yet", file=sys.stderr)
        return jobs.NOTHING_TO_DO
    with fetched(CHAMPION, arguments.name) as (_, bundle):
        found = look(arguments, bundle)
    if found is None:
        return jobs.NOTHING_TO_DO
    log(registry, version, found)
    reasons = list(reasons_to_retrain(arguments, found))
    state = Lake(arguments.lake).newest()
    about = registry.client.get_model_version(arguments.name, str(version)).tags
    if reasons and about.get("lake_fingerprint") == state.fingerprint:
        reasons = []
        print(f"watch: state {state.number} is what it was trained on", file=sys.stderr)
    print(json.dumps({"version": version, **found, "reasons": reasons}))
    return 0 if reasons else jobs.NOTHING_TO_DO


def look(arguments: argparse.Namespace, bundle: Path) -> dict[str, Any] | None:
    """Compare the training period with what came after; None where no new label is known."""
    model = weir.load_model(bundle)
    begin = validation.first_day_after(bundle)
    end = validation.known_until(arguments.lake, model.label_delay)
    if begin >= end:
        print(f"watch: no label of a payment from {begin} on is known yet", file=sys.stderr)
        return None
    period = validation.learned_period(arguments.lake, bundle)
    learned = validation.score_period(arguments.lake, bundle, *period)
    rows = validation.score_period(arguments.lake, bundle, begin, end)
    drifts = validation.drift(learned, rows, [*model.feature_names, "margin"])
    worst = max(drifts, key=lambda name: drifts[name])
    burn = validation.burn_rates(rows, end, arguments.budget) if arguments.budget else {}
    damage = validation.damage(rows)
    return {
        "from": begin,
        "to": end,
        "worst": worst,
        "index": drifts[worst],
        "damage_roubles_per_30_days": damage,
        "burn": burn,
    }


def reasons_to_retrain(arguments: argparse.Namespace, found: dict[str, Any]) -> Iterator[str]:
    """Why the champion should be followed by another."""
    if found["index"] > arguments.limit:
        yield f"{found['worst']} has drifted, index {found['index']:.2f}"
    burn = found["burn"]
    if len(burn) == len(validation.BURN_DAYS) and min(burn.values()) > 1:
        rates = ", ".join(f"{rate:.2f} in {days} days" for days, rate in burn.items())
        yield f"the loss budget burns {rates}"


def log(registry: Registry, version: int, found: dict[str, Any]) -> None:
    """Keep the numbers beside the champion, a step a day."""
    run = registry.client.get_model_version(registry.name, str(version)).run_id
    step = validation.date(found["to"]).toordinal()
    numbers = {
        "watch_drift_worst": found["index"],
        "watch_damage_roubles_per_30_days": found["damage_roubles_per_30_days"],
        **{f"watch_burn_{days}_days": rate for days, rate in found["burn"].items()},
    }
    for name, value in numbers.items():
        registry.client.log_metric(run, name, value, step=step)


if __name__ == "__main__":
    sys.exit(main())
