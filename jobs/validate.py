"""Validate a registered model on payments it did not learn from; log everything to MLflow.

    python jobs/validate.py --alias challenger --lake s3://weir-clean/lake

Exit 1, and the version is tagged `validation = failed`, when the score is better than an honest
model's can be (a leak) or the model does not rank better than chance. A champion is measured the
same way, on labels that have become known since; nothing hangs on it: it keeps its tag, exit 0.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import mlflow
import weir
from weir import command, jobs, validation
from weir.command import flags
from weir.registry import CHALLENGER, CHAMPION, Registry, fetched


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lake", default=os.environ.get("WEIR_LAKE"))
    parser.add_argument("--name", default="weir")
    parser.add_argument("--alias", default=CHALLENGER)
    parser.add_argument("--from", dest="begin", help="first day; else the first it cannot know of")
    parser.add_argument("--to", dest="end", help="else the lake's last day with known labels")
    parser.add_argument("--truth", help="truth/windows.csv of simulated data: the exact floor")
    parser.add_argument("--folds", type=int, default=0, help="prequential folds to train and judge")
    parser.add_argument("--rounds", type=int, default=200, help="trees at most, of the folds")
    parser.add_argument(
        "--or-skip",
        action="store_true",
        help="exit 99 when nobody has the alias, or there is no label yet to judge it by",
    )
    arguments = parser.parse_args()
    if not arguments.lake:
        parser.error("wanted --lake, or WEIR_LAKE")
    return jobs.run("validate", lambda: validate(arguments))


def validate(arguments: argparse.Namespace) -> int:
    """Judge the version that has the alias; the exit code."""
    version = Registry(arguments.name).version_of(arguments.alias)
    if arguments.or_skip and version is None:
        return jobs.NOTHING_TO_DO
    with fetched(arguments.alias, arguments.name) as (version, bundle):
        return validate_version(arguments, version, bundle)


def validate_version(arguments: argparse.Namespace, version: int, bundle: Path) -> int:
    """Judge one version; the exit code."""
    registry = Registry(arguments.name)
    model = weir.load_model(bundle)
    begin = arguments.begin or validation.first_day_after(bundle)
    end = arguments.end or validation.known_until(arguments.lake, model.label_delay)
    if begin >= end:
        text = (
            f"no payment between {begin}, the first day that {arguments.name} version {version} "
            f"cannot know of, and {end}, the first without labels; wait for labels or train on less"
        )
        if arguments.or_skip:
            print(f"validate: {text}", file=sys.stderr)
            return jobs.NOTHING_TO_DO
        raise weir.Error(text)
    rows = validation.score_period(arguments.lake, bundle, begin, end)
    whole = validation.measures(rows)
    if whole is None:
        text = f"[{begin}, {end}) has too few frauds or genuine payments to judge by"
        if arguments.alias == CHAMPION:
            print(f"validate: {text}", file=sys.stderr)
            return jobs.NOTHING_TO_DO
        raise weir.Error(text)
    found = validation.slices(rows)
    period = validation.learned_period(arguments.lake, bundle)
    learned = validation.score_period(arguments.lake, bundle, *period)
    drifts = validation.drift(learned, rows, [*model.feature_names, "margin"])
    folds = []
    if arguments.folds:
        folds = validation.prequential(
            arguments.lake, bundle, begin, end, arguments.folds, {"rounds": arguments.rounds}
        )
    run = registry.client.get_model_version(arguments.name, str(version)).run_id
    with tempfile.TemporaryDirectory(prefix="weir-report-") as report:
        leak = ""
        try:
            command.run(
                *("evaluate", bundle, arguments.lake, "--out", Path(report) / "evaluation"),
                *flags({"from": begin, "to": end, "truth": arguments.truth}),
            )
        except weir.Error as fault:
            leak = str(fault)
        validation.plot(found, drifts, Path(report))
        document = {
            "from": begin,
            "to": end,
            "whole": whole,
            "slices": found,
            "drift": drifts,
            "folds": folds,
        }
        (Path(report) / "validation.json").write_text(json.dumps(document, indent=2) + "\n")
        with mlflow.start_run(run_id=run):
            mlflow.log_artifacts(report, "validation")
            # Measured again as labels become known: a step a day.
            day = validation.date(end).toordinal()
            numbers = {f"test_{name}": float(value) for name, value in whole.items()}
            mlflow.log_metrics({**numbers, "drift_worst": max(drifts.values())}, step=day)
            for step, fold in enumerate(folds):
                mlflow.log_metric("fold_average_precision", fold["average_precision"], step)
    terminals = validation.fraud_terminals(rows)
    few = terminals < validation.LEAST_TERMINALS
    chance = whole["frauds"] / whole["payments"]
    better = whole["average_precision"] > chance and whole["roc_auc"] > 0.5
    passed = better and not leak
    if arguments.alias != CHAMPION:
        registry.client.set_model_version_tag(
            arguments.name, str(version), "validation", "passed" if passed else "failed"
        )
    print(json.dumps({"version": version, "passed": passed, "from": begin, "to": end, **whole}))
    reason = leak
    if not leak and not better:
        reason = (
            f"{arguments.name} version {version} ranks no better than chance in [{begin}, {end}): "
            f"average precision {whole['average_precision']:.3f}, frauds {chance:.3f} of payments, "
            f"ROC AUC {whole['roc_auc']:.3f}; {validation.TERMINALS_SHARE:.0%} of the frauds are "
            f"of {terminals} terminals{', too few to judge by: take a longer period' * few}"
        )
    if reason and arguments.alias != CHAMPION:
        raise weir.Error(reason)
    if reason:
        print(f"validate: {reason}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
