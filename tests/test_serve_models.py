"""Models in the service: replaced while it answers, refused when bad, a challenger beside."""

import itertools
import json
import shutil
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Run
from journal_file import read_journal
from service import Service, payment, payments


@pytest.fixture(scope="module")
def other_bundle(succeed: Run, features: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another model of the same features."""
    out = tmp_path_factory.mktemp("other") / "bundle"
    succeed("train", features, "--rounds", 10, "--out", out)
    return out


@pytest.fixture
def folder(bundle: Path, tmp_path: Path) -> Path:
    """A bundle folder that can be replaced."""
    return shutil.copytree(bundle, tmp_path / "champion")


WRITTEN = 'weir_snapshots_total{result="written"}'


def replace(folder: Path, by: Path) -> None:
    """Put another bundle in its place, as a deployment does: aside, then renamed."""
    shutil.copytree(by, folder.with_name("incoming"))
    folder.rename(folder.with_name("outgoing"))
    folder.with_name("incoming").rename(folder)
    shutil.rmtree(folder.with_name("outgoing"))


def version(bundle: Path) -> str:
    return str(json.loads((bundle / "model.json").read_text())["version"])


def wait(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, f"no {what} within a minute"
        time.sleep(0.05)


def champion(service: Service) -> dict:
    return service.get("/v1/model").json["champion"]


def test_a_new_champion_takes_over_between_two_payments(
    succeed: Run, bundle: Path, other_bundle: Path, folder: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    with Service(folder, journal) as service:
        service.wait_ready()
        answers: list[dict] = []
        done = threading.Event()

        def keep_sending() -> None:
            number = 0
            while not done.is_set():
                body = json.dumps(list(payments(number, 20))).encode()
                url = f"http://127.0.0.1:{service.port}/v1/decisions/batch"
                request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
                with urllib.request.urlopen(request, timeout=20) as answer:
                    answers.extend(json.load(answer)["results"])
                number += 20

        sender = threading.Thread(target=keep_sending)
        sender.start()
        wait(lambda: len(answers) > 500, "answers")
        for turn, (of, how) in enumerate([(other_bundle, "post"), (bundle, "signal")], 1):
            replace(folder, of)
            if how == "post":
                assert service.post("/v1/model/reload", {}).status == 202
            else:
                service.process.send_signal(signal.SIGHUP)
            wait(lambda of=of: champion(service)["version"] == version(of), "new champion")
            seen = len(answers)
            wait(lambda seen=seen: len(answers) > seen + 300, "answers after it")
            reloads = 'weir_model_reloads_total{role="champion",result="taken"}'
            assert service.metrics()[reloads] == turn
        done.set()
        sender.join()
        assert service.stop() == 0
    assert all("decision" in answer for answer in answers)
    positions = [answer["position"] for answer in answers]
    assert positions == list(range(len(answers)))
    used = [answer["model_version"] for answer in answers]
    changes = sum(one != two for one, two in itertools.pairwise(used))
    assert changes == 2, "each model decides one stretch of the log"
    # Both models decided on the state that the whole log gives.
    for of in (bundle, other_bundle):
        verified = json.loads(succeed("verify", journal, of, "--json").stdout)
        assert verified["different"] == 0
        assert verified["decisions"] == used.count(version(of)) > 0


def test_a_bad_bundle_is_refused_and_the_old_one_goes_on(
    bundle: Path, other_bundle: Path, folder: Path, tmp_path: Path
) -> None:
    with Service(folder, tmp_path / "journal", "--model-poll", "1s") as service:
        service.wait_ready()
        forest = (other_bundle / "forest.ubj").read_bytes()
        damaged = shutil.copytree(other_bundle, tmp_path / "damaged")
        (damaged / "forest.ubj").write_bytes(forest[:-1] + bytes([forest[-1] ^ 1]))
        replace(folder, damaged)
        wait(lambda: "fault" in champion(service)["reload"], "refusal")
        refused = champion(service)
        assert refused["version"] == version(bundle)
        assert "forest.ubj" in refused["reload"]["fault"]
        assert service.metrics()['weir_model_reloads_total{role="champion",result="refused"}'] == 1
        assert service.post("/v1/decisions", payment(1)).json["model_version"] == version(bundle)
        # The poll finds the sound one by itself.
        replace(folder, other_bundle)
        wait(lambda: champion(service)["version"] == version(other_bundle), "new champion")
        assert "fault" not in champion(service)["reload"]
        assert service.post("/v1/decisions", payment(2)).json["model_version"] == version(
            other_bundle
        )


@pytest.fixture
def shadowed(bundle: Path, other_bundle: Path, tmp_path: Path) -> Iterator[Service]:
    """A service whose challenger is asked and decides nothing."""
    with Service(bundle, tmp_path / "journal", "--challenger", other_bundle) as service:
        service.wait_ready()
        wait(lambda: service.get("/v1/model").json["challenger"] is not None, "challenger")
        yield service


def test_a_shadow_is_asked_and_decides_nothing(
    succeed: Run, shadowed: Service, bundle: Path, other_bundle: Path, tmp_path: Path
) -> None:
    answer = shadowed.post("/v1/decisions/batch", list(payments(0, 800))).json["results"]
    assert {one["model_version"] for one in answer} == {version(bundle)}
    assert {one["arm"] for one in answer} == {"champion"}
    challenger = shadowed.get("/v1/model").json["challenger"]
    assert challenger["mode"] == "shadow"
    assert sum(challenger["would_have_decided"].values()) == 800
    explained = shadowed.get(f"/v1/explanations/{answer[0]['transaction_id']}").json
    assert explained["other_model"]["model_version"] == version(other_bundle)
    assert shadowed.stop() == 0
    # What the shadow said is what it would have said alone.
    said = [
        (entry["transaction_id"], entry["shadow_probability"])
        for entry in read_journal(tmp_path / "journal")
    ]
    with Service(other_bundle, tmp_path / "alone") as alone:
        alone.wait_ready()
        again = alone.post("/v1/decisions/batch", list(payments(0, 800))).json["results"]
    assert said == [(one["transaction_id"], one["fraud_probability"]) for one in again]


def test_customers_are_split_and_a_restart_keeps_their_arms(
    succeed: Run, bundle: Path, other_bundle: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    arguments = ("--challenger", other_bundle, "--challenger-share", 0.3, "--experiment", "autumn")
    arms: dict[int, str] = {}
    for first in (0, 1500):
        with Service(bundle, journal, *arguments) as service:
            service.wait_ready()
            wait(lambda s=service: s.get("/v1/model").json["challenger"] is not None, "challenger")
            sent = list(payments(first, 1000))
            results = service.post("/v1/decisions/batch", sent).json["results"]
            for asked, got in zip(sent, results, strict=True):
                arm = arms.setdefault(int(str(asked["customer_id"])), got["arm"])
                assert got["arm"] == arm
                of = other_bundle if arm == "challenger" else bundle
                assert got["model_version"] == version(of)
                assert "degraded" not in got
            series = service.metrics()
            assert series['weir_arm_payments_total{arm="challenger"}'] > 200
            told = {"transaction_id": results[0]["transaction_id"], "outcome": "fraud"}
            assert service.post("/v1/feedback", {**told, "source": "chargeback"}).status == 200
            service.kill()
    share = sum(arm == "challenger" for arm in arms.values()) / len(arms)
    assert 0.25 < share < 0.35
    for of in (bundle, other_bundle):
        verified = json.loads(succeed("verify", journal, of, "--json").stdout)
        assert verified["different"] == 0
        assert verified["decisions"] > 400


def test_a_challenger_that_cannot_be_read_leaves_the_champion_alone(
    bundle: Path, tmp_path: Path
) -> None:
    missing = tmp_path / "nothing"
    arguments = ("--challenger", missing, "--challenger-share", 1)
    with Service(bundle, tmp_path / "journal", *arguments) as service:
        service.wait_ready()
        wait(lambda: "fault" in service.get("/v1/model").json["challenger_reload"], "refusal")
        answer = service.post("/v1/decisions", payment(1)).json
        assert (answer["arm"], answer["degraded"]) == ("champion", ["no_challenger"])
        assert service.metrics()['weir_degraded_total{rung="no_challenger"}'] == 1


def test_the_month_survives_a_restart(bundle: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    months = []
    for first in (0, 500):
        with Service(bundle, journal, "--snapshot-every", "1s") as service:
            service.wait_ready()
            service.post("/v1/decisions/batch", list(payments(first, 500)))
            wait(lambda s=service: s.metrics()[WRITTEN] > 0, "snapshot")
            service.post("/v1/decisions/batch", list(payments(first + 2000, 100)))
            told = {"transaction_id": 10_000_000 + first, "outcome": "fraud"}
            service.post("/v1/feedback", {**told, "source": "chargeback"})
            months.append(service.get("/v1/summary").json["month"])
            service.kill()
    with Service(bundle, journal) as service:
        service.wait_ready()
        restored = service.get("/v1/summary").json["month"]
    assert restored["payments"] == 1200
    assert restored["payments"] == months[1]["payments"] == 2 * months[0]["payments"]
    for name in ("expected_damage", "confirmed_damage"):
        assert float(restored[name]) == pytest.approx(float(months[1][name]), abs=0.02)
