"""A stand-alone Spark cluster of a test's own, whose executors can be found and killed."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from stack_process import PYTHON, ROOT

CLUSTER = ROOT / "deploy/local/spark_cluster.sh"


class Cluster:
    """A cluster of one worker; `environment`: what its jobs are told besides."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            **(environment or {}),
            "WEIR_CLUSTERS": str(folder),
            "WEIR_SPARK_MEMORY": "600m",
            "PYSPARK_PYTHON": str(PYTHON),
            # Executors run in folders of their own.
            "PYTHONPATH": str(Path(os.environ["PYTHONPATH"]).resolve()),
        }
        self._say("up")
        self.environment["WEIR_SPARK_MASTER"] = self._say("master").strip()

    def _say(self, word: str) -> str:
        done = subprocess.run(
            [CLUSTER, word, "lost"], env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def down(self) -> None:
        """End it."""
        self._say("down")

    def start(self, job: str, *words: object) -> subprocess.Popen[str]:
        """Run a job on it."""
        return subprocess.Popen(
            [PYTHON, ROOT / f"jobs/{job}.py", *map(str, words)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def executors(self) -> list[int]:
        """Processes of executors: the worker's group holds them."""
        group = int((self.folder / "lost/Worker.pid").read_text())
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes()
                if (
                    b"CoarseGrainedExecutorBackend" in words
                    and os.getpgid(int(entry.name)) == group
                ):
                    found.append(int(entry.name))
            except (OSError, ProcessLookupError):
                continue
        return found
