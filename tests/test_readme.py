"""Every command that the README and the start page show is run as it stands."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"```sh\n(.*?)```", re.S)
# Set-up, build and the tests themselves: the runner of this file has just done them.
DONE_ALREADY = re.compile(r"^\s*(git clone|cd weir|make (run|test|bench|fuzz|build|check)\b)")


def blocks() -> list[tuple[str, str]]:
    """(page, shell block) of each page whose commands a reader would copy."""
    return [
        (page.name, block)
        for page in (ROOT / "README.md", ROOT / "docs/start.md")
        for block in BLOCK.findall(page.read_text())
    ]


@pytest.mark.parametrize("page", ["README.md", "docs/start.md"])
def test_commands_of_a_page_run_in_order(page: str, tmp_path: Path) -> None:
    lines = [
        line
        for name, block in blocks()
        if name == Path(page).name
        for line in block.replace("\\\n", " ").splitlines()
        if line.strip() and not line.startswith("#") and not DONE_ALREADY.match(line)
    ]
    environment = {
        **os.environ,
        "PATH": f"{ROOT / 'build/release'}:{ROOT / '.venv/bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "build/release/python"),
    }
    script = "set -euxo pipefail\n" + "\n".join(lines)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_pages_show_commands() -> None:
    assert len(blocks()) >= 4


def test_make_help_lists_the_targets_of_the_readme() -> None:
    listed = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for target in re.findall(r"`make (\w+)`", (ROOT / "README.md").read_text()):
        assert re.search(rf"^{target}\b", listed, re.M), f"make {target} is not in make help"
