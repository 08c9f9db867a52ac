"""The `weir` command from Python: for jobs that need what only the command does."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from weir._weir import Error


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
