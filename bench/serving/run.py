"""The service against a bare server and what others serve models with; see docs/measured.md.

Server and client are pinned to one core each. Every answer is checked first. Usage: bench/run.sh
serving [--seconds 5] [--no-rivals] [--out out/bench/serving.json]
"""

import argparse
import http.client
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests"))
from journal_file import read_journal  # noqa: E402

BUILD = ROOT / "build/release"
WEIR, BARE, CLIENT = BUILD / "weir", BUILD / "bench/bare_server", BUILD / "bench/load_client"
PYTHON = Path(os.environ.get("WEIR_SERVING_ENV", ROOT / ".venv-serving")) / "bin/python"
SERVER_CORE, CLIENT_CORE = "0", "1"
TICK = os.sysconf("SC_CLK_TCK")
OFFERED = 1600


class Server:
    """A process on the server's core, with what it has cost so far."""

    def __init__(self, *command: object, port: int | None = None, **settings: Any) -> None:
        line = ["taskset", "-c", SERVER_CORE, *map(str, command)]
        self.process = subprocess.Popen(line, text=True, **settings)
        self.port = port or 0

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.family()[::-1]:
            subprocess.run(["kill", str(child)], check=False, stderr=subprocess.DEVNULL)
        self.process.wait()

    def family(self) -> list[int]:
        """The process and its children, theirs too."""
        found = [self.process.pid]
        for pid in found:
            children = Path(f"/proc/{pid}/task/{pid}/children")
            if children.exists():
                found += map(int, children.read_text().split())
        return found

    def cpu(self) -> float:
        """Seconds of CPU of the family."""
        ticks = 0
        for pid in self.family():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICK

    def wait_idle(self) -> None:
        """Until what was sent is filed: a fifth of a second of nearly no CPU."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            before = self.cpu()
            time.sleep(0.2)
            if self.cpu() - before <= 0.01:
                return

    def wait(self, seconds: float = 90) -> "Server":
        """Until the port is heard."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.1)
        sys.exit(f"bench: {self.process.args} does not answer")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(port: int, path: str, body: object) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        sys.exit(f"bench: {path} answered {answer.status}: {text[:300]!r}")
    return json.loads(text)


FIRST_ID = [1]


def load(server: Server, seconds: float, payments: int = 1, **flags: object) -> dict[str, float]:
    """One run of the client; adds CPU per payment."""
    FIRST_ID[0] += 50_000_000
    settings = {"port": server.port, "seconds": seconds, "first_id": FIRST_ID[0], **flags}
    line = [f"--{name.replace('_', '-')}" for name in settings]
    arguments = [text for pair in zip(line, settings.values(), strict=True) for text in pair]
    warm_up = float(str(flags.get("warm_up", 1)))
    before, start = server.cpu(), time.monotonic()
    done = subprocess.run(
        ["taskset", "-c", CLIENT_CORE, str(CLIENT), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"bench: the client failed: {done.stdout}{done.stderr}")
    result = json.loads(done.stdout)
    spent, whole = server.cpu() - before, time.monotonic() - start
    sent = result["rate"] * (seconds + warm_up) * payments
    result["payments_per_second"] = result["rate"] * payments
    result["cpu_us"] = spent / sent * 1e6
    result["busy"] = spent / whole
    return result


def show(name: str, result: dict[str, float]) -> None:
    print(
        f"{name:<44}{result['payments_per_second']:>10,.0f}/s{result['cpu_us']:>9.2f} us CPU"
        f"{result['p50_us']:>9.0f}{result['p99_us']:>9.0f}{result['p999_us']:>9.0f} us p50 99 99.9",
        flush=True,
    )


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def sample_payments(count: int) -> list[dict[str, Any]]:
    return [
        {
            "transaction_id": number + 1,
            "event_time": now(),
            "customer_id": number % 97,
            "terminal_id": number % 7,
            "amount": f"{number * 13 % 400}.25",
        }
        for number in range(count)
    ]


def weir(bundle: Path, journal: Path, durability: str) -> Server:
    port = free_port()
    return Server(
        *(WEIR, "serve", bundle, "--journal", journal, "--listen", f"127.0.0.1:{port}"),
        *("--metrics-listen", "", "--durability", durability, "--quiet"),
        port=port,
        stderr=subprocess.DEVNULL,
    ).wait()


def run_weir(bundle: Path, work: Path, seconds: float, results: dict[str, Any]) -> list[Any]:
    """Both durabilities; gives features with the probability they must lead to, for the rivals."""
    rows: list[Any] = []
    for durability in ("os", "full"):
        journal = work / durability
        with weir(bundle, journal, durability) as server:
            while True:
                time.sleep(0.2)
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    break
            answers = ask(server.port, "/v1/decisions/batch", sample_payments(300))["results"]
            assert all("decision" in answer for answer in answers), answers
            if durability == "os":
                one = ask(server.port, "/v1/decisions", sample_payments(1)[0])
                (work / "answer.json").write_text(json.dumps(one, separators=(",", ":")))
                batch = {"results": answers[:100]}
                (work / "batch.json").write_text(json.dumps(batch, separators=(",", ":")))
                time.sleep(1)  # Until what is in the tail is in SQLite, which alone is read here.
                rows = [(entry["features"], entry["margin"]) for entry in read_journal(journal)]
            singly = load(server, seconds, connections=64)
            show(f"weir, {durability}, one by one", singly)
            server.wait_idle()
            half_rate = singly["rate"] / 2
            half = load(server, seconds, connections=64, rate=half_rate)
            show(f"weir, {durability}, open loop at half of it", half)
            offered = load(server, seconds, connections=64, rate=OFFERED)
            show(f"weir, {durability}, open loop at {OFFERED}/s", offered)
            batches = load(
                server, seconds, 100, connections=8, batch=100, path="/v1/decisions/batch"
            )
            show(f"weir, {durability}, batches of 100", batches)
            # What the batches left is still being filed, on the same core.
            behind = load(server, seconds, connections=64, rate=half_rate)
            show(f"weir, {durability}, half again, right after them", behind)
            results[f"weir {durability}"] = {
                "singly": singly, "half": half, "offered": offered, "batches": batches,
                "behind": behind,
            }  # fmt: skip
    return rows


def run_bare(work: Path, seconds: float, results: dict[str, Any]) -> None:
    for name, batch in (("answer", 1), ("batch", 100)):
        with Server(BARE, work / f"{name}.json", stdout=subprocess.PIPE) as server:
            assert server.process.stdout is not None
            server.port = int(server.process.stdout.readline())
            connections = 64 if batch == 1 else 8
            result = load(server, seconds, batch, connections=connections, batch=batch)
            show(f"bare epoll + simdjson, {batch} at a time", result)
            results[f"bare {batch}"] = result
            if batch != 1:
                continue
            # What of the waits is the machine's, and the client's.
            for rate in (results["weir os"]["singly"]["rate"] / 2, OFFERED):
                result = load(server, seconds, connections=connections, rate=rate)
                show(f"bare epoll + simdjson, open loop at {rate:.0f}/s", result)
                results[f"bare at {rate:.0f}"] = result


def run_rivals(bundle: Path, work: Path, rows: list[Any], seconds: float, results: Any) -> None:
    import struct

    features = [
        [None if math.isnan(x) else x for x in struct.unpack(f"<{len(blob) // 4}f", blob)]
        for blob, _ in rows
    ]
    wanted = [1 / (1 + math.exp(-margin)) for _, margin in rows]
    forest = bundle / "forest.ubj"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for kind in ("onnx", "xgboost", "mlflow"):
        port = free_port()
        if kind == "mlflow":
            folder = work / "mlflow"
            script = ROOT / "bench/serving/rivals.py"
            subprocess.run(
                [PYTHON, script, "mlflow", forest, folder], check=True, capture_output=True
            )
            command: list[Any] = [PYTHON.parent / "mlflow", "models", "serve", "-m", folder]
            command += ["--env-manager", "local", "-p", port, "-h", "127.0.0.1", "-w", 1]
            path, wrap, unwrap = (
                "/invocations",
                lambda row: {"inputs": [[math.nan if x is None else x for x in row]]},
                lambda answer: answer["predictions"][0],
            )
            environment = {**os.environ, "PATH": f"{PYTHON.parent}:{os.environ['PATH']}"}
        else:
            command = [PYTHON, ROOT / "bench/serving/rivals.py", kind, forest, port]
            path, wrap, unwrap = (
                "/score",
                lambda row: {"features": row},
                lambda answer: answer["fraud_probability"],
            )
            environment = dict(os.environ)
        environment["OMP_NUM_THREADS"] = "1"
        bodies = work / f"{kind}.bodies"
        bodies.write_text("\n".join(json.dumps(wrap(row)) for row in features) + "\n")
        with Server(*command, port=port, env=environment, **quiet) as server:
            server.wait()
            for row, probability in list(zip(features, wanted, strict=True))[:50]:
                got = unwrap(ask(server.port, path, wrap(row)))
                assert abs(got - probability) < 1e-4, (kind, got, probability)
            flags: dict[str, Any] = {"path": path, "bodies": bodies, "connections": 16}
            closed = load(server, seconds, **flags)
            show(f"{kind}, closed loop", closed)
            results[kind] = {"closed": closed}
            rate = min(OFFERED, 0.9 * closed["rate"])
            offered = load(server, seconds, rate=rate, **flags)
            show(f"{kind}, open loop at {rate:.0f}/s", offered)
            results[kind]["offered"] = offered


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--no-rivals", action="store_true")
    parser.add_argument("--bundle", type=Path, default=ROOT / "out/bench/bundle")
    parser.add_argument("--out", type=Path, default=ROOT / "out/bench/serving.json")
    options = parser.parse_args()
    results: dict[str, Any] = {"load_average": os.getloadavg()}
    work = Path(tempfile.mkdtemp(prefix="weir-serving-"))
    try:
        rows = run_weir(options.bundle, work, options.seconds, results)
        run_bare(work, options.seconds, results)
        if not options.no_rivals:
            run_rivals(options.bundle, work, rows, options.seconds, results)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    ours = results["weir os"]["singly"]["cpu_us"]
    print(f"CPU: {ours / results['bare 1']['cpu_us']:.1f} times the bare server's one by one")
    for kind in ("onnx", "xgboost", "mlflow"):
        if kind in results:
            print(f"CPU: {results[kind]['closed']['cpu_us'] / ours:.0f} times less than {kind}")
    if "xgboost" in results:
        theirs, mine = results["xgboost"]["offered"], results["weir os"]["offered"]
        print(
            f"weir at {mine['rate']:.0f}/s against FastAPI + xgboost at {theirs['rate']:.0f}/s: "
            f"p50 {theirs['p50_us'] / mine['p50_us']:.1f}, p99 "
            f"{theirs['p99_us'] / mine['p99_us']:.1f} times better"
        )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
