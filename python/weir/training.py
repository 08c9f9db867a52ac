"""Training as one task: features and `weir train` where the lake can be read, the bundle kept."""

import secrets
import tempfile
from pathlib import Path
from typing import Any

from weir import command
from weir.lake import Lake, Manifest, Store
from weir.tasks import Runner, Task, run_here


def train_bundle(
    lake: str,
    out: Path,
    *,
    features: dict[str, Any],
    training: dict[str, Any],
    runner: Runner = run_here,
) -> Manifest:
    """Train on the newest state of a lake and put the bundle into `out`; gives that state.

    `features` and `training` are flags of `weir features` and `weir train`. The runner's one task
    needs the command, the lake, and memory for the feature table; the bundle travels through the
    lake's `training/`. The same state and flags give the same bytes wherever the task ran.
    """
    target = Lake(lake)
    manifest = target.newest()
    run = secrets.token_hex(6)
    task = {"lake": lake, "run": run, "features": features, "training": training}
    try:
        take_bundle(target.store, f"training/{run}", runner(_train, [task])[0], out)
    finally:
        target.store.delete(f"training/{run}/")
    return manifest


def flags(options: dict[str, Any]) -> list[str]:
    """`{"valid_to": "2019-10-01"}` → `--valid-to=2019-10-01`; None and False are left out."""
    words = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        flag = f"--{name.replace('_', '-')}"
        words.append(flag if value is True else f"{flag}={value}")
    return words


def _train(task: Task) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="weir-train-") as folder:
        table, bundle = Path(folder) / "features.parquet", Path(folder) / "bundle"
        command.run("features", task["lake"], "--out", table, *flags(task["features"]))
        command.run("train", table, "--out", bundle, *flags(task["training"]))
        return keep_bundle(Store(task["lake"]), f"training/{task['run']}", bundle)


def keep_bundle(store: Store, place: str, bundle: Path) -> list[str]:
    """Put a bundle's files below `place`, for whoever started the task; gives their names."""
    files = sorted(path for path in bundle.iterdir() if path.name != ".weir")
    for path in files:
        store.write(f"{place}/{path.name}", path.read_bytes())
    return [path.name for path in files]


def take_bundle(store: Store, place: str, names: list[str], out: Path) -> None:
    """The files that `keep_bundle` put there, into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        (out / name).write_bytes(store.read(f"{place}/{name}"))
