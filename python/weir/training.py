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
    run = secrets.token_hex(6)
    task = {"lake": lake, "run": run, "features": features, "training": training}
    try:
        done = runner(_train, [task])[0]
        take_bundle(target.store, f"training/{run}", done["files"], out)
    finally:
        target.store.delete(f"training/{run}/")
    return target.state(done["state"])


def _train(task: Task) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="weir-train-") as folder:
        table, bundle = Path(folder) / "features.parquet", Path(folder) / "bundle"
        state = command.features(task["lake"], table, task["features"])
        command.run("train", table, "--out", bundle, *command.flags(task["training"]))
        files = keep_bundle(Store(task["lake"]), f"training/{task['run']}", bundle)
        return {"state": state.number, "files": files}


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
