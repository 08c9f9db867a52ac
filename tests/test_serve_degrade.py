"""The degrade ladder of `weir serve`: each rung is reached, marked, counted and left again."""

import time
from pathlib import Path

import pytest
from conftest import Run
from service import Answer, Service, full_disk, payment

RULES = ("--on-full-disk", "rules", "--rules-challenge-over", 100, "--rules-decline-over", 200)
WAITING = "weir_journal_unrecorded_payments"


def wait_until_taken(service: Service) -> None:
    end = time.monotonic() + 20
    while service.metrics()[WAITING] > 0 or service.metrics()["weir_journal_stuck"] > 0:
        assert time.monotonic() < end, "what waited was not recorded"
        time.sleep(0.05)


def decide(service: Service, sent: dict[str, object]) -> Answer:
    return service.post("/v1/decisions", sent)


@pytest.mark.parametrize("durability", ["os", "full"])
def test_rules_answer_while_the_journal_is_full_and_all_is_recorded_after(
    succeed: Run, bundle: Path, tmp_path: Path, durability: str
) -> None:
    journal = tmp_path / "journal"
    small, middle, large = (
        payment(number, amount=amount) for number, amount in ((2, "99"), (3, "100.01"), (4, 250))
    )
    with Service(bundle, journal, "--durability", durability, *RULES) as service:
        service.wait_ready()
        zero, before = payment(0), payment(1)
        text = decide(service, before).text
        with full_disk(service):
            # The first one is applied before the journal refuses it: nothing is told of it.
            assert decide(service, zero).status == 503
            told = [decide(service, one) for one in (small, middle, large)]
            assert [one.status for one in told] == [200, 200, 200]
            assert [one.json["decision"] for one in told] == ["approve", "challenge", "decline"]
            for one in told:
                assert one.json["degraded"] == ["rules", "not_recorded"]
                assert set(one.json) == {"transaction_id", "decision", "degraded"}
            assert decide(service, middle).text == told[1].text
            other = decide(service, {**middle, "amount": "5"})
            assert (other.status, other.json["type"]) == (409, "/problems/duplicate_id")
            assert decide(service, before).text == text
            applied = decide(service, zero).json
            assert applied["degraded"] == ["not_recorded"]
            batch = service.post("/v1/decisions/batch", [small, payment(5, amount="-1")]).json
            assert batch["results"][0] == told[0].json
            assert batch["results"][1]["status"] == 422
            outcome = {"transaction_id": 10_000_001, "outcome": "fraud", "source": "analyst"}
            assert service.post("/v1/feedback", outcome).status == 503
            assert service.get("/readyz").status == 200
            series = service.metrics()
            assert series["weir_ready"] == 1
            assert series["weir_journal_stuck"] == 1
            assert series['weir_degraded_total{rung="rules"}'] == 3
            assert series[WAITING] == 3
        wait_until_taken(service)
        assert service.post("/v1/feedback", outcome).status == 200
        recorded = [decide(service, one).json for one in (small, middle, large)]
        assert [one["position"] for one in recorded] == [2, 3, 4]
        for now, then in zip(recorded, told, strict=True):
            assert now["decision"] == then.json["decision"]
            assert now["degraded"] == ["rules"]
            assert now["reasons"] == []
        assert decide(service, zero).json["decision"] == applied["decision"]
        assert "degraded" not in decide(service, payment(6)).json
        assert service.stop() == 0
    with Service(bundle, journal) as service:
        service.wait_ready()
        assert service.metrics()["weir_replay_mismatches_total"] == 0
        assert [decide(service, one).json for one in (small, middle, large)] == recorded
        service.kill()
    succeed("verify", journal, bundle)


def test_the_queue_of_the_rules_has_an_end(bundle: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with Service(bundle, journal, *RULES, "--rules-queue", 2) as service:
        service.wait_ready()
        decide(service, payment(1))
        with full_disk(service):
            assert decide(service, payment(2)).status == 503
            assert decide(service, payment(3)).status == 200
            assert service.get("/readyz").status == 200
            fourth = payment(4)
            assert decide(service, fourth).status == 200
            refused = decide(service, payment(5))
            assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
            assert service.get("/readyz").status == 503
            assert decide(service, fourth).status == 200
        wait_until_taken(service)
        assert decide(service, payment(5)).json["position"] == 4


def test_what_could_not_be_recorded_is_told_at_the_end(bundle: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with Service(bundle, journal, *RULES) as service:
        service.wait_ready()
        decide(service, payment(1))
        with full_disk(service):
            decide(service, payment(2))
            decide(service, payment(3))
            assert service.stop() == 1
        assert "1 payments that were answered by rules are not recorded" in service.lines[-1]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--on-full-disk", "guess"], "stop or rules"),
        (["--on-full-disk", "rules"], "--rules-challenge-over"),
        (["--rules-decline-over", "5"], "--on-full-disk rules"),
        ([*RULES, "--rules-decline-over", "50"], "not below"),
        (["--reasons-share", "2"], "--reasons-share"),
    ],
)
def test_rules_that_make_no_sense_are_refused(
    weir: Run, bundle: Path, tmp_path: Path, arguments: list[str], text: str
) -> None:
    done = weir("serve", bundle, "--journal", tmp_path / "journal", *map(str, arguments))
    assert done.returncode == 2
    assert text in done.stderr


def test_reasons_are_left_out_where_they_take_too_long(
    succeed: Run, features: Path, tmp_path: Path
) -> None:
    """With no time for reasons at all the first answer runs up the debt of those after it."""
    strict = tmp_path / "strict"
    rates = ("--false-positive-rate", 0.9, "--decline-rate", 0.8)
    succeed("train", features, "--rounds", 3, *rates, "--out", strict)
    with Service(strict, tmp_path / "journal", "--reasons-share", 0) as service:
        service.wait_ready()
        answers = (decide(service, payment(number)).json for number in range(40))
        first, *others = (one for one in answers if one["decision"] != "approve")
        assert len(others) > 3
        assert first["reasons"] != [] and "degraded" not in first
        for one in others:
            assert (one["reasons"], one["degraded"]) == ([], ["no_reasons"])
        assert service.metrics()['weir_degraded_total{rung="no_reasons"}'] == len(others)
