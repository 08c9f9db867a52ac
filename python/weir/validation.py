"""What docs/validation.md asks of a model, as numbers and plots. Every measure is the core's."""

import json
import re
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import weir
from weir import command
from weir.command import flags

Numbers = dict[str, Any]
LEAST_FRAUDS = 20
"""A slice with fewer says nothing."""
SHARE_OF_A_DAY = 0.05
"""A day with less of the usual number of payments is not taken for a day of the lake's life."""
TERMINALS_SHARE = 0.8
LEAST_TERMINALS = 5
"""A compromised terminal's frauds stand or fall together: fewer of them are hardly evidence."""
LEAST_REFERENCE = timedelta(days=7)
BURN_DAYS = (7, 28)
"""A bad week alone is luck, a bad month alone may be over."""
UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def score_period(lake: str, bundle: Path, begin: str | None, end: str | None) -> pa.Table:
    """Payments of [begin, end) with the bundle's features and scores, point in time."""
    model = weir.load_model(bundle)
    with tempfile.TemporaryDirectory(prefix="weir-score-") as folder:
        spec, table = Path(folder) / "spec.toml", Path(folder) / "features.parquet"
        spec.write_text(model.feature_spec)
        delay = f"{int(model.label_delay.total_seconds())}s"
        period = flags({"from": begin, "to": end, "label_delay": delay})
        command.run("features", lake, "--spec", spec, "--out", table, *period)
        rows = pq.read_table(table)
    scores = pa.table(model.score(rows))
    for name in ("margin", "probability"):
        rows = rows.append_column(name, scores[name])
    action = scores["action"]
    rows = rows.append_column("touched", pc.not_equal(action, "approve"))
    return rows.append_column("declined", pc.equal(action, "decline"))


def date(text: str) -> datetime:
    """The midnight of YYYY-MM-DD, UTC; a time of day is dropped."""
    return datetime.fromisoformat(text[:10]).replace(tzinfo=UTC)


def known_until(lake: str, label_delay: timedelta) -> str:
    """The day before which every label of the lake's newest state is known."""
    last = _whole_days(lake)[1]
    return f"{last + timedelta(days=1) - label_delay:%Y-%m-%d}"


def _whole_days(lake: str) -> tuple[datetime, datetime]:
    """The first and the last day of the lake's newest state that hold a day's payments.

    A few payments that a wrong clock dated ahead or back make no day of the lake's life.
    """
    from weir.lake import Lake

    files = Lake(lake).newest().files
    if not files:
        raise weir.Error(f'"{lake}" has no published state; run jobs/clean.py first')
    enough = SHARE_OF_A_DAY * float(np.median([file.rows for file in files]))
    days = [file.day for file in files if file.rows >= enough]
    return date(min(days)), date(max(days))


def look_back(spec: str) -> timedelta:
    """How far back the inputs of a canonical spec see at most: window + delay."""
    longest = timedelta(0)
    for line in spec.splitlines():
        found = re.findall(r'\b(?:window|delay) = "(\d+)([dhms])"', line)
        spans = [timedelta(**{UNITS[unit]: int(number)}) for number, unit in found]
        longest = max(longest, sum(spans, timedelta(0)))
    return longest


def learned_period(lake: str, bundle: Path) -> tuple[str, str]:
    """[from, to) of the training period whose windows look back on whole history.

    The days before see windows that fill up, which would look like drift later. Where fewer than
    LEAST_REFERENCE are left, the whole training period.
    """
    about = json.loads((bundle / "model.json").read_text())["training"]
    begin, end = about["from"][:10], about["to"][:10]
    filled = _whole_days(lake)[0] + look_back(weir.load_model(bundle).feature_spec)
    # A day that is half filled is left out too.
    first = max(date(begin), date(f"{filled + timedelta(days=1, seconds=-1):%Y-%m-%d}"))
    return (f"{first:%Y-%m-%d}" if date(end) - first >= LEAST_REFERENCE else begin), end


def first_day_after(bundle: Path) -> str:
    """The first whole day whose payments no label of training or validation knew of."""
    known = json.loads((bundle / "model.json").read_text())["labels_known_at"]
    day = date(known)
    return f"{day if known[11:] in ('', '00:00:00') else day + timedelta(days=1):%Y-%m-%d}"


def measures(rows: pa.Table) -> Numbers | None:
    """A slice's numbers; None where frauds or genuine payments are too few to say."""
    frauds = int(pc.sum(rows["is_fraud"].cast(pa.int64())).as_py() or 0)
    if frauds < LEAST_FRAUDS or rows.num_rows - frauds < LEAST_FRAUDS:
        return None
    rows = rows.combine_chunks()
    judged = weir.evaluate(rows, rows, bootstrap=50)
    genuine = rows.filter(pc.invert(rows["is_fraud"]))
    fraud = rows.filter(rows["is_fraud"])
    return {
        "payments": rows.num_rows,
        "frauds": frauds,
        "average_precision": judged["average_precision"]["value"],
        "roc_auc": judged["roc_auc"]["value"],
        "calibration_error": judged["calibration_error"],
        "touched_genuine": pc.mean(genuine["touched"].cast(pa.float64())).as_py(),
        "missed_fraud": 1 - pc.mean(fraud["touched"].cast(pa.float64())).as_py(),
        "damage_roubles_per_30_days": damage(rows),
    }


def damage(rows: pa.Table) -> float:
    """Roubles of the frauds that the model's own policy let through, per 30 days; the core's."""
    if not pc.any(rows["is_fraud"]).as_py():
        return 0.0
    rows = rows.combine_chunks()
    judged = weir.compare(rows, rows, rows, samples=1)
    return float(judged["damage_roubles_per_30_days"]["champion"])


def burn_rates(rows: pa.Table, end: str, budget: float) -> dict[int, float]:
    """Days before `end` → how fast they used up a budget of roubles per 30 days; 1: just all of it.

    Only of periods that lie within the rows.
    """
    first = rows["event_time"][0].as_py()
    found = {}
    for days in BURN_DAYS:
        begin = date(end) - timedelta(days=days)
        if f"{first:%Y-%m-%d}" <= f"{begin:%Y-%m-%d}":
            late = rows.filter(pc.greater_equal(rows["event_time"], pa.scalar(begin)))
            found[days] = damage(late) / budget
    return found


def fraud_terminals(rows: pa.Table) -> int:
    """How many terminals hold `TERMINALS_SHARE` of the frauds: the size of the evidence.

    No label of a terminal's first week as compromised is known while it is paid. Where a period's
    frauds are mostly one terminal's first week every honest model ranks them last.
    """
    frauds = rows.filter(rows["is_fraud"])["terminal_id"].to_numpy()
    _, counts = np.unique(frauds, return_counts=True)
    held = np.cumsum(np.sort(counts)[::-1])
    return int(np.searchsorted(held, TERMINALS_SHARE * len(frauds)) + 1) if len(frauds) else 0


def slices(rows: pa.Table) -> dict[str, dict[str, Numbers]]:
    """Measures by week, amount, size of the terminal, and age of the customer in the period."""
    time = rows["event_time"].cast(pa.timestamp("s", "UTC")).cast(pa.int64()).to_numpy()
    amount = rows["amount_minor"].to_numpy()
    terminal, customer = rows["terminal_id"].to_numpy(), rows["customer_id"].to_numpy()
    _, inverse, counts = np.unique(terminal, return_inverse=True, return_counts=True)
    size = counts[inverse]
    _, first, of_customer = np.unique(customer, return_index=True, return_inverse=True)
    age = (time - time[first][of_customer]) // 86_400
    low, high = np.quantile(amount, [1 / 3, 2 / 3])
    small, large = np.quantile(size, [1 / 3, 2 / 3])
    week = (time - time.min()) // (7 * 86_400)
    masks = {
        "week": {f"{number + 1}": week == number for number in np.unique(week)},
        "amount": {
            "low": amount <= low,
            "middle": (amount > low) & (amount <= high),
            "high": amount > high,
        },
        "terminal": {
            "small": size <= small,
            "middle": (size > small) & (size <= large),
            "large": size > large,
        },
        "customer": {"first week": age < 7, "known longer": age >= 7},
    }
    found: dict[str, dict[str, Numbers]] = {}
    for kind, parts in masks.items():
        for name, mask in parts.items():
            numbers = measures(rows.filter(pa.array(mask)))
            if numbers is not None:
                found.setdefault(kind, {})[name] = numbers
    return found


def drift(before: pa.Table, after: pa.Table, names: list[str]) -> dict[str, float]:
    """Population stability index of each column over the deciles of `before`."""
    found = {}
    for name in names:
        old, new = before[name].to_numpy(), after[name].to_numpy()
        edges = np.unique(np.quantile(old, np.arange(1, 10) / 10))
        found[name] = weir.stability_index(_histogram(old, edges), _histogram(new, edges))
    return found


def _histogram(values: np.ndarray[Any, Any], edges: np.ndarray[Any, Any]) -> list[int]:
    bins = np.searchsorted(edges, values, side="left")
    return np.bincount(bins, minlength=len(edges) + 1).tolist()  # type: ignore[no-any-return]


def prequential(
    lake: str,
    bundle: Path,
    begin: str,
    end: str,
    folds: int,
    training: dict[str, Any],
) -> list[Numbers]:
    """Train as the bundle was, once a fold, on what was known when the fold began; judge the fold.

    Folds are equal runs of days of [begin, end). Of the rows before a fold only those count whose
    labels were known at its beginning.
    """
    model = weir.load_model(bundle)
    first, last = date(begin), date(end)
    length = (last - first).days // folds
    found = []
    with tempfile.TemporaryDirectory(prefix="weir-folds-") as folder:
        spec, table = Path(folder) / "spec.toml", Path(folder) / "features.parquet"
        spec.write_text(model.feature_spec)
        delay = f"{int(model.label_delay.total_seconds())}s"
        command.run(
            "features", lake, "--spec", spec, "--out", table, *flags({"label_delay": delay})
        )
        for fold in range(folds):
            start = first + timedelta(days=fold * length)
            known = f"{start - model.label_delay:%Y-%m-%d}"
            trained = Path(folder) / f"bundle-{fold}"
            command.run("train", table, "--out", trained, *flags({**training, "valid_to": known}))
            stop = f"{start + timedelta(days=length):%Y-%m-%d}"
            rows = score_period(lake, trained, f"{start:%Y-%m-%d}", stop)
            numbers = measures(rows)
            if numbers is not None:
                found.append({"from": f"{start:%Y-%m-%d}", "to": stop, **numbers})
    return found


def plot(found: dict[str, dict[str, Numbers]], drifts: dict[str, float], folder: Path) -> None:
    """Average precision by slice and drift by input, as PNG files."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    for kind, parts in found.items():
        figure, axes = pyplot.subplots(figsize=(6, 3))
        axes.bar(list(parts), [numbers["average_precision"] for numbers in parts.values()])
        axes.set(ylabel="average precision", xlabel=kind, ylim=(0, 1))
        figure.tight_layout()
        figure.savefig(folder / f"by_{kind}.png", dpi=100)
        pyplot.close(figure)
    figure, axes = pyplot.subplots(figsize=(6, 0.25 * len(drifts) + 1))
    ordered = sorted(drifts.items(), key=lambda item: item[1])
    axes.barh([name for name, _ in ordered], [value for _, value in ordered])
    axes.axvline(0.25, linestyle="--", color="grey")
    axes.set(xlabel="population stability index (0.25: a real change)")
    figure.tight_layout()
    figure.savefig(folder / "drift.png", dpi=100)
    pyplot.close(figure)
