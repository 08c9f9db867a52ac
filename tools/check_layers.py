"""Check the layer rule: core <- edge <- cli, no edge folder includes another, core in order."""

import re
import subprocess
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#include\s+["<]([^">]+)[">]')
# What the core must not touch: files, sockets, threads, the clock, the environment.
BANNED_IN_CORE = {
    "fstream": "files",
    "filesystem": "files",
    "thread": "threads",
    "mutex": "threads",
    "future": "threads",
    "chrono": "the clock",
    "ctime": "the clock",
    "random": "generators that differ between libraries; use core/transaction/hash.h",
    "iostream": "output",
    "unistd.h": "the system",
    "sys/socket.h": "sockets",
}
SHARED_EDGE = {"config", "metrics"}
# Outputs are staged the same way everywhere.
SHARED_EDGE_HEADERS = {"edge/files/staged.h"}


def core_order(root: Path) -> list[str]:
    """Folders of src/core in the order in which data flows, as its CMakeLists.txt lists them."""
    text = (root / "src/core/CMakeLists.txt").read_text()
    return re.findall(r"add_subdirectory\((\w+)\)", text)


def faults_of(path: Path, root: Path, order: list[str]) -> list[str]:
    """One line for each include of `path` that breaks the rule."""
    layer, folder = path.relative_to(root / "src").parts[:2]
    is_test = path.stem.endswith("_test")
    faults = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        header = match[1]
        parts = header.split("/")
        fault = ""
        if layer == "core":
            if parts[0] in ("edge", "cli"):
                fault = "core includes nothing of edge or cli"
            elif header in BANNED_IN_CORE and not is_test:
                fault = f"core is free of {BANNED_IN_CORE[header]}"
            elif parts[0] == "core" and order.index(parts[1]) > order.index(folder):
                fault = f"{folder} stands before {parts[1]} in the order of src/core/CMakeLists.txt"
        elif layer == "edge":
            if parts[0] == "cli":
                fault = "edge includes nothing of cli"
            elif header in SHARED_EDGE_HEADERS or is_test:
                pass
            elif parts[0] == "edge" and parts[1] not in {folder, *SHARED_EDGE}:
                fault = "edge folders do not include one another; let the cli put them together"
        if fault:
            faults.append(f"{path.relative_to(root)}:{number}: includes {header}: {fault}")
    return faults


def main() -> int:
    """Print every fault; 1 when there is one."""
    root = Path(__file__).resolve().parent.parent
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "src/*.cpp", "src/*.h"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    order = core_order(root)
    faults = [
        fault
        for name in listed
        if (root / name).exists()
        for fault in faults_of(root / name, root, order)
    ]
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
