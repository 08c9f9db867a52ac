"""The stack as a process of its own, on ports and in a folder of the test."""

import os
import socket
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-lifecycle/bin/python"


def free_base_port() -> int:
    """A first port so that the stack's ports are free now."""
    for base in range(23000, 32000, 100):
        taken = []
        for offset in range(1, 13):
            with socket.socket() as probe:
                taken.append(probe.connect_ex(("127.0.0.1", base + offset)) == 0)
        if not any(taken):
            return base
    raise AssertionError("no free ports")


def stack(root: Path, base: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the stack's command line."""
    return subprocess.run(
        [PYTHON, ROOT / "deploy/local/stack.py", *words, "--root", root],
        env={**os.environ, "WEIR_STACK_PORT": str(base)},
        capture_output=True,
        text=True,
    )


def read_environment(root: Path) -> dict[str, str]:
    """What the stack tells its clients."""
    lines = (root / "env").read_text().splitlines()
    pairs = (line.removeprefix("export ").split("=", 1) for line in lines)
    return {name: value.strip("'") for name, value in pairs}
