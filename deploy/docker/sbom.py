"""Writes a CycloneDX list of what an image holds: Debian's packages, and weir's libraries.

Usage: deploy/docker/sbom.py DPKG_STATUS VERSION LIBRARY=VERSION ... > sbom.cdx.json
"""

import json
import sys
from pathlib import Path


def packages(status: str) -> list[dict[str, str]]:
    """Installed packages of /var/lib/dpkg/status."""
    found = []
    for block in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line[:40])
        if fields.get("Status") == "install ok installed":
            name, version = fields["Package"], fields["Version"]
            url = f"pkg:deb/debian/{name}@{version}?arch={fields['Architecture']}"
            found.append({"type": "library", "name": name, "version": version, "purl": url})
    return sorted(found, key=lambda one: one["name"])


def main() -> None:
    """The document, the same bytes for the same contents."""
    status, version, *libraries = sys.argv[1:]
    own = []
    for library in libraries:
        name, _, number = library.partition("=")
        url = f"pkg:pypi/{name}@{number}"
        own.append({"type": "library", "name": name, "version": number, "purl": url})
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "weir", "version": version}},
        "components": own + packages(Path(status).read_text()),
    }
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
