"""Continuous delivery: both systems' files are sound and call the same scripts."""

import re
import subprocess

import yaml
from conftest import ROOT

GITHUB = ROOT / ".github/workflows/ci.yml"
GITLAB = ROOT / ".gitlab-ci.yml"


def test_actionlint_is_silent() -> None:
    done = subprocess.run([ROOT / "build/tools/actionlint", GITHUB], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_both_call_the_same_steps() -> None:
    def steps(text: str) -> list[str]:
        return re.findall(r"(?:\.ci/run|tools/(?:release|setup)\.sh [\w -]+)", text)

    github = steps(GITHUB.read_text().split("jobs:")[1])
    assert set(github) == set(steps(GITLAB.read_text().split("test:")[1]))
    assert ".ci/run" in github
    jobs = set(yaml.safe_load(GITHUB.read_text())["jobs"])
    assert jobs == set(yaml.safe_load(GITLAB.read_text())["stages"])
