"""What a job is made of: functions of a JSON text and of stored files, carried out by a runner.

Spark's runner is in the jobs (`weir.spark.run_tasks`), a plain loop in tests. A task writes the
same bytes to the same paths when it is run again.
"""

from collections.abc import Callable
from typing import Any

Task = dict[str, Any]
Runner = Callable[[Callable[[Task], Any], list[Task]], list[Any]]


def run_here(work: Callable[[Task], Any], tasks: list[Task]) -> list[Any]:
    """Carry out tasks one after another in this process."""
    return [work(task) for task in tasks]
