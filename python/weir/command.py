"""The `weir` command from Python: for jobs that need what only the command does."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from weir._weir import Error
from weir.lake import Lake, Manifest

TRIES = 3
"""A new state is published four times an hour at most, features take minutes at most."""


def binary() -> str:
    """`WEIR_BINARY`, else the build of this checkout (`WEIR_HOME`), else `weir` on the path."""
    chosen = os.environ.get("WEIR_BINARY")
    built = Path(os.environ.get("WEIR_HOME", ".")) / "build/release/weir"
    return chosen or (str(built) if built.exists() else "weir")


def run(*words: object) -> dict[str, Any]:
    """Run `weir …` with --json and give its document; Error with its text when it fails."""
    command = [binary(), *map(str, words), "--quiet", "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as fault:
        raise Error(f'cannot run "{command[0]}": {fault.strerror}; set WEIR_BINARY') from fault
    if done.returncode != 0:
        raise Error(done.stderr.strip() or f"weir {words[0]} ended with {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def flags(options: dict[str, Any]) -> list[str]:
    """`{"valid_to": "2019-10-01"}` → `--valid-to=2019-10-01`; None and False are left out."""
    words = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        flag = f"--{name.replace('_', '-')}"
        words.append(flag if value is True else f"{flag}={value}")
    return words


def features(lake: str, table: Path, options: dict[str, Any]) -> Manifest:
    """`weir features` of the lake's newest state into `table`; gives that state.

    The command looks for the newest state itself, so when another one appeared it is run again.
    """
    for _ in range(TRIES):
        state = Lake(lake).newest()
        run("features", lake, "--out", table, *flags(options))
        if Lake(lake).newest().number == state.number:
            return state
    raise Error(f'"{lake}" got {TRIES} new states while its features were computed; run again')
