"""The OpenAPI document and the reference page of REST against the running service."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from service import Service, payment

# Of each operation.
EXAMPLES = os.environ.get("WEIR_EXAMPLES", "20")
COMMANDS = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/reference/rest.md").read_text(), re.S)


@pytest.fixture(scope="module")
def service(bundle: Path, tmp_path_factory: pytest.TempPathFactory):
    """One service without a history."""
    with Service(bundle, tmp_path_factory.mktemp("openapi") / "journal") as started:
        yield started.wait_ready()


def test_every_request_of_the_page_works(service: Service) -> None:
    script = "\n".join(COMMANDS).replace("127.0.0.1:8080", f"127.0.0.1:{service.port}")
    requests = re.split(r"(?m)^(?=curl )", script)
    requests = [request for request in requests if request.strip()]
    assert len(requests) >= 10
    for request in requests:
        command = request.replace("curl -s", "curl -sS --fail-with-body", 1)
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
        assert done.returncode == 0, request + done.stdout + done.stderr
        assert isinstance(json.loads(done.stdout), dict)


def test_every_described_endpoint_exists(service: Service) -> None:
    document = service.get("/openapi.json").json
    assert document["openapi"].startswith("3.1")
    known = payment(1)
    service.post("/v1/decisions", known)
    page = (ROOT / "docs/reference/rest.md").read_text()
    for path, methods in document["paths"].items():
        assert path in page or path == "/", f"{path} is not in docs/reference/rest.md"
        for method in methods:
            real = path.replace("{transaction_id}", str(known["transaction_id"]))
            answer = service.call(method.upper(), real, "{}" if method == "post" else None)
            expected = (202, 400, 422) if method == "post" else (200,)
            assert answer.status in expected, (method, path, answer.text)
            assert service.call("DELETE", real).status == 405


def test_a_decision_has_every_field_that_the_document_requires(service: Service) -> None:
    schema = service.get("/openapi.json").json["components"]["schemas"]["decision"]
    decision = service.post("/v1/decisions", payment(2)).json
    assert set(schema["required"]) <= set(decision) <= set(schema["properties"])


def test_lists_and_explanations(service: Service) -> None:
    sent = payment(3, customer_id=1234, amount="77.00")
    service.post("/v1/decisions", sent)
    listed = service.get("/v1/decisions?customer_id=1234").json["decisions"]
    assert [one["transaction_id"] for one in listed] == [sent["transaction_id"]]
    assert service.get("/v1/decisions?limit=-1").status == 422
    explained = service.get(f"/v1/explanations/{sent['transaction_id']}").json
    weights = sum(reason["weight"] for reason in explained["all_reasons"])
    assert weights + explained["bias"] == pytest.approx(explained["score"], abs=1e-4)
    assert explained["inputs"]["amount"] == 77
    summary = service.get("/v1/summary").json
    assert sum(summary["decisions"].values()) >= 1
    assert summary["month"]["budget"] == "500000.00"


def test_generated_requests_never_break_the_service(bundle: Path, tmp_path: Path) -> None:
    """Cases that schemathesis makes out of the document: no answer is a fault of the service."""
    pytest.importorskip("schemathesis", reason="requirements/weir.lock is not installed")
    with Service(bundle, tmp_path / "journal") as service:
        service.wait_ready()
        base = f"http://127.0.0.1:{service.port}"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{base}/openapi.json"),
                *("--checks", "not_a_server_error", "--max-examples", EXAMPLES, "--seed", "5"),
            ],
            capture_output=True,
            text=True,
            timeout=3000,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        print(re.findall(r".*generated.*", done.stdout))
        assert service.get("/readyz").status == 200
