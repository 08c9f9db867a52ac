"""`weir verify`: a journal executed again, and one that somebody has changed."""

import json
from pathlib import Path

import pytest
from conftest import Run
from journal_file import PAYMENT, read_journal, set_probability
from service import Service, payments


@pytest.fixture(scope="module")
def journal(bundle: Path, lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal with a history before it, payments and feedback in it."""
    folder = tmp_path_factory.mktemp("verify") / "journal"
    with Service(bundle, folder, "--history", lake) as service:
        service.wait_ready()
        sent = list(payments(0, 200))
        service.post("/v1/decisions/batch", sent[:100])
        for one in sent[:10]:
            body = {"transaction_id": one["transaction_id"], "outcome": "fraud"}
            service.post("/v1/feedback", {**body, "source": "chargeback"})
        service.post("/v1/decisions/batch", sent[100:])
        service.stop()
    return folder


def test_a_journal_is_decided_again_to_the_bit(
    succeed: Run, bundle: Path, lake: Path, journal: Path
) -> None:
    done = succeed("verify", journal, bundle, "--history", lake, "--json")
    result = json.loads(done.stdout)
    assert result["entries"] == 210
    assert (result["decisions"], result["different"]) == (200, 0)


def test_the_history_must_be_the_one_it_was_served_with(
    weir: Run, bundle: Path, journal: Path
) -> None:
    done = weir("verify", journal, bundle)
    assert done.returncode == 1
    assert "--history" in done.stderr


def test_a_changed_entry_is_found(weir: Run, bundle: Path, lake: Path, journal: Path) -> None:
    entry = [one for one in read_journal(journal) if one["kind"] == PAYMENT][50]
    set_probability(journal, entry["position"], entry["probability"] + 1e-12)
    try:
        done = weir("verify", journal, bundle, "--history", lake)
        assert done.returncode == 1
        assert "1 of 200 decisions differ" in done.stderr
        assert "recorded probability" in done.stdout
    finally:
        before = set_probability(journal, entry["position"], entry["probability"])
        assert before == entry["probability"] + 1e-12
