"""Writes deploy/grafana/dashboards/*.json: edit panels*.py, run this file, commit both.

A test runs every query against a live Prometheus, and compares the files with what this prints.
"""

import json
from pathlib import Path
from typing import Any

from panels import BOARDS

FOLDER = Path(__file__).resolve().parent / "dashboards"


def variable(name: str, query: str) -> dict[str, Any]:
    """A drop-down of label values, all of them by default."""
    return {
        "name": name,
        "type": "query",
        "query": query,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
    }


def dashboard(key: str) -> dict[str, Any]:
    """One dashboard as Grafana stores it."""
    title, panels = BOARDS[key]
    source = {"type": "prometheus", "uid": "${datasource}"}
    drawn = [
        {
            "id": panel.number,
            "title": panel.title,
            "description": panel.about,
            "type": "stat" if panel.stat else "timeseries",
            "datasource": source,
            "gridPos": {"h": 8, "w": 12, "x": 12 * (place % 2), "y": 8 * (place // 2)},
            "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
            "targets": [
                {
                    "refId": chr(65 + index),
                    "expr": expr,
                    "legendFormat": legend,
                    "datasource": source,
                }
                for index, (legend, expr) in enumerate(panel.queries.items())
            ],
        }
        for place, panel in enumerate(panels)
    ]
    return {
        "uid": f"weir-{key}",
        "title": title,
        "tags": ["weir"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "links": [{"type": "dashboards", "tags": ["weir"], "title": "weir", "asDropdown": True}],
        "annotations": {
            "list": [
                {
                    "name": "Alerts",
                    "enable": True,
                    "datasource": source,
                    "iconColor": "red",
                    "expr": 'ALERTS{alertstate="firing",alertname=~"Weir.*"}',
                    "titleFormat": "{{alertname}}",
                }
            ]
        },
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus"},
                variable("job", "label_values(weir_build_info, job)"),
                variable("instance", 'label_values(weir_build_info{job=~"$job"}, instance)'),
            ]
        },
        "panels": drawn,
    }


def files() -> dict[str, str]:
    """File name → its text."""
    return {f"{key}.json": json.dumps(dashboard(key), indent=1) + "\n" for key in BOARDS}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text)
