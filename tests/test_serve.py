"""`weir serve` over REST: answers, errors, idempotency, start and stop."""

import json
import re
import socket
import time
from pathlib import Path

import pytest
from conftest import Run
from journal_file import read_journal
from service import Service, full_disk, payment, payments


@pytest.fixture(scope="module")
def service(bundle: Path, lake: Path, tmp_path_factory: pytest.TempPathFactory):
    """One service for the tests that only ask."""
    journal = tmp_path_factory.mktemp("serve") / "journal"
    with Service(bundle, journal, "--history", lake) as started:
        yield started.wait_ready()


def test_its_state_is_on_huge_pages(service: Service) -> None:
    offered = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not offered.exists() or "[madvise]" not in offered.read_text():
        pytest.skip("this system gives huge pages to all or to none")
    process = Path(f"/proc/{service.process.pid}")
    # hg: the allocator's memory is marked for them.
    assert re.search(r"^VmFlags:.* hg\b", (process / "smaps").read_text(), re.MULTILINE)


def test_a_payment_gets_a_decision(service: Service) -> None:
    sent = payment(1)
    answer = service.post("/v1/decisions", sent)
    assert answer.status == 200
    decision = answer.json
    assert decision["transaction_id"] == sent["transaction_id"]
    assert decision["decision"] in ("approve", "challenge", "decline")
    assert 0 <= decision["fraud_probability"] <= 1
    assert decision["arm"] == "champion"
    assert float(answer.headers["Server-Timing"].split("dur=")[1]) < 1000
    stored = service.get(f"/v1/decisions/{sent['transaction_id']}").json
    assert stored["payment"]["amount"] == sent["amount"]
    assert {key: stored[key] for key in decision} == decision


def test_the_same_payment_again_gets_the_same_bytes(service: Service) -> None:
    sent = payment(2)
    first = service.post("/v1/decisions", sent)
    again = service.post("/v1/decisions", {**sent, "amount": float(str(sent["amount"]))})
    assert (again.status, again.text) == (200, first.text)


def test_other_content_under_a_known_id_is_a_conflict(service: Service) -> None:
    sent = payment(3)
    first = service.post("/v1/decisions", sent)
    answer = service.post("/v1/decisions", {**sent, "amount": "0.01"})
    assert answer.status == 409
    assert answer.json["type"] == "/problems/duplicate_id"
    assert str(first.json["position"]) in answer.json["detail"]
    assert service.post("/v1/decisions", sent).text == first.text


def test_amounts_are_read_exactly(service: Service) -> None:
    for number, amount, shown in [
        (10, "0.07", "0.07"),
        (11, 1.1, "1.10"),
        (12, "99999999999.99", "99999999999.99"),
        (13, 0, "0.00"),
    ]:
        sent = payment(number, amount=amount)
        assert service.post("/v1/decisions", sent).status == 200
        stored = service.get(f"/v1/decisions/{sent['transaction_id']}").json
        assert stored["payment"]["amount"] == shown


@pytest.mark.parametrize(
    ("changes", "status", "rule", "field"),
    [
        ({"amount": "-1"}, 422, "amount_invalid", "amount"),
        ({"amount": "1.001"}, 422, "amount_invalid", "amount"),
        ({"terminal_id": "Err"}, 422, "terminal_not_a_number", "terminal_id"),
        ({"customer_id": -999999}, 422, "customer_invalid", "customer_id"),
        ({"event_time": "yesterday"}, 422, "time_invalid", "event_time"),
        ({"event_time": "2099-01-01T00:00:00Z"}, 422, "time_in_future", "event_time"),
        ({"transaction_id": None}, 422, "field_count", "transaction_id"),
    ],
)
def test_a_bad_field_is_named(
    service: Service, changes: dict[str, object], status: int, rule: str, field: str
) -> None:
    answer = service.post("/v1/decisions", payment(20, **changes))
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json
    assert (problem["type"], problem["field"]) == (f"/problems/{rule}", field)
    assert problem["status"] == status and len(problem["detail"]) > 10


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"a":', "\x00", '"text"'])
def test_a_body_that_is_no_payment_is_refused(service: Service, body: str) -> None:
    answer = service.post("/v1/decisions", body)
    assert answer.status == 400
    assert "JSON" in answer.json["detail"] or "payment" in answer.json["detail"]


def test_unknown_fields_are_ignored(service: Service) -> None:
    assert service.post("/v1/decisions", payment(30, colour="red", list=[1, {}])).status == 200


def test_a_batch_answers_each_payment_on_its_own(service: Service) -> None:
    good = list(payments(100, 3))
    batch = [good[0], {"transaction_id": 1}, good[1], good[0], {**good[1], "amount": "5.55"}]
    answer = service.post("/v1/decisions/batch", batch)
    assert answer.status == 200
    results = answer.json["results"]
    assert [result.get("status", 200) for result in results] == [200, 422, 200, 200, 409]
    assert results[3] == results[0]
    assert service.post("/v1/decisions", good[0]).json == results[0]


def test_a_batch_has_a_limit(service: Service) -> None:
    assert (
        len(service.post("/v1/decisions/batch", list(payments(200, 1000))).json["results"]) == 1000
    )
    assert service.post("/v1/decisions/batch", list(payments(2000, 1001))).status == 400
    assert service.post("/v1/decisions/batch", {"payments": []}).status == 400
    assert service.post("/v1/decisions/batch", []).json == {"results": []}


def test_feedback_is_recorded_once(service: Service) -> None:
    sent = payment(40)
    service.post("/v1/decisions", sent)
    body = {"transaction_id": sent["transaction_id"], "outcome": "fraud", "source": "chargeback"}
    first = service.post("/v1/feedback", body)
    assert first.status == 200
    assert service.post("/v1/feedback", body).text == first.text
    corrected = service.post("/v1/feedback", {**body, "outcome": "genuine"})
    assert corrected.json["position"] > first.json["position"]
    stored = service.get(f"/v1/decisions/{sent['transaction_id']}").json
    assert [entry["outcome"] for entry in stored["feedback"]] == ["fraud", "genuine"]


def test_feedback_of_a_known_time_cannot_change(service: Service) -> None:
    sent = payment(41)
    service.post("/v1/decisions", sent)
    body = {
        "transaction_id": sent["transaction_id"],
        "outcome": "fraud",
        "source": "chargeback",
        "known_at": sent["event_time"],
    }
    first = service.post("/v1/feedback", body)
    assert service.post("/v1/feedback", body).text == first.text
    assert service.post("/v1/feedback", {**body, "outcome": "genuine"}).status == 409


def test_feedback_cannot_be_older_than_its_payment_or_from_the_future(service: Service) -> None:
    sent = payment(42)
    service.post("/v1/decisions", sent)
    body = {"transaction_id": sent["transaction_id"], "outcome": "fraud", "source": "analyst"}
    for known_at, words in (
        ("2001-01-01T00:00:00Z", "before the payment"),
        ("2099-01-01T00:00:00Z", "in the future"),
    ):
        answer = service.post("/v1/feedback", {**body, "known_at": known_at})
        assert (answer.status, answer.json["field"]) == (422, "known_at")
        assert words in answer.json["detail"]
    assert service.get(f"/v1/decisions/{sent['transaction_id']}").json["feedback"] == []


def test_feedback_on_a_stranger_needs_the_payment(service: Service) -> None:
    body = {"transaction_id": 77, "outcome": "fraud", "source": "analyst", "note": "called"}
    answer = service.post("/v1/feedback", body)
    assert (answer.status, answer.json["field"]) == (404, "transaction_id")
    assert service.post("/v1/feedback", {**payment(0, transaction_id=77), **body}).status == 200
    assert service.post("/v1/feedback", {**body, "outcome": "perhaps"}).json["field"] == "outcome"
    assert service.post("/v1/feedback", "[1]").status == 400


def test_endpoints_say_what_they_take(service: Service) -> None:
    assert service.get("/v1/nothing").status == 404
    wrong = service.call("PUT", "/v1/decisions")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "POST, GET")
    assert service.get("/v1/decisions/abc").status == 422
    assert service.get("/v1/decisions/123456789").status == 404
    text = service.call("POST", "/v1/decisions", "{}", {"Content-Type": "text/plain"})
    assert text.status == 415
    assert service.get("/healthz").json == {"ok": True}
    assert service.get("/readyz").json == {"ready": True}
    assert len(service.get("/v1/model").json["champion"]["version"]) == 16


def test_pipelined_garbage_ends_its_connection_only(service: Service) -> None:
    good = json.dumps(payment(50))
    head = (
        "POST /v1/decisions HTTP/1.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(good)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as client:
        client.sendall((head + good).encode() * 2 + b"\x00\xff garbage\r\n\r\n" + head.encode())
        got = b""
        while part := client.recv(65536):
            got += part
    assert got.count(b"HTTP/1.1 200") == 2
    assert got.count(b"HTTP/1.1 400") == 1
    assert service.get("/healthz").status == 200


def test_many_idle_connections_do_no_harm(service: Service) -> None:
    clients = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(900)]
    try:
        assert service.post("/v1/decisions", payment(60)).status == 200
    finally:
        for client in clients:
            client.close()


def test_what_was_answered_is_there_after_a_restart(
    bundle: Path, lake: Path, tmp_path: Path
) -> None:
    sent = list(payments(0, 50))
    with Service(bundle, tmp_path / "journal", "--history", lake) as first:
        first.wait_ready()
        answers = [first.post("/v1/decisions", one).text for one in sent]
        assert first.stop() == 0
        assert any("stopped at position" in line for line in first.lines)
    with Service(bundle, tmp_path / "journal") as second:
        second.wait_ready()
        assert [second.post("/v1/decisions", one).text for one in sent] == answers


def test_a_damaged_snapshot_falls_back_to_an_older_one(bundle: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    answers = {}
    for start in (0, 20):
        with Service(bundle, journal) as service:
            service.wait_ready()
            for one in payments(start, 20):
                answers[one["transaction_id"]] = (one, service.post("/v1/decisions", one).text)
            service.stop()
    newest, older = sorted(journal.glob("*/snapshot-*.state"), reverse=True)
    newest.write_bytes(newest.read_bytes()[:-100])
    with Service(bundle, journal) as service:
        service.wait_ready()
        assert any("is set aside" in line for line in service.lines), service.lines
        for one, text in answers.values():
            assert service.post("/v1/decisions", one).text == text
    older.unlink(missing_ok=True)


def test_a_journal_without_its_beginning_is_refused(
    weir: Run, bundle: Path, lake: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    with Service(bundle, journal, "--history", lake) as service:
        service.wait_ready().post("/v1/decisions", payment(1))
        service.stop()
    for snapshot in journal.glob("*/snapshot-*"):
        snapshot.unlink()
    done = weir("serve", bundle, "--journal", journal, "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert "--history" in done.stderr
    with Service(bundle, journal, "--history", lake) as service:
        service.wait_ready()
        assert service.get("/v1/decisions/10000001").status == 200


def test_two_services_do_not_share_a_journal(weir: Run, bundle: Path, tmp_path: Path) -> None:
    with Service(bundle, tmp_path / "journal") as service:
        service.wait_ready()
        done = weir("serve", bundle, "--journal", tmp_path / "journal", "--listen", "127.0.0.1:0")
        assert done.returncode == 1
        assert "another weir serve" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--listen", "0.0.0.0:0"], "--keys"),
        (["--listen", "nowhere"], "127.0.0.1:8080"),
        (["--durability", "perhaps"], "power cut"),
        (["--tls-key", "x"], "--tls-certificate"),
    ],
)
def test_a_wrong_flag_is_named(
    weir: Run, bundle: Path, tmp_path: Path, arguments: list[str], text: str
) -> None:
    done = weir("serve", bundle, "--journal", tmp_path / "journal", *arguments)
    assert done.returncode == 2
    assert text in done.stderr


def test_a_full_disk_is_told_and_survived(bundle: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with Service(bundle, journal) as service:
        service.wait_ready()
        before = payment(1)
        text = service.post("/v1/decisions", before).text
        with full_disk(service):
            for number in (2, 2, 3):
                sent = payment(number, event_time=before["event_time"])
                answer = service.post("/v1/decisions", sent)
                assert answer.status == 503
                assert answer.headers["Retry-After"] == "1"
            assert service.get("/readyz").status == 503
            assert service.post("/v1/decisions", before).status == 503
        end = time.monotonic() + 10
        while service.get("/readyz").status != 200 and time.monotonic() < end:
            time.sleep(0.05)
        again = service.post("/v1/decisions", payment(2, event_time=before["event_time"]))
        assert again.status == 200
        assert service.post("/v1/decisions", before).text == text
        assert service.stop() == 0
    assert [entry["position"] for entry in read_journal(journal)] == [0, 1]
