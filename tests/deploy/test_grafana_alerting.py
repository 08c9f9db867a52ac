"""Grafana's own alerts: those of Prometheus, one by one, told to those whom Alertmanager tells."""

import json
import re
import runpy
from typing import Any

import yaml
from monitoring import ROOT, RULES

GRAFANA = ROOT / "deploy/grafana"
FOLDER = GRAFANA / "provisioning/alerting"
SOURCES = yaml.safe_load((GRAFANA / "provisioning/datasources/weir.yml").read_text())
SEVERITIES = {"page", "ticket"}


def provisioned(name: str) -> Any:
    """A file as Grafana reads it."""
    return yaml.safe_load((FOLDER / f"{name}.yml").read_text())


def rules() -> dict[str, dict[str, Any]]:
    """Every rule by its title."""
    listed = [rule for group in provisioned("rules")["groups"] for rule in group["rules"]]
    assert len({rule["title"] for rule in listed}) == len(listed)
    return {rule["title"]: rule for rule in listed}


def test_the_files_are_what_the_script_writes() -> None:
    made = runpy.run_path(str(GRAFANA / "alerting.py"))["files"]()
    written = {file.name: file.read_text() for file in FOLDER.iterdir()}
    assert made == written, "run: .venv/bin/python deploy/grafana/alerting.py"


def test_every_alert_of_prometheus_is_there_with_its_expression() -> None:
    groups = [g for file in RULES.glob("*.yml") for g in yaml.safe_load(file.read_text())["groups"]]
    wanted = {one["alert"]: one for group in groups for one in group["rules"] if "alert" in one}
    assert set(rules()) == set(wanted)
    for name, rule in rules().items():
        query, threshold = rule["data"]
        assert query["model"]["expr"] == wanted[name]["expr"]
        assert query["datasourceUid"] in {one["uid"] for one in SOURCES["datasources"]}
        assert (threshold["datasourceUid"], rule["condition"]) == ("__expr__", "B")
        assert rule["for"] == wanted[name].get("for", "0s")
        assert rule["labels"] == wanted[name]["labels"]


def test_rules_are_as_grafana_takes_them() -> None:
    boards = {}
    for file in (GRAFANA / "dashboards").glob("*.json"):
        board = json.loads(file.read_text())
        boards[board["uid"]] = {panel["id"] for panel in board["panels"]}
    for rule in rules().values():
        assert re.fullmatch(r"[a-z0-9_-]{1,40}", rule["uid"])
        assert rule["panelId"] in boards[rule["dashboardUid"]]
        assert not re.search(r"\$value\b", rule["annotations"]["summary"])
        # A dollar here would be read as a variable of the environment.
        assert "$" not in json.dumps([rule["data"], rule["labels"]])
    for group in provisioned("rules")["groups"]:
        assert group["folder"] == "weir" and re.fullmatch(r"[1-9]\d*m", group["interval"])


def test_every_severity_reaches_a_contact_point() -> None:
    points = {
        one["name"]: one["receivers"] for one in provisioned("contact_points")["contactPoints"]
    }
    uids = [way["uid"] for ways in points.values() for way in ways]
    assert len(uids) == len(set(uids)) and all(points.values())
    (tree,) = provisioned("policies")["policies"]
    asked = {
        value: route["receiver"]
        for route in tree["routes"]
        for name, how, value in route["object_matchers"]
        if (name, how) == ("severity", "=")
    }
    used = {rule["labels"]["severity"] for rule in rules().values()}
    assert used == SEVERITIES
    assert {asked.get(one, tree["receiver"]) for one in used} == set(points)
    assert "alertname" in tree["group_by"]


def test_secrets_come_from_the_environment() -> None:
    ways = [w for one in provisioned("contact_points")["contactPoints"] for w in one["receivers"]]
    tokens = [way["settings"]["bottoken"] for way in ways if way["type"] == "telegram"]
    assert tokens and all(token.startswith("$") for token in tokens)
    compose = yaml.safe_load((ROOT / "deploy/compose/compose.yaml").read_text())
    given = compose["services"]["grafana"]["environment"]
    assert {token[1:] for token in tokens} <= set(given), "Grafana refuses an empty token"
