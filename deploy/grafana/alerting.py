"""Writes Grafana's alert rules, contact points and policies (provisioning/alerting/) out of
Prometheus' and Alertmanager's (deploy/monitoring). Run it after a change there.

For installations where Grafana alerts instead of Alertmanager. Recording rules stay Prometheus'.
"""

import re
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
MONITORING = HERE.parent / "monitoring"
FOLDER = HERE / "provisioning/alerting"
DATA_SOURCE = "weir-prometheus"
HEAD = "# Made by deploy/grafana/alerting.py from deploy/monitoring; tests compare.\n"


def rule(alert: dict[str, Any]) -> dict[str, Any]:
    """An alert of Prometheus for Grafana: whatever series the expression gives, fires."""
    notes = dict(alert["annotations"])
    board, panel = re.fullmatch(r"/d/([\w-]+)\?viewPanel=(\d+)", notes.pop("panel")).groups()
    # There $value is a text of all values; that of the query is a number here only.
    notes["summary"] = re.sub(r"\$value\b", "$values.A.Value", notes["summary"])
    query = {"refId": "A", "expr": alert["expr"], "instant": True, "range": False}
    anything = {"type": "gt", "params": [-1e300]}
    threshold = {
        "refId": "B",
        "type": "threshold",
        "expression": "A",
        "conditions": [{"evaluator": anything}],
    }
    window = {"from": 600, "to": 0}
    return {
        "uid": alert["alert"].lower(),
        "title": alert["alert"],
        "condition": "B",
        "data": [
            {
                "refId": "A",
                "relativeTimeRange": dict(window),
                "datasourceUid": DATA_SOURCE,
                "model": query,
            },
            {
                "refId": "B",
                "relativeTimeRange": dict(window),
                "datasourceUid": "__expr__",
                "model": threshold,
            },
        ],
        "noDataState": "OK",
        "execErrState": "Error",
        "for": alert.get("for", "0s"),
        "labels": alert["labels"],
        "annotations": notes,
        "dashboardUid": board,
        "panelId": int(panel),
        "isPaused": False,
    }


def groups() -> list[dict[str, Any]]:
    """One for each file of rules with alerts."""
    found = []
    for file in sorted((MONITORING / "rules").glob("*.yml")):
        for group in yaml.safe_load(file.read_text())["groups"]:
            alerts = [rule(one) for one in group["rules"] if "alert" in one]
            if alerts:
                name = group["name"].removeprefix("weir_alerts_")
                where = {"orgId": 1, "name": name, "folder": "weir", "interval": "1m"}
                found.append({**where, "rules": alerts})
    return found


def contact_point(receiver: dict[str, Any]) -> dict[str, Any]:
    """A receiver of Alertmanager. The bot's token comes from Grafana's environment."""
    name = receiver["name"]
    ways = []
    for mail in receiver.get("email_configs", []):
        ways.append({"type": "email", "settings": {"addresses": mail["to"], "singleEmail": True}})
    for chat in receiver.get("telegram_configs", []):
        settings = {"bottoken": "$TELEGRAM_BOT_TOKEN", "chatid": str(chat["chat_id"])}
        ways.append({"type": "telegram", "settings": {**settings, "message": chat["message"]}})
    known = {"name", "email_configs", "telegram_configs"}
    if set(receiver) - known:
        raise SystemExit(f"alerting: receiver {name} has {sorted(set(receiver) - known)}; add it")
    listed = [
        {"uid": f"weir-{name}-{number}".replace("_", "-"), **way, "disableResolveMessage": False}
        for number, way in enumerate(ways)
    ]
    return {"orgId": 1, "name": name, "receivers": listed}


def policy(route: dict[str, Any]) -> dict[str, Any]:
    """A route of Alertmanager, with those below it."""
    made = {key: value for key, value in route.items() if key not in ("matchers", "routes")}
    if "group_by" in made:
        made["group_by"] = ["grafana_folder", *made["group_by"]]
    if "matchers" in route:
        parts = [re.fullmatch(r'(\w+)(=~|!~|!=|=)"(.*)"', one) for one in route["matchers"]]
        made["object_matchers"] = [list(part.groups()) for part in parts]
    if "routes" in route:
        made["routes"] = [policy(one) for one in route["routes"]]
    return made


def files() -> dict[str, str]:
    """The texts by name."""
    told = yaml.safe_load((MONITORING / "alertmanager.yml").read_text())
    contents = {
        "rules.yml": {"groups": groups()},
        "contact_points.yml": {"contactPoints": [contact_point(one) for one in told["receivers"]]},
        "policies.yml": {"policies": [{"orgId": 1, **policy(told["route"])}]},
    }
    return {
        name: HEAD + yaml.safe_dump({"apiVersion": 1, **one}, sort_keys=False, width=100)
        for name, one in contents.items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text)
