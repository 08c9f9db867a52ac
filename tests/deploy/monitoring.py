"""A Prometheus and an Alertmanager of the test, with the repository's own files.

Time runs `FASTER` times as fast in the rules (windows, `for`), so that an alert that waits ten
minutes fires after ten seconds; thresholds stay as they are.
"""

import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/monitoring/rules"
FASTER = 30
SECONDS = {"m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"(?<=\[)(\d+)([mhd])(?=\])|(?<=for: )(\d+)([mhd])|(?<=offset )(\d+)([mhd])")


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def faster(rules: str) -> str:
    """The rules with every window and wait divided by FASTER."""

    def shorter(match: re.Match[str]) -> str:
        number, unit = (part for part in match.groups() if part is not None)
        seconds = int(number) * SECONDS[unit] // FASTER
        return f"{max(seconds, 5) if match.string[match.start() - 1] == '[' else seconds}s"

    return DURATION.sub(shorter, rules)


def wait(what: str, done: Callable[[], Any], seconds: float = 90) -> float:
    """Seconds until `done`; fails with `what` after too many."""
    began = time.monotonic()
    while not done():
        waited = time.monotonic() - began
        assert waited < seconds, f"{what}: not within {seconds} s"
        time.sleep(0.2)
    return time.monotonic() - began


class Webhook:
    """Receives what Alertmanager sends."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []  # Status and name.
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                seen.extend((one["status"], one["labels"]["alertname"]) for one in body["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"


class Prometheus:
    """One that runs, to be asked; `window` is what its scrapes fill a rate with."""

    def __init__(self, port: int, window: str) -> None:
        self.port, self.window = port, window

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series of a query now; its error as an AssertionError."""
        words = urllib.parse.urlencode({"query": expr})
        try:
            url = f"http://127.0.0.1:{self.port}/api/v1/query?{words}"
            with urllib.request.urlopen(url, timeout=30) as answer:
                return list(json.load(answer)["data"]["result"])
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expr}: {error.read().decode()}") from error

    def empty_panels(self, board: Path, only: str = "", without: str = "^$") -> list[str]:
        """Queries of a dashboard that give nothing; those with one pattern, without the other."""
        found = []
        for panel in json.loads(board.read_text())["panels"]:
            for target in panel["targets"]:
                if not re.search(only, target["expr"]) or re.search(without, target["expr"]):
                    continue
                expr = target["expr"].replace("$__rate_interval", self.window)
                expr = re.sub(r"\$(job|instance)\b", ".*", expr)
                if not self.query(expr):
                    found.append(f"{board.stem} / {panel['title']}: {expr}")
        return found


class Monitoring(Prometheus):
    """Both as processes; `with` ends them."""

    def __init__(
        self,
        folder: Path,
        weir_ports: list[int],
        webhook: Webhook | None = None,
        probed: dict[str, str] | None = None,
        kafka_port: int | None = None,
    ) -> None:
        super().__init__(free_port(), "10s")
        self.processes: list[subprocess.Popen[bytes]] = []
        (folder / "rules").mkdir(parents=True)
        (folder / "targets").mkdir()
        for file in RULES.glob("*.yml"):
            (folder / "rules" / file.name).write_text(faster(file.read_text()))
        settings = (ROOT / "deploy/monitoring/prometheus.yml").read_text().replace("15s", "1s")
        (folder / "prometheus.yml").write_text(settings)
        targets = {"weir": [f"127.0.0.1:{port}" for port in weir_ports]}
        if webhook is not None:
            targets["alertmanager"] = [f"127.0.0.1:{self._alertmanager(folder, webhook)}"]
        if kafka_port is not None:
            targets["kafka"] = [f"127.0.0.1:{kafka_port}"]
        files: dict[str, list[dict[str, Any]]] = {
            name: [{"targets": targets[name]}] if name in targets else []
            for name in re.findall(r"targets/(\w+)\.json", settings)
        }
        files["probe"] = self._probe(folder, probed) if probed else []
        for name, listed in files.items():
            (folder / f"targets/{name}.json").write_text(json.dumps(listed))
        self._start(
            folder / "prometheus.log",
            *("prometheus", f"--config.file={folder}/prometheus.yml"),
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
        )
        wait("Prometheus ready", self._ready)

    def _probe(self, folder: Path, probed: dict[str, str]) -> list[dict[str, Any]]:
        """Its targets: service → address."""
        port = free_port()
        self._start(
            folder / "blackbox.log",
            *("prometheus-blackbox-exporter", f"--web.listen-address=127.0.0.1:{port}"),
            f"--config.file={ROOT}/deploy/monitoring/blackbox.yml",
        )
        where = f"127.0.0.1:{port}"
        return [
            {"targets": [address], "labels": {"service": name, "blackbox": where}}
            for name, address in probed.items()
        ]

    def _alertmanager(self, folder: Path, webhook: Webhook) -> int:
        port = free_port()
        (folder / "alertmanager.yml").write_text(
            "route: {receiver: hook, group_by: [alertname], group_wait: 1s, group_interval: 1s}\n"
            f"receivers: [{{name: hook, webhook_configs: [{{url: '{webhook.url}'}}]}}]\n"
        )
        self._start(
            folder / "alertmanager.log",
            *("prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml"),
            *(f"--storage.path={folder}/alertmanager", "--cluster.listen-address="),
            f"--web.listen-address=127.0.0.1:{port}",
        )
        return port

    def _start(self, log: Path, *command: str) -> None:
        with log.open("wb") as output:
            self.processes.append(
                subprocess.Popen(command, stdout=output, stderr=output, env=dict(os.environ))
            )

    def _ready(self) -> bool:
        try:
            return bool(urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5))
        except OSError:
            return False

    def __enter__(self) -> "Monitoring":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(timeout=30)
