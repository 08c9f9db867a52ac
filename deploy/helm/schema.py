"""Writes the chart's values.schema.json: values.base.json, and every setting of `weir serve` and
`weir stream` with its type and bounds as docs/reference/config.md has them (made by weir itself).

Usage: deploy/helm/schema.py > deploy/helm/weir/values.schema.json
"""

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REFERENCE = HERE.parents[1] / "docs/reference/config.md"
COMMANDS = {"serve": "service.yaml", "stream": "stream.yaml"}

# A pod has no terminal, and a worker runs on.
LEFT_OUT = {"json", "until_end"}

# weir refuses what is outside of these too, but its reference has them in words only.
BOUNDS: dict[str, dict[str, Any]] = {
    "serve.durability": {"enum": ["os", "full"]},
    "serve.clock": {"enum": ["system", "payments"]},
    "serve.challenger_share": {"minimum": 0, "maximum": 1},
    "serve.on_full_disk": {"enum": ["stop", "rules"]},
    "serve.reasons_share": {"minimum": 0, "maximum": 1},
    "serve.log_timeout_ms": {"minimum": 100},
    "stream.batch": {"minimum": 1},
}

TYPES: dict[str, dict[str, Any]] = {
    "TEXT": {"type": "string", "minLength": 1},
    "true or false": {"type": "boolean"},
    "INT": {"type": "integer"},
    "UINT": {"type": "integer", "minimum": 0},
    "FLOAT": {"type": "number"},
    "DURATION": {"type": "string", "pattern": "^[0-9]{1,8}[smhd]$"},
    "DATE": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9:]{8})?$"},
}


def type_of(words: str) -> dict[str, Any]:
    """The reference's words for a type: FLOAT, FLOAT:FLOAT in [0 - 1], TEXT:{now,event}."""
    name, _, limits = words.partition(":")
    if name not in TYPES:
        raise SystemExit(f"schema: {REFERENCE.name} has a type {words!r}; add it to TYPES")
    if choice := re.fullmatch(r"\{(.*)\}", limits):
        return {"enum": choice[1].split(",")}
    if between := re.fullmatch(r"\w+ in \[(\S+) - (\S+)\]", limits):
        low, high = (json.loads(one) for one in between.groups())
        return {**TYPES[name], "minimum": low, "maximum": high}
    if limits:
        raise SystemExit(f"schema: {REFERENCE.name} limits a type by {limits!r}; add it to type_of")
    return TYPES[name]


def settings(command: str) -> dict[str, dict[str, str]]:
    """Every setting of a command: its type and meaning, in the reference's order."""
    section = REFERENCE.read_text().split(f"## `[{command}]`")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| .*? ?\| (.*) \|$", section, re.MULTILINE)
    return {key: {"type": kind, "meaning": meaning} for key, kind, meaning in rows}


def given_by_template(command: str) -> set[str]:
    """What the chart's templates set themselves, so that a value must not."""
    files = ("_helpers.tpl", COMMANDS[command])
    text = "".join((HERE / "weir/templates" / file).read_text() for file in files)
    return {flag.replace("-", "_") for flag in re.findall(r"- --([a-z-]+)=", text)}


def definition(command: str) -> dict[str, Any]:
    """The settings that values may give to a command."""
    hidden = given_by_template(command) | LEFT_OUT
    found = {
        key: {
            "description": row["meaning"],
            **type_of(row["type"]),
            **BOUNDS.get(f"{command}.{key}", {}),
        }
        for key, row in settings(command).items()
        if key not in hidden
    }
    return {"type": "object", "additionalProperties": False, "properties": found}


def schema() -> str:
    """The file's text."""
    whole = json.loads((HERE / "values.base.json").read_text())
    whole["$comment"] = "Made by deploy/helm/schema.py; tests/deploy/test_values.py compares."
    for command in COMMANDS:
        whole["definitions"][f"{command}_settings"] = definition(command)
    return json.dumps(whole, indent=1) + "\n"


if __name__ == "__main__":
    print(schema(), end="")
