"""What surrounds the answers of `weir serve`: metrics, keys, TLS, slow clients."""

import hashlib
import json
import math
import re
import socket
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from conftest import ROOT, Run
from service import Service, payment, payments


def test_metrics_tell_what_happened(bundle: Path, tmp_path: Path) -> None:
    with Service(bundle, tmp_path / "journal") as service:
        service.wait_ready()
        sent = payment(1, colour="red", amount="100.00")
        decision = service.post("/v1/decisions", sent).json
        service.post("/v1/decisions", sent)
        service.post("/v1/decisions", {**sent, "amount": "1"})
        service.post("/v1/decisions", payment(2, amount="-1"))
        service.post("/v1/decisions/batch", list(payments(100, 10)))
        service.post(
            "/v1/feedback",
            {"transaction_id": sent["transaction_id"], "outcome": "fraud", "source": "chargeback"},
        )
        seen = service.metrics()
        version = service.get("/v1/model").json["champion"]["version"]
        action = decision["decision"]
        name = f'weir_decisions_total{{action="{action}",arm="champion",model="{version}"}}'
        assert seen[name] >= 1
        assert sum(v for k, v in seen.items() if k.startswith("weir_decisions_total")) == 11
        assert seen['weir_http_requests_total{endpoint="decide",status="200"}'] == 2
        assert seen['weir_http_requests_total{endpoint="decide",status="409"}'] == 1
        assert seen['weir_payments_rejected_total{rule="amount_invalid"}'] == 1
        assert seen['weir_payments_rejected_total{rule="duplicate_id"}'] == 1
        assert seen["weir_payments_repeated_total"] == 1
        assert seen["weir_unknown_fields_total"] == 3
        assert seen['weir_feedback_total{source="chargeback",outcome="fraud"}'] == 1
        confirmed = 10_000 if action == "approve" else 0
        assert seen["weir_damage_confirmed_minor_total"] == confirmed
        assert seen['weir_damage_month_minor{kind="confirmed"}'] == confirmed
        assert seen["weir_journal_records_total"] == 12
        assert seen["weir_log_position"] == 12
        assert seen["weir_ready"] == 1


def test_every_served_family_is_in_the_catalogue(bundle: Path, tmp_path: Path) -> None:
    reference = (ROOT / "docs/reference/metrics.md").read_text()
    known = set(re.findall(r"^\| `(\w+)`", reference, re.M))
    with Service(bundle, tmp_path / "journal") as service:
        service.wait_ready().post("/v1/decisions", payment(1))
        series = service.metrics()
        url = f"http://127.0.0.1:{service.metrics_port}/metrics"
        request = urllib.request.Request(url, headers={"Accept": "application/openmetrics-text"})
        with urllib.request.urlopen(request) as page:
            assert page.headers["Content-Type"].startswith("application/openmetrics-text")
            assert page.read().endswith(b"# EOF\n")
    names = {re.sub(r"\{.*", "", name) for name in series}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}
    assert families - known == set()
    absent = {name for name in known - families if not name.startswith("weir_stream_")}
    assert len(absent) <= 8, absent  # Those of weir stream are not the service's.
    assert sum("_bucket" not in name for name in series) <= 300


def test_drift_of_each_input_is_told(bundle: Path, tmp_path: Path) -> None:
    """10,000 payments of one amount: its stability index against the bundle's reference."""
    with Service(bundle, tmp_path / "journal") as service:
        names = service.wait_ready().get("/v1/model").json["champion"]["features"]
        inputs = {name: f'weir_input_drift_psi{{input="{name}"}}' for name in names}
        before = service.metrics()
        assert {before[name] for name in inputs.values()} == {0}
        for first in range(0, 10_000, 1000):
            batch = [{**sent, "amount": "9000.00"} for sent in payments(first, 1000)]
            answers = service.post("/v1/decisions/batch", batch).json["results"]
            assert all("decision" in answer for answer in answers)
        seen = service.metrics()
    reference = json.loads((bundle / "reference.json").read_text())
    assert [column["name"] for column in reference["inputs"]] == names
    assert all(len(column["rows"]) == len(column["edges"]) + 1 for column in reference["inputs"])
    column = next(column for column in reference["inputs"] if column["name"] == "amount")
    assert column["edges"][-1] < 9000
    shares = [max(1e-4, rows / sum(column["rows"])) for rows in column["rows"]]
    now = [1e-4] * (len(shares) - 1) + [1.0]
    psi = sum((b - a) * math.log(b / a) for a, b in zip(shares, now, strict=True))
    assert seen[inputs["amount"]] == pytest.approx(psi, rel=1e-6)
    assert psi > 0.25
    assert seen["weir_score_drift_psi"] > 0


ROLES = {"gateway-key": "scorer", "chargeback-key": "feedback", "analyst-key": "analyst"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of keys, hashed."""
    file = tmp_path_factory.mktemp("keys") / "keys"
    lines = [
        f"{role} {role} {hashlib.sha256(key.encode()).hexdigest()}" for key, role in ROLES.items()
    ]
    file.write_text("# name roles sha256\n" + "\n".join(lines))
    return file


def test_a_key_opens_what_its_roles_may(bundle: Path, keys: Path, tmp_path: Path) -> None:
    with Service(bundle, tmp_path / "journal", "--keys", keys) as service:
        service.wait_ready()
        sent = payment(1)
        nobody = service.post("/v1/decisions", sent)
        assert (nobody.status, nobody.headers["WWW-Authenticate"]) == (401, "Bearer")
        wrong = service.post("/v1/decisions", sent, Authorization="Bearer gateway-kez")
        assert wrong.status == 401
        analyst = {"Authorization": "Bearer analyst-key"}
        assert service.post("/v1/decisions", sent, **analyst).status == 403
        assert service.metrics()["weir_log_position"] == 0
        gateway = {"Authorization": "Bearer gateway-key"}
        assert service.post("/v1/decisions", sent, **gateway).status == 200
        path = f"/v1/decisions/{sent['transaction_id']}"
        assert service.get(path, **analyst).status == 200
        assert service.get(path, Authorization="Bearer chargeback-key").status == 403
        assert service.get("/healthz").status == 200
        service.stop()
        assert not any("key" in line and "gateway-" in line for line in service.lines)


def make_certificates(folder: Path) -> None:
    """An authority, and a server, a client and a lapsed client that it signed."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(*new, "-x509", "-days", "2", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    for name, days in (("server", "2"), ("client", "2"), ("lapsed", "0")):
        openssl(*new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        sign = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{name}.csr", *sign, "-days", days, "-out", f"{name}.pem")


def https_status(port: int, folder: Path, client: str | None) -> int:
    """The status of /healthz over TLS."""
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    if client is not None:
        context.load_cert_chain(folder / f"{client}.pem", folder / f"{client}.key")
    url = f"https://127.0.0.1:{port}/healthz"
    with urllib.request.urlopen(url, context=context, timeout=10) as answer:
        return int(answer.status)


def test_tls_with_and_without_client_certificates(bundle: Path, tmp_path: Path) -> None:
    make_certificates(tmp_path)
    tls = ["--tls-certificate", tmp_path / "server.pem", "--tls-key", tmp_path / "server.key"]
    with Service(bundle, tmp_path / "one", *tls) as service:
        service.wait_ready()
        assert https_status(service.port, tmp_path, None) == 200
    time.sleep(1.1)  # The lapsed certificate is then over.
    with Service(bundle, tmp_path / "two", *tls, "--tls-client-ca", tmp_path / "ca.pem") as service:
        service.wait_ready()
        assert https_status(service.port, tmp_path, "client") == 200
        for refused in (None, "lapsed"):
            with pytest.raises(OSError):
                https_status(service.port, tmp_path, refused)
        assert https_status(service.port, tmp_path, "client") == 200


def test_a_damaged_certificate_is_named(weir: Run, bundle: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    done = weir(
        *("serve", bundle, "--journal", tmp_path / "journal"),
        *("--tls-certificate", bad, "--tls-key", bad),
    )
    assert done.returncode == 1
    assert "bad.pem" in done.stderr


def test_a_slow_client_is_cut_and_an_oversized_body_refused(bundle: Path, tmp_path: Path) -> None:
    arguments = ["--request-timeout-ms", 300, "--max-body-bytes", 2000]
    with Service(bundle, tmp_path / "journal", *arguments) as service:
        service.wait_ready()
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as slow:
            slow.sendall(b"POST /v1/decisions HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
            assert slow.recv(1000) == b""
        assert service.post("/v1/decisions", " " * 3000).status == 413
        service.connection = None
        assert service.metrics()["weir_http_timeouts_total"] >= 1
        assert service.metrics()["weir_log_position"] == 0


def test_a_supervisor_is_told(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(path))
        supervisor.settimeout(20)
        with Service(bundle, tmp_path / "journal", NOTIFY_SOCKET=str(path)) as service:
            assert supervisor.recv(100) == b"READY=1"
            assert service.stop() == 0
            assert supervisor.recv(100) == b"STOPPING=1"
