"""Tells what osv-scanner found: 1 when a newer version mends a fault, else 0.

Usage: deploy/docker/known_faults.py RESULT.json ...
"""

import json
import sys
from pathlib import Path
from typing import Any


def mended_in(fault: dict[str, Any], package: dict[str, str]) -> list[str]:
    """Versions of the package, in its own ecosystem, that no longer have the fault."""
    return [
        event["fixed"]
        for affected in fault.get("affected", [])
        if affected["package"]["name"] == package["name"]
        and affected["package"]["ecosystem"] == package["ecosystem"]
        for one in affected.get("ranges", [])
        for event in one["events"]
        if "fixed" in event
    ]


def main() -> int:
    """Mended ones a line each; the others as a number."""
    mended: set[str] = set()
    open_faults: set[tuple[str, str]] = set()
    for file in sys.argv[1:]:
        for result in json.loads(Path(file).read_text())["results"]:
            for found in result["packages"]:
                package = found["package"]
                for fault in found.get("vulnerabilities", []):
                    if versions := mended_in(fault, package):
                        what = f"{package['name']} {package['version']}: {fault['id']}"
                        mended.add(f"{what}, mended in {', '.join(versions)}")
                    else:
                        open_faults.add((package["name"], fault["id"]))
    for line in sorted(mended):
        print(f"scan: {line}", file=sys.stderr)
    print(f"scan: {len(mended)} known faults are mended, {len(open_faults)} have no newer version")
    return 1 if mended else 0


if __name__ == "__main__":
    sys.exit(main())
