"""Airflow's REST interface, as much of it as the story of the model's life needs."""

import json
import time
import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

import weir

DAGS = ("clean_lake", "retrain", "validate_and_compare")


class Airflow:
    """The stack's scheduler."""

    def __init__(self, root: Path, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        password = json.loads((root / "airflow/passwords.json").read_text())["admin"]
        self.token = ""
        answer = self._ask("POST", "/auth/token", {"username": "admin", "password": password})
        self.token = answer["access_token"]

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask; a question that changes nothing is asked again where the machine is too busy."""
        for attempt in range(5 if method == "GET" else 1, 0, -1):
            try:
                return self._ask_once(method, path, body)
            except OSError as fault:
                if attempt == 1:
                    raise weir.Error(f"{method} {path}: {fault}") from fault

    def _ask_once(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        request = urllib.request.Request(
            self.address + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as fault:
            text = fault.read().decode(errors="replace")
            raise weir.Error(f"{method} {path}: {fault.code} {text[:500]}") from fault

    def unpause(self, dag: str) -> None:
        """Let a DAG's schedule act, as soon as the DAG has been read."""
        for attempt in range(60):
            try:
                self._ask("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False})
                return
            except weir.Error:
                if attempt == 59:
                    raise
                time.sleep(1)

    def trigger(self, dag: str, conf: dict[str, Any] | None = None) -> None:
        """Start a run now."""
        body = {"logical_date": None, "conf": conf or {}}
        self._ask("POST", f"/api/v2/dags/{dag}/dagRuns", body)

    def runs(self) -> list[dict[str, Any]]:
        """All runs, the oldest first."""
        found = [
            run
            for dag in DAGS
            for run in self._ask("GET", f"/api/v2/dags/{dag}/dagRuns?limit=100")["dag_runs"]
        ]
        return sorted(found, key=lambda run: run["queued_at"] or "")

    def newest(self, dag: str, task: str) -> tuple[str, int]:
        """(state, tries so far) of a task in the newest run of a DAG; ("", 0) before any."""
        runs = [run for run in self.runs() if run["dag_id"] == dag]
        if not runs:
            return "", 0
        place = f"/api/v2/dags/{dag}/dagRuns/{runs[-1]['dag_run_id']}/taskInstances/{task}"
        found = self._ask("GET", place)
        return found["state"] or "", found["try_number"]

    def idle(self) -> bool:
        """Whether no run is queued or at work."""
        return all(run["state"] in ("success", "failed") for run in self.runs())

    def failed_tasks(self) -> str:
        """The ends of the logs of tasks that failed; empty when none did."""
        texts = []
        for run in self.runs():
            if run["state"] != "failed":
                continue
            place = f"/api/v2/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances"
            for task in self._ask("GET", place)["task_instances"]:
                if task["state"] != "failed":
                    continue
                log = self._ask("GET", f"{place}/{task['task_id']}/logs/{task['try_number']}")
                lines = [str(entry.get("event", entry)) for entry in log["content"]]
                texts.append("\n".join([f"{run['dag_id']}.{task['task_id']}:", *lines[-25:]]))
        return "\n".join(texts)

    def table(self) -> str:
        """What ran, why, and for how long."""
        lines = [f"{'dag':<22}{'started by':<18}{'state':<9}{'seconds':>8}"]
        for run in self.runs():
            ends = [run["start_date"], run["end_date"]]
            began, ended = (datetime.fromisoformat(t) if t else None for t in ends)
            seconds = f"{(ended - began).total_seconds():8.1f}" if began and ended else "       -"
            lines.append(f"{run['dag_id']:<22}{run['run_type']:<18}{run['state']:<9}{seconds}")
        return "\n".join(lines)
