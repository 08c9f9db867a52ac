"""Look at the trial that is on: two models on live payments, the customers split between them.

    python jobs/trial.py --journal out/journal        # judge, and act on the verdict
    python jobs/trial.py --end "too slow"             # the champion alone again, by hand

The test is the core's (`weir compare --journal`): looks may come at any time. `promote` makes the
version on trial the champion, `keep` ends its trial, `inconclusive` lets it go on. A trial also
ends when another became champion, or when the service has not asked its version within --patience
hours.
Exit 99: no trial is on. jobs/follow.py brings what the alias `trial` stands for to the service.
"""

import argparse
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import weir
from weir import command, jobs
from weir.registry import CHAMPION, TRIAL, Registry


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--name", default="weir")
    parser.add_argument("--journal", default=os.environ.get("WEIR_JOURNAL"))
    parser.add_argument("--relevant-gain", type=float, default=0.10, help="share of the damage")
    parser.add_argument("--days", type=int, default=28, help="when a verdict is wanted")
    parser.add_argument("--longest", type=int, default=84, help="days; then the champion stays")
    parser.add_argument("--patience", type=float, default=24, help="hours")
    parser.add_argument("--end", metavar="REASON", help="end the trial now")
    arguments = parser.parse_args()
    return jobs.run("trial", lambda: act(arguments))


def act(arguments: argparse.Namespace) -> int:
    """Judge the trial and act on it; prints what came of it."""
    registry = Registry(arguments.name)
    version = registry.version_of(TRIAL)
    if version is None:
        return jobs.NOTHING_TO_DO
    result = judge(arguments, registry, version)
    verdict, reason = result["verdict"], result["reason"]
    if verdict == "promote":
        # The champion moves first: whoever runs this again after a death finds it moved.
        registry.promote(version, instead_of=against(registry, version))
        registry.end_trial(version, "promoted", reason)
    elif verdict == "keep":
        registry.end_trial(version, "kept", reason)
    print(json.dumps({"version": version, **result, **registry.state()}))
    return 0


def against(registry: Registry, version: int) -> int:
    """The champion that a version was put on trial against."""
    return int(registry.client.get_model_version(registry.name, str(version)).tags["trial_against"])


def judge(arguments: argparse.Namespace, registry: Registry, version: int) -> dict[str, Any]:
    """`verdict`, `reason` and the numbers of the test."""
    champion, rival = registry.version_of(CHAMPION), against(registry, version)
    if champion == version:
        return {"verdict": "promote", "reason": "it is champion already"}
    if champion != rival:
        reason = f"version {champion} became champion, it was tried against {rival}"
        return {"verdict": "keep", "reason": reason}
    if arguments.end:
        return {"verdict": "keep", "reason": arguments.end}
    if not arguments.journal:
        raise weir.Error("wanted --journal, or WEIR_JOURNAL: the folder of the service's journal")
    with tempfile.TemporaryDirectory(prefix="weir-bundles-") as folder:
        bundles = [
            registry.fetch(number, Path(folder) / str(number)) for number in (champion, version)
        ]
        result = command.run(
            *("compare", *bundles, "--journal", arguments.journal),
            *("--relevant-gain", arguments.relevant_gain),
            *("--days", arguments.days, "--longest", arguments.longest),
        )
    about = registry.client.get_model_version(registry.name, str(version))
    waited = datetime.now(UTC) - datetime.fromisoformat(about.tags["trial_since"])
    hours = waited.total_seconds() / 3600
    if result["challenger"]["payments"] == 0 and hours > arguments.patience:
        reason = f"the service has asked it nothing in {hours:.0f} hours"
        return {**result, "verdict": "keep", "reason": reason}
    for name in ("damage_roubles_per_30_days", "genuine_touched", "touched"):
        low, high = result[name]["interval"]
        numbers = {"difference": result[name]["difference"], "low": low, "high": high}
        for end, value in numbers.items():
            if value is not None:
                registry.client.log_metric(
                    about.run_id, f"trial_{name}_{end}", value, step=result["days"]
                )
    return result


if __name__ == "__main__":
    sys.exit(main())
