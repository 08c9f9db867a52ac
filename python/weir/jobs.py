"""What the jobs of jobs/ share: how they end."""

import os
import sys
from collections.abc import Callable

from weir._weir import Error

NOTHING_TO_DO = 99
"""Exit code of a job that found no work: the schedules show it as skipped, not as failed."""


def run(name: str, work: Callable[[], int]) -> int:
    """The job's exit code; 1, and one line on stderr, for an error of the data or of a service."""
    try:
        return work()
    except Exception as fault:
        text = _text_of(fault)
        if text is None:
            raise
        print(f"{name}: {text}", file=sys.stderr)
        return 1


def _text_of(fault: Exception) -> str | None:
    """None for a bug, whose trace is wanted."""
    if isinstance(fault, Error):
        return str(fault)
    module = type(fault).__module__
    if module.startswith("mlflow"):
        address = os.environ.get("MLFLOW_TRACKING_URI", "its default place")
        first = str(fault).splitlines()[0]
        return (
            f"MLflow at {address} (MLFLOW_TRACKING_URI) failed, run again when it answers: {first}"
        )
    if "pyspark" in module or "py4j" in module:
        # A task's own error out of what Spark made of it.
        lines = str(fault).splitlines()
        own = [s for s in lines if "weir._weir.Error: " in s or "weir.lake.Conflict: " in s]
        return own[-1].split("Error: ", 1)[-1] if own else str(fault)
    return None
