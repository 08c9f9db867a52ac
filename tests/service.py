"""What the tests of `weir serve` share: the running service, and a client that says what it got."""

import http.client
import json
import os
import queue
import re
import resource
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conftest import BINARY

START_SECONDS = 60


@contextmanager
def full_disk(service: "Service") -> Iterator[None]:
    """No file of the service may grow or be written any more, as if the disk were full."""
    process = service.process.pid
    before = resource.prlimit(process, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    yield
    if service.process.poll() is None:
        resource.prlimit(process, resource.RLIMIT_FSIZE, before)


class Answer:
    """Status, headers and body of one answer."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = dict(response.getheaders())
        self.text = response.read().decode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Service:
    """`weir serve` as a process of its own."""

    def __init__(self, bundle: Path, journal: Path, *arguments: object, **environment: str) -> None:
        command = [str(BINARY), "serve", str(bundle), "--journal", str(journal)]
        command += ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]
        command += map(str, arguments)
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        self.lines: list[str] = []
        self.arrived: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read_stderr, daemon=True).start()
        self.port = int(self.wait_for(r", https?://[\w.:\[\]]+:(\d+)$")[1])
        self.metrics_port = int(self.wait_for(r"metrics on port (\d+)")[1])
        self.connection: http.client.HTTPConnection | None = None

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line on stderr that fits."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                line = self.arrived.get(timeout=1)
            except queue.Empty:
                continue
            if line is None:
                break
            self.lines.append(line)
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"no line with {pattern} in\n{''.join(self.lines)}")

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stderr:
            for line in stderr:
                self.arrived.put(line)
        self.arrived.put(None)

    def wait_ready(self) -> "Service":
        self.wait_for("ready at position")
        return self

    def call(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """One request on the kept connection; text is sent as it is, anything else as JSON."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        try:
            self.connection.request(
                method, path, text, {"Content-Type": "application/json", **(headers or {})}
            )
            return Answer(self.connection.getresponse())
        except (http.client.HTTPException, OSError):
            self.connection.close()
            self.connection = None
            raise

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, headers=headers)

    def post(self, path: str, body: object, **headers: str) -> Answer:
        return self.call("POST", path, body, headers)

    def metrics(self) -> dict[str, float]:
        """Every series of /metrics."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as page:
            lines = page.read().decode().splitlines()
        series = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in series}

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()
        self.connection = None

    def stop(self) -> int:
        """End it gently; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        while (line := self.arrived.get(timeout=10)) is not None:
            self.lines.append(line)
        return code

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def payment(number: int, **changes: object) -> dict[str, object]:
    """A payment of today; customers and terminals as in the small simulation."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {
        "transaction_id": 10_000_000 + number,
        "event_time": moment,
        "customer_id": number * 7919 % 2000,
        "terminal_id": number % 4,
        "amount": f"{number * 31 % 300}.{number % 100:02}",
        **changes,
    }


def payments(first: int, count: int) -> Iterator[dict[str, object]]:
    """Consecutive payments."""
    return (payment(number) for number in range(first, first + count))
