"""A bundle behind an address: asked for by ETag, checked, refused when bad, kept for bad days."""

import hashlib
import http.server
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Run
from service import Service, payment
from test_serve_models import champion, other_bundle, version, wait

__all__ = ["other_bundle"]


class Registry:
    """A web server over a folder, with ETags and a token, that can be told to misbehave."""

    def __init__(self, folder: Path, context: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.asked: list[tuple[str, int]] = []
        self.damage: Callable[[str, bytes], bytes] = lambda _, content: content
        self.token = "a secret"
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                file = folder / self.path.removeprefix("/champion/")
                status, content = 404, b""
                if self.headers["Authorization"] != f"Bearer {registry.token}":
                    status = 403
                elif file.is_file():
                    status, content = 200, registry.damage(file.name, file.read_bytes())
                etag = f'"{hashlib.md5(content).hexdigest()}"'
                if status == 200 and self.headers["If-None-Match"] == etag:
                    status, content = 304, b""
                registry.asked.append((self.path, status))
                self.send_response(status)
                self.send_header("ETag", etag)
                if status == 200 and file.name == "card.md":
                    self.send_header("Transfer-Encoding", "chunked")
                    content = b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)
                elif status != 304:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://localhost:{self.port}/champion"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def folder(bundle: Path, tmp_path: Path) -> Path:
    return shutil.copytree(bundle, tmp_path / "served")


@pytest.fixture
def registry(folder: Path) -> Iterator[Registry]:
    started = Registry(folder)
    yield started
    started.close()


def publish(bundle: Path, folder: Path) -> None:
    """All files, the manifest last."""
    for file in sorted(bundle.iterdir(), key=lambda file: file.name == "model.json"):
        shutil.copy(file, folder / file.name)


def reload(service: Service) -> dict:
    assert service.post("/v1/model/reload", {}).status == 202
    wait(lambda: not champion(service)["reload"]["loading"], "end of the loading")
    return champion(service)


def test_a_new_bundle_is_polled_and_bad_ones_are_refused(
    succeed: Run, bundle: Path, other_bundle: Path, folder: Path, registry: Registry, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    environment = {"WEIR_BUNDLE_TOKEN": registry.token}
    with Service(registry.url, journal, "--model-poll", "1s", **environment) as service:  # type: ignore[arg-type]
        service.wait_ready()
        model = champion(service)
        assert (model["version"], model["source"]) == (version(bundle), registry.url)
        first = service.post("/v1/decisions", payment(1)).json
        assert first["model_version"] == version(bundle)
        wait(lambda: registry.asked[-2:] == [("/champion/model.json", 304)] * 2, "quiet polls")
        files = [path for path, status in registry.asked if status == 200]
        assert sorted(set(files)) == sorted(
            f"/champion/{file.name}" for file in bundle.iterdir() if file.name != ".weir"
        )

        # A file that is not what the manifest says: nothing changes, and everyone can see why.
        registry.damage = lambda name, content: content[:-1] if name == "forest.ubj" else content
        publish(other_bundle, folder)
        wait(lambda: champion(service)["reload"]["refused"] > 0, "refusal")
        assert "forest.ubj" in champion(service)["reload"]["fault"]
        assert champion(service)["version"] == version(bundle)
        refused = 'weir_model_reloads_total{role="champion",result="refused"}'
        assert service.metrics()[refused] >= 1
        assert service.post("/v1/decisions", payment(2)).json["model_version"] == version(bundle)

        registry.damage = lambda _, content: content
        wait(lambda: champion(service)["version"] == version(other_bundle), "new champion")
        assert "fault" not in champion(service)["reload"]
        answer = service.post("/v1/decisions", payment(3)).json
        assert (answer["model_version"], answer["position"]) == (version(other_bundle), 2)

        for damage, words in (
            (lambda *_: b"{}", "no manifest"),
            (lambda *_: b'{"version":"x","sha256":{"../../evil":""}}', "plain names"),
        ):
            registry.damage = damage
            assert words in reload(service)["reload"]["fault"]
        registry.token = "another"
        assert "answered 403" in reload(service)["reload"]["fault"]
        registry.close()
        wait(lambda: "connect" in reload(service)["reload"]["fault"], "refused connection")
        assert service.post("/v1/decisions", payment(4)).status == 200
        assert service.stop() == 0
    # The address is away: the kept copy starts.
    with Service(registry.url, journal, **environment) as service:  # type: ignore[arg-type]
        service.wait_ready()
        assert any("bundle of before" in line for line in service.lines)
        assert champion(service)["version"] == version(other_bundle)
    succeed("verify", journal, journal / "bundles/champion")


def test_https_is_checked(weir: Run, folder: Path, tmp_path: Path) -> None:
    key, certificate, stranger = (tmp_path / name for name in ("key", "certificate", "stranger"))
    for file in (stranger, certificate):
        line = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        line += ["-nodes", "-keyout", str(key), "-out", str(file), "-days", "1"]
        line += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        subprocess.run(line, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    registry = Registry(folder, context)
    environment = {"WEIR_BUNDLE_TOKEN": registry.token, "SSL_CERT_FILE": str(certificate)}
    with Service(registry.url, tmp_path / "journal", **environment) as service:  # type: ignore[arg-type]
        service.wait_ready()
        assert service.post("/v1/decisions", payment(1)).status == 200
    numeric = registry.url.replace("localhost", "127.0.0.1")
    for url, trusted, words in (
        (registry.url, "/dev/null", "has no authorities"),
        (registry.url, str(stranger), "is not trusted"),
        (numeric, str(certificate), "is not trusted"),
    ):
        done = weir(
            *("serve", url, "--journal", tmp_path / "other", "--listen", "127.0.0.1:0"),
            env={"WEIR_BUNDLE_TOKEN": registry.token, "SSL_CERT_FILE": trusted},
        )
        assert done.returncode == 1
        assert words in done.stderr
    registry.close()


def test_an_address_that_gives_nothing_stops_the_first_start(
    weir: Run, registry: Registry, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    for url, words in (
        (registry.url, "answered 403"),
        ("http://127.0.0.1:1/x", "connect"),
        ("http:///x", "no address"),
    ):
        done = weir("serve", url, "--journal", journal, "--listen", "127.0.0.1:0")
        assert done.returncode == 1
        assert words in done.stderr
    done = weir("serve", registry.url, "--log", "kafka", "--brokers", "127.0.0.1:1")
    assert done.returncode == 2
    assert "give a folder" in done.stderr


def test_requests_are_logged_on_demand(bundle: Path, tmp_path: Path) -> None:
    def lines(service: Service) -> list[dict]:
        return [json.loads(line) for line in service.lines if line.startswith("{")]

    with Service(bundle, tmp_path / "journal") as service:
        service.wait_ready()
        service.post("/v1/decisions", payment(1))
        service.process.send_signal(10)  # SIGUSR1
        wait(lambda: service.get("/healthz").status == 200 and not service.arrived.empty(), "line")
        service.post("/v1/decisions", payment(2, customer_id=1234567))
        service.post("/v1/decisions", "{", Authorization="Bearer hidden")
        service.get("/v1/decisions?customer_id=7654321")
        service.process.send_signal(10)
        service.get("/readyz")
        assert service.stop() == 0
        logged = [line for line in lines(service) if line["endpoint"] not in ("health", "ready")]
        assert [(line["endpoint"], line["status"]) for line in logged] == [
            ("decide", 200),
            ("decide", 400),
            ("list_decisions", 200),
        ]
        assert logged[0]["transaction_id"] == 10_000_002
        assert logged[0]["decision"] in ("approve", "challenge", "decline")
        assert logged[0]["request_bytes"] > 50 and logged[0]["seconds"] > 0
        text = "".join(service.lines)
        assert not any(word in text for word in ("1234567", "7654321", "hidden", "amount"))
