"""Fraud decisions on card payments: clean, features, score, evaluate.

The functions take Arrow tables of any library (pyarrow, Polars, or whatever has
`__arrow_c_stream__` or `__arrow_c_array__`) and give a `Table`, which `pyarrow.table(result)` or
`polars.from_arrow(result)` takes over without a copy. They compute what the `weir` command
computes, to the bit, and raise `weir.Error` with its texts.

    import pyarrow.parquet as pq
    import weir

    cleaned = weir.clean(pq.read_table("raw.parquet"), terminals="0..999")
    features = weir.features(cleaned.payments, spec="weir")
    scores = weir.load_model("model").score(features)
    print(weir.evaluate(cleaned.payments, scores)["average_precision"])
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

from weir import _weir
from weir._weir import Error, Table, UsageError

__all__ = [
    "ArrowArray",
    "ArrowStream",
    "Cleaned",
    "CleanedLines",
    "CleanedPayment",
    "Error",
    "Model",
    "Reject",
    "RowCleaner",
    "Table",
    "TextFile",
    "UsageError",
    "__version__",
    "add_reports",
    "bundle_files",
    "check_report",
    "clean",
    "compare",
    "evaluate",
    "features",
    "load_model",
    "order_payments",
    "spec_toml",
    "stability_index",
]

__version__: str = _weir.version


class ArrowStream(Protocol):
    """A table that comes in batches."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


class ArrowArray(Protocol):
    """One batch of rows."""

    def __arrow_c_array__(
        self, requested_schema: object | None = None
    ) -> tuple[object, object]: ...


@dataclass(frozen=True)
class Cleaned:
    """What `clean` gives."""

    payments: Table
    """`transaction_id`, `event_time` (timestamp[us, UTC]), `customer_id`, `terminal_id`,
    `amount_minor` (kopecks), and of labelled data `is_fraud`, `fraud_scenario`; sorted by
    event_time, transaction_id."""
    rejects: Table
    """`rule`, `field`, `value`, `row` (from 0), `amount_minor` and `is_fraud` (both empty where
    unreadable), in the order of the rows."""
    report: dict[str, Any]
    """Rows, kopecks and frauds by rule, as in the lake's `reports/clean.json`; it balances."""


@dataclass(frozen=True)
class CleanedPayment:
    """One clean payment."""

    transaction_id: int
    event_time: datetime
    customer_id: int
    terminal_id: int
    amount_minor: int
    """Kopecks."""
    is_fraud: bool
    fraud_scenario: int
    time_repaired: bool
    """The row said 24:00:00 and its seconds proved the next midnight."""


@dataclass(frozen=True)
class Reject:
    """Why a row is out."""

    rule: str
    field: str
    value: str


def clean(
    payments: ArrowStream | ArrowArray,
    *,
    columns: Mapping[str, str] | None = None,
    terminals: str | Iterable[int] | None = None,
    time_origin: datetime | None = None,
    accept_rules: Iterable[str] = (),
) -> Cleaned:
    """Clean raw payments, one a row, as `weir clean` does.

    Columns may be text, numbers, booleans or timestamps; the handbook's and the course's names are
    known, `columns` adds yours (`{"amount": "SUM"}`). `terminals` (`"0..999"` or numbers) lists
    those that exist. `time_origin` is the constant event time - `tx_time_seconds`, found from the
    data when not given. Costs about 1 µs and 100 bytes a row, on one thread.

    Raises `Error` for a missing column, a column of a type without text, and a rule that would take
    far more frauds than chance unless it is in `accept_rules`.
    """
    cleaned, rejects, report = _weir.clean(
        payments,
        dict(columns or {}),
        _terminal_text(terminals),
        _seconds(time_origin),
        list(accept_rules),
    )
    return Cleaned(cleaned, rejects, json.loads(report))


class RowCleaner:
    """Cleans single rows of text: every rule but the duplicates.

    `header` is the first line of a text file (the course's or a CSV's); without it rows are JSON
    objects. Not to be shared between threads.
    """

    def __init__(
        self,
        header: str | None = None,
        *,
        columns: Mapping[str, str] | None = None,
        terminals: str | Iterable[int] | None = None,
        time_origin: datetime | None = None,
    ) -> None:
        self._cleaner = _weir.RowCleaner(
            header, dict(columns or {}), _terminal_text(terminals), _seconds(time_origin)
        )

    def clean(self, row: str) -> CleanedPayment | Reject:
        """The payment of a row, or why there is none."""
        is_clean, parts = self._cleaner.clean(row)
        if not is_clean:
            rule, field, value = parts
            return Reject(rule, field, value.decode("utf-8", "replace"))
        transaction_id, seconds, *rest = parts
        event_time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        return CleanedPayment(transaction_id, event_time, *rest)


@dataclass(frozen=True)
class CleanedLines:
    """What `TextFile.clean` gives."""

    payments: Table
    """In the file's order, duplicates and all: the columns of `Cleaned.payments`, `time_repaired`,
    and `offset`, the byte of the text at which the row begins."""
    rejects: Table
    """`rule`, `field`, `value`, `line` (from 0), `offset`, `amount_minor`, `is_fraud`, `raw`."""
    lines: int
    report: dict[str, Any]
    """What was read and rejected; what is clean is counted by `order_payments`."""


class TextFile:
    """A raw text file whose beginning is known: cleans any whole lines of it.

    Every rule but the duplicates, which need all rows: for jobs that clean a file in parts. `head`
    is the beginning of the file, 128 KiB or all of it. Not to be shared between threads.
    """

    def __init__(
        self,
        head: bytes,
        *,
        columns: Mapping[str, str] | None = None,
        terminals: str | Iterable[int] | None = None,
        time_origin: int | None = None,
        source: str = "text",
    ) -> None:
        self._file = _weir.TextFile(
            head, dict(columns or {}), _terminal_text(terminals), time_origin, source
        )

    @property
    def labelled(self) -> bool:
        """The rows have `is_fraud`."""
        return self._file.labelled

    @property
    def time_origin(self) -> int | None:
        """Event time - `tx_time_seconds` of most of the first rows, in seconds."""
        return self._file.time_origin

    def clean(self, text: bytes, *, first: bool) -> CleanedLines:
        """Clean whole lines; `first` when they begin the file."""
        payments, rejects, lines, report = self._file.clean(text, first)
        return CleanedLines(payments, rejects, lines, json.loads(report))


def order_payments(payments: ArrowStream | ArrowArray) -> tuple[Table, dict[str, Any]]:
    """Put clean payments in the lake's order: (payments, report of what is clean and kept)."""
    ordered, report = _weir.order_payments(payments)
    return ordered, json.loads(report)


def add_reports(reports: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Add cleaning reports of parts of one data set with disjoint days."""
    total: dict[str, Any] = json.loads(_weir.add_reports([json.dumps(r) for r in reports]))
    return total


def check_report(report: Mapping[str, Any], *, accept_rules: Iterable[str] = ()) -> None:
    """Raise `Error` when a report does not balance or a rule takes far more frauds than chance."""
    _weir.check_report(json.dumps(report), list(accept_rules))


def stability_index(before: Iterable[int], after: Iterable[int]) -> float:
    """Population stability index of two histograms over the same bins; above 0.25 a real change."""
    return _weir.stability_index(list(before), list(after))


def spec_toml(spec: str | PathLike[str]) -> str:
    """The canonical text of a feature spec: a built-in name or a TOML file."""
    text = str(spec)
    if _weir.is_builtin_spec(text):
        return _weir.spec_toml(text, "")
    return _weir.spec_toml(_read(Path(text)).decode(), text)


def features(
    payments: ArrowStream | ArrowArray,
    spec: str | PathLike[str] = "weir",
    *,
    label_delay: str | timedelta | int = "7d",
    threads: int = 0,
) -> Table:
    """Compute the inputs of a model for clean payments, each as of its own time.

    `payments` has the columns that `clean` gives, in its order; int64, timestamps of seconds and
    float32 in one piece are used where they lie. `spec` is `weir`, `handbook` or the path of a TOML
    file. A label is seen from `label_delay` (`"7d"`, a timedelta, or seconds) after its payment on;
    without `is_fraud` nothing is ever known. `threads` 0: all cores.

    Gives the payment columns and one float32 column an input, with the metadata `weir.spec`,
    `weir.fingerprint`, `weir.label_delay_seconds`. Raises `Error` for a missing column, another
    type, an empty value and rows out of order.
    """
    text, source = str(spec), ""
    if not _weir.is_builtin_spec(text) and (text.endswith(".toml") or Path(text).exists()):
        text, source = _read(Path(text)).decode(), text
    return _weir.features(payments, text, source, _duration(label_delay), threads)


class Model:
    """A model bundle, checked and ready to score. Safe to share between threads."""

    def __init__(self, folder: str | PathLike[str]) -> None:
        self._model = _weir.Model(bundle_files(folder), str(folder))

    @property
    def name(self) -> str:
        """The name given in training."""
        return self._model.name

    @property
    def version(self) -> str:
        """16 hex digits that stand for every byte of the bundle."""
        return self._model.version

    @property
    def fingerprint(self) -> str:
        """Of the features it was made for."""
        return self._model.fingerprint

    @property
    def feature_names(self) -> list[str]:
        """The columns that `score` reads, in the forest's order."""
        return self._model.feature_names

    @property
    def feature_spec(self) -> str:
        """The bundle's `features.toml`."""
        return self._model.feature_spec

    @property
    def label_delay(self) -> timedelta:
        """How long after its payment training took a label to be known."""
        return timedelta(seconds=self._model.label_delay_seconds)

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return self._model.card

    def score(self, features: ArrowStream | ArrowArray, *, threads: int = 0) -> Table:
        """Score rows of features: the table of `features`, or any with these float32 columns.

        Gives `margin` (float32, log-odds, XGBoost's to the bit), `probability` (float64,
        calibrated), `action` (`approve`, `challenge`, `decline`; not for a bundle with beliefs,
        whose actions depend on the log before a payment), and `transaction_id` where there is one.
        Raises `Error` for features of another fingerprint, naming both, and for a missing
        column, another type or an empty value (NaN is allowed: missing).
        """
        return self._model.score(features, threads)


def bundle_files(folder: str | PathLike[str]) -> dict[str, bytes]:
    """The files of a bundle folder by name; raises `Error` when there is none."""
    path = Path(folder)
    if not path.is_dir():
        raise Error(f'bundle "{path}": no such folder; wanted one written by weir train')
    return {
        item.name: _read(item) for item in path.iterdir() if item.is_file() and item.name != ".weir"
    }


def load_model(folder: str | PathLike[str]) -> Model:
    """Load the bundle that `weir train` wrote; raises `Error` when a file is missing or damaged."""
    return Model(folder)


def evaluate(
    payments: ArrowStream | ArrowArray,
    scores: ArrowStream | ArrowArray,
    *,
    false_positive_rate: float = 0.05,
    cards: int = 100,
    bootstrap: int = 200,
    seed: int = 1,
    threads: int = 0,
) -> dict[str, Any]:
    """Judge scores of labelled payments: the names and numbers of `weir evaluate --json`.

    `scores` has `margin` (float32) and may have `probability` (float64), one row a payment in the
    same order. Gives `average_precision` and `roc_auc` (value and 95 % interval, bootstrap by
    customer), `card_precision_<cards>`, `calibration_error`, `brier_score`, and `point`: what
    flagging at `false_positive_rate` does, damage in roubles per 30 days. Raises `Error` without
    labels or when only one kind of payment is there.
    """
    text = _weir.evaluate(payments, scores, false_positive_rate, cards, bootstrap, seed, threads)
    result: dict[str, Any] = json.loads(text)
    return result


def compare(
    payments: ArrowStream | ArrowArray,
    champion: ArrowStream | ArrowArray,
    challenger: ArrowStream | ArrowArray,
    *,
    relevant_gain: float = 0.10,
    samples: int = 1000,
    seed: int = 1,
) -> dict[str, Any]:
    """Champion against challenger on the same labelled payments: promote, keep or inconclusive.

    Both sides have `margin` (float32), `touched` and `declined` (boolean), one row a payment in the
    same order. A paired bootstrap by customer, terminal and day; the widest interval decides. Gives
    `verdict`, `reason`, and for each measure both values, the difference and its 90 % interval.
    """
    text = _weir.compare(payments, champion, challenger, relevant_gain, samples, seed)
    result: dict[str, Any] = json.loads(text)
    return result


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Error(f'cannot read "{path}": {error.strerror}') from error


def _terminal_text(terminals: str | Iterable[int] | None) -> str | None:
    if terminals is None or isinstance(terminals, str):
        return terminals
    return " ".join(str(terminal) for terminal in terminals)


def _seconds(time: datetime | None) -> int | None:
    if time is None:
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return int(time.timestamp())


def _duration(value: str | timedelta | int) -> int:
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if isinstance(value, int):
        return value
    seconds = _weir.parse_duration(value)
    if seconds is None:
        raise UsageError(f'label_delay is "{value}", wanted a duration like 7d, 36h or 90s')
    return seconds
