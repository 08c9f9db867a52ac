"""The chart's values: their schema is made from weir's settings, wrong ones are refused by name."""

import json
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Run

CHART = ROOT / "deploy/helm/weir"
HELM = ROOT / "build/tools/helm"
MINIMAL = CHART / "values/minimal.yaml"
MAKER = runpy.run_path(str(ROOT / "deploy/helm/schema.py"))
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
# 0..9 is a list of terminals too.
SAMPLES = {"string": "0..9", "boolean": True, "integer": 2_000_000, "number": 0.5}


def render(values: dict[str, Any], file: Path, base: Path = MINIMAL) -> Any:
    """`helm template` with these values over a set of the chart's."""
    file.write_text(yaml.safe_dump(values))
    command = [HELM, "template", "w", CHART, "--kube-version", "1.34.4", "-f", base, "-f", file]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


def sample(kind: dict[str, Any]) -> object:
    """Some value of this type."""
    if "enum" in kind:
        return kind["enum"][-1]
    if kind.get("pattern", "").endswith("[smhd]$"):
        return "3m"
    return "2024-01-02" if "pattern" in kind else SAMPLES[kind["type"]]


def settings_of(command: str) -> dict[str, dict[str, Any]]:
    """The schema of the settings that values may give to a command."""
    return SCHEMA["definitions"][f"{command}_settings"]["properties"]


def test_the_schema_is_made_from_weir_s_settings() -> None:
    assert (CHART / "values.schema.json").read_text() == MAKER["schema"](), (
        "run: .venv/bin/python deploy/helm/schema.py > deploy/helm/weir/values.schema.json"
    )


def test_every_value_has_a_default_and_every_default_a_type() -> None:
    def compare(values: dict[str, Any], kind: dict[str, Any], where: str) -> None:
        wanted = set(kind["properties"]) - {"global"}
        assert set(values) == wanted, where
        for key, value in values.items():
            inner = kind["properties"][key]
            if "properties" in inner:
                compare(value, inner, f"{where}.{key}")

    compare(yaml.safe_load((CHART / "values.yaml").read_text()), SCHEMA, "values.yaml")


@pytest.mark.parametrize("command", ["serve", "stream"])
def test_weir_takes_every_setting_of_the_schema(command: str, weir: Run, tmp_path: Path) -> None:
    given = {key: sample(kind) for key, kind in settings_of(command).items()}
    service = {"settings": given, "tlsSecret": "tls"}
    values = {"service": service} if command == "serve" else {"stream": {"settings": given}}
    base = "stream.yaml" if command == "stream" else "minimal.yaml"
    done = render(values, tmp_path / "values.yaml", CHART / "values" / base)
    assert done.returncode == 0, done.stderr
    sets = [one for one in yaml.safe_load_all(done.stdout) if one and one["kind"] == "StatefulSet"]
    arguments = sets[0]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert len([word for word in arguments if word.startswith("--")]) >= len(given)
    asked = weir(*arguments, cwd=tmp_path)
    # 2 would be wrong use: a flag that weir has not, or a value that it does not take. Here no
    # secret is mounted, and that ends it.
    assert asked.returncode == 1, asked.stderr
    assert "No such file" in asked.stderr, asked.stderr


def outside(bound: dict[str, Any]) -> str:
    """A value that the bound refuses."""
    return "nonsense" if "enum" in bound else str(bound["minimum"] - 1)


@pytest.mark.parametrize(("name", "bound"), MAKER["BOUNDS"].items(), ids=MAKER["BOUNDS"])
def test_weir_has_the_bounds_too(
    name: str, bound: dict[str, Any], weir: Run, tmp_path: Path
) -> None:
    command, key = name.split(".")
    flag = "--" + key.replace("_", "-")
    metrics = "--metrics-listen=" if command == "stream" else "--listen=127.0.0.1:0"
    asked = weir(command, tmp_path, metrics, f"{flag}={outside(bound)}", cwd=tmp_path)
    assert asked.returncode != 0
    assert flag in asked.stderr, asked.stderr


WRONG = [
    ({"service": {"settings": {"durabilty": "full"}}}, "durabilty"),
    ({"service": {"settings": {"durability": "fsync"}}}, "durability"),
    ({"service": {"settings": {"challenger_share": 1.5}}}, "challenger_share"),
    ({"service": {"settings": {"max_connections": -1}}}, "max_connections"),
    ({"service": {"settings": {"max_connections": "many"}}}, "max_connections"),
    ({"service": {"settings": {"retention": 400}}}, "retention"),
    ({"service": {"settings": {"history_to": "yesterday"}}}, "history_to"),
    ({"service": {"settings": {"journal": "/elsewhere"}}}, "journal"),
    ({"service": {"settings": {"brokers": "kafka:9092"}}}, "brokers"),
    ({"stream": {"settings": {"batch": 0}}}, "batch"),
    ({"stream": {"settings": {"no_reasons": "yes"}}}, "no_reasons"),
    ({"stream": {"brokers": "kafka"}}, "brokers"),
    ({"stream": {"settings": {"session_timeout_ms": 6.5}}}, "session_timeout_ms"),
]


@pytest.mark.parametrize(("values", "named"), WRONG, ids=[json.dumps(one) for one, _ in WRONG])
def test_a_wrong_value_is_refused_by_its_name(
    values: dict[str, Any], named: str, tmp_path: Path
) -> None:
    done = render(values, tmp_path / "values.yaml")
    assert done.returncode != 0
    assert named in done.stderr


def test_a_default_goes_with_null(tmp_path: Path) -> None:
    done = render({"service": {"settings": {"durability": None}}}, tmp_path / "values.yaml")
    assert done.returncode == 0, done.stderr
    assert "--durability" not in done.stdout
