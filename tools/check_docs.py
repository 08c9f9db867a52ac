"""Check the documents: links lead somewhere, docs/architecture.md shows the real tree."""

import re
import subprocess
import sys
from pathlib import Path

# On GitHub a page of the repository, not a file of it.
ON_GITHUB = "../../actions/workflows/"
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
TREE_LINE = re.compile(r"^([│├└─ ]*)([\w.\-]+/)(?:\s|$)")


def broken_links(root: Path, document: Path) -> list[str]:
    """Relative links of `document` that name no file."""
    return [
        f"{document.relative_to(root)}: link to {target}: no such file"
        for target in LINK.findall(document.read_text())
        if "://" not in target
        and not target.startswith(ON_GITHUB)
        and not (document.parent / target).exists()
    ]


def tree_faults(root: Path, tracked: list[str]) -> list[str]:
    """Folders that the tree names and git lacks, and folders of git that the tree leaves out."""
    page = root / "docs/architecture.md"
    block = re.search(r"```tree\n(.*?)```", page.read_text(), re.S)
    if block is None:
        return [f"{page.relative_to(root)}: has no ```tree block"]
    stack: list[str] = []
    named: set[str] = set()
    for line in block[1].splitlines():
        match = TREE_LINE.match(line)
        if not match:
            continue
        depth = len(match[1]) // 4
        stack = [*stack[:depth], match[2].rstrip("/")]
        named.add("/".join(stack))
    folders = {str(parent) for name in tracked for parent in Path(name).parents}
    wanted = {name for name in folders if re.fullmatch(r"(src/\w+(/\w+)?|[a-z]+)", name)}
    return [
        f"docs/architecture.md: names {name}/, which does not exist"
        for name in sorted(named - folders)
    ] + [f"docs/architecture.md: the tree lacks {name}/" for name in sorted(wanted - named)]


def main() -> int:
    """Print every fault; 1 when there is one."""
    root = Path(__file__).resolve().parent.parent
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    tracked = [name for name in tracked if name and (root / name).exists()]
    faults = tree_faults(root, tracked)
    for name in tracked:
        if name.endswith(".md"):
            faults += broken_links(root, root / name)
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
