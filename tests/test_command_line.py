"""What holds for every command: help with an example, exit codes, settings and their order."""

import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import BINARY, Run


def commands() -> list[str]:
    """The names of all commands, as the help lists them."""
    listed = subprocess.run([BINARY, "--help"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^  ([a-z]+) ", listed.split("Subcommands:")[1], re.M)


@pytest.mark.parametrize("command", commands())
def test_help_ends_with_an_example_of_the_command(weir: Run, command: str) -> None:
    done = weir(command, "--help")
    assert done.returncode == 0
    assert re.search(rf"Example:\n\s+weir {command} ", done.stdout)
    assert "--json" in done.stdout


def test_wrong_use_exits_with_2(weir: Run) -> None:
    for arguments in [(), ("nonsense",), ("simulate", "--no-such-flag"), ("clean",)]:
        done = weir(*arguments)
        assert done.returncode == 2, arguments
        assert done.stderr


def test_a_setting_comes_from_file_environment_and_flag_in_this_order(
    weir: Run, tmp_path: Path
) -> None:
    (tmp_path / "weir.toml").write_text("[simulate]\npreset = 'handbook'\nseed = 1\ndays = 2\n")
    small = ("simulate", "--customers", "50", "--terminals", "20", "--json", "--out")

    def raw(name: str, *arguments: str, **environment: str) -> bytes:
        done = weir(*small, name, *arguments, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr
        return b"".join(path.read_bytes() for path in sorted((tmp_path / name / "raw").iterdir()))

    from_file = raw("a")
    from_environment = raw("b", WEIR_SIMULATE__SEED="2")
    from_flag = raw("c", "--seed", "1", WEIR_SIMULATE__SEED="2")
    assert from_file == from_flag
    assert from_file != from_environment


def test_an_unknown_setting_names_the_nearest(weir: Run, tmp_path: Path) -> None:
    settings = tmp_path / "weir.toml"
    settings.write_text("[simulate]\nsede = 1\n")
    done = weir("simulate", "--config", settings, "--out", tmp_path / "x")
    assert done.returncode == 2
    assert "line 2: unknown setting simulate.sede; did you mean simulate.seed?" in done.stderr


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [BINARY, "simulate", "--preset", "course", "--days", "30", "--out", tmp_path / "big"],
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in stderr
    assert list(tmp_path.iterdir()) == []
