"""Continuous delivery: both systems' files are sound and call the same scripts."""

import re
import subprocess

import yaml
from conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
GITHUB = ROOT / ".github/workflows/ci.yml"
GITLAB = ROOT / ".gitlab-ci.yml"


def test_actionlint_is_silent() -> None:
    done = subprocess.run(
        [ROOT / "build/tools/actionlint", *WORKFLOWS], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_both_call_the_same_steps() -> None:
    def steps(text: str) -> list[str]:
        return re.findall(r"(?:\.ci/run|tools/(?:release|setup)\.sh [\w -]+)", text)

    github = steps(GITHUB.read_text().split("jobs:")[1])
    assert set(github) == set(steps(GITLAB.read_text().split("test:")[1]))
    assert ".ci/run" in github
    jobs = set(yaml.safe_load(GITHUB.read_text())["jobs"])
    assert jobs == set(yaml.safe_load(GITLAB.read_text())["stages"])


def test_the_badges_are_of_workflows_that_run_the_real_thing() -> None:
    shown = re.findall(r"\[!\[\w+\]\((\S+)\)\]\((\S+)\)", (ROOT / "README.md").read_text())
    assert shown == [
        (f"../../actions/workflows/{file.name}/badge.svg", f"../../actions/workflows/{file.name}")
        for file in WORKFLOWS
    ]
    commands = {
        step["run"]
        for file in WORKFLOWS
        for job in yaml.safe_load(file.read_text())["jobs"].values()
        for step in job["steps"]
        if "run" in step
    }
    assert {".ci/run", "make e2e PARTS=${{ matrix.part }}"} <= commands
