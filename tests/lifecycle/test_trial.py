"""A trial online: two arms of a real service, simulated customers, jobs/trial.py and follow.py."""

import csv
import datetime
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
import weir
from conftest import BINARY
from service import Service
from stack_process import ROOT
from weir import command
from weir.registry import Registry

SPECS = {
    "blind": '{ key = "payment", aggregate = "hour" }',
    "seeing": '{ key = "payment", aggregate = "amount" }',
}
CUSTOMERS, PER_DAY, DELAY = 1200, 1500, 7
FIRST_LIVE = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


def payments_of(day: datetime.datetime, first_id: int) -> list[dict[str, Any]]:
    """A day: four in a hundred are fraud, and cost more than any genuine payment."""
    chance = random.Random(first_id)
    rows = []
    for number in range(PER_DAY):
        fraud = chance.random() < 0.04
        rows.append(
            {
                "transaction_id": first_id + number,
                "event_time": day + datetime.timedelta(seconds=number * 86_000 // PER_DAY),
                "customer_id": chance.randrange(CUSTOMERS),
                "terminal_id": chance.randrange(50),
                "amount": f"{chance.uniform(300, 400) if fraud else chance.uniform(1, 200):.2f}",
                "is_fraud": int(fraud),
            }
        )
    return rows


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One model that cannot see an amount and one that sees nothing else."""
    root = tmp_path_factory.mktemp("bundles")
    os.environ["WEIR_HOME"] = str(ROOT)
    with (root / "raw.csv").open("w", newline="") as file:
        days = (FIRST_LIVE + datetime.timedelta(days=n - 40) for n in range(30))
        rows = [row for n, day in enumerate(days) for row in payments_of(day, n * PER_DAY)]
        writer = csv.DictWriter(file, ["transaction_id", *list(rows[0])[1:]])
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, "event_time": f"{row['event_time']:%Y-%m-%d %H:%M:%S}"})
    command.run("clean", root / "raw.csv", "--out", root / "lake")
    for name, inputs in SPECS.items():
        spec, table = root / f"{name}.toml", root / f"{name}.parquet"
        spec.write_text(f'name = "{name}"\ninput = [\n  {inputs},\n]\n')
        command.run("features", root / "lake", "--spec", spec, "--out", table)
        command.run("train", table, "--rounds", 20, "--out", root / name)
    return {name: root / name for name in SPECS}


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry in a file of its own, seen by the jobs too."""
    address = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    mlflow.set_tracking_uri(address)
    mlflow.create_experiment("weir", artifact_location=f"file://{tmp_path}/artifacts")
    yield Registry()
    mlflow.set_tracking_uri("")


def job(name: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Run jobs/<name>.py."""
    return subprocess.run(
        [sys.executable, ROOT / f"jobs/{name}.py", *map(str, words)],
        env={**os.environ, "WEIR_BINARY": str(BINARY)},
        capture_output=True,
        text=True,
    )


class Life:
    """Days that pass: payments, and a week after each fraud that went through its chargeback."""

    def __init__(self, service: Service) -> None:
        self.service, self.day, self.told = service, 0, {}

    def live(self, days: int) -> None:
        for _ in range(days):
            date = FIRST_LIVE + datetime.timedelta(days=self.day)
            rows = payments_of(date, 1_000_000 + self.day * PER_DAY)
            sent = [
                {
                    **{name: value for name, value in row.items() if name != "is_fraud"},
                    "event_time": f"{row['event_time']:%Y-%m-%dT%H:%M:%SZ}",
                }
                for row in rows
            ]
            results = [
                answer
                for first in range(0, len(sent), 500)
                for answer in self.service.post(
                    "/v1/decisions/batch", sent[first : first + 500]
                ).json["results"]
            ]
            self.told[self.day] = [
                (row["transaction_id"], row["event_time"])
                for row, answer in zip(rows, results, strict=True)
                if row["is_fraud"] and answer["decision"] == "approve"
            ]
            for number, time in self.told.pop(self.day - DELAY - 1, []):
                known = time + datetime.timedelta(days=DELAY)
                answer = self.service.post(
                    "/v1/feedback",
                    {
                        "transaction_id": number,
                        "outcome": "fraud",
                        "source": "chargeback",
                        "known_at": f"{known:%Y-%m-%dT%H:%M:%SZ}",
                    },
                )
                assert answer.status == 200, answer.text
            self.day += 1


def test_a_better_model_is_promoted_and_a_worse_one_is_not(
    bundles: dict[str, Path], registry: Registry, tmp_path: Path
) -> None:
    journal, links = tmp_path / "journal", tmp_path / "serving"
    follow = (f"champion={links}/champion", f"trial={links}/trial", "--once")
    blind = registry.register(bundles["blind"], tags={})
    seeing = registry.register(bundles["seeing"], tags={})
    registry.promote(blind, instead_of=None)
    assert job("trial", "--journal", journal).returncode == 99, "no trial is on"
    with pytest.raises(weir.Error, match="is champion by now"):
        registry.start_trial(seeing, against=seeing)
    registry.start_trial(seeing, against=blind)
    registry.start_trial(seeing, against=blind)  # Again: nothing changes.
    assert job("follow", *follow).returncode == 0
    arguments = ("--challenger", links / "trial", "--challenger-share", 0.5)
    arguments += ("--clock", "payments", "--model-poll", "1s")

    def wait(service: Service, role: str, version: str | None) -> None:
        import time

        end = time.monotonic() + 60
        while time.monotonic() < end:
            model = service.get("/v1/model").json[role]
            if (model and model["version"]) == version:
                return
            service.post("/v1/model/reload", {})
            time.sleep(0.2)
        raise AssertionError(f"{role} is not {version}: {model}")

    versions = {name: weir.load_model(path).version for name, path in bundles.items()}
    with Service(links / "champion", journal, *arguments) as service:
        service.wait_ready()
        wait(service, "challenger", versions["seeing"])
        life = Life(service)
        life.live(DELAY + 5)
        looked = job("trial", "--journal", journal)
        assert looked.returncode == 0, looked.stderr
        early = json.loads(looked.stdout)
        assert (early["verdict"], early["trial"]) == ("inconclusive", seeing)
        assert "known labels" in early["reason"], early
        life.live(10)
        done = json.loads(job("trial", "--journal", journal).stdout)
        assert (done["verdict"], done["champion"], done["previous"]) == ("promote", seeing, blind)
        assert done["trial"] is None
        low, high = done["damage_roubles_per_30_days"]["interval"]
        # Of 60 frauds a day of 350 RUB the blind one lets nearly all through, the other none.
        assert low < -0.9 * 60 * 350 * 30 < high < 0
        tags = registry.client.get_model_version("weir", str(seeing)).tags
        assert tags["trial"] == "promoted" and "saves" in tags["trial_reason"]
        again = job("trial", "--journal", journal)
        assert again.returncode == 99, "it is over"
        assert job("follow", *follow).returncode == 0
        wait(service, "champion", versions["seeing"])
        wait(service, "challenger", None)

        # The other way round, on the same journal: it is refused.
        registry.start_trial(blind, against=seeing)
        assert job("follow", *follow).returncode == 0
        wait(service, "challenger", versions["blind"])
        life.live(20)
        done = json.loads(job("trial", "--journal", journal).stdout)
        assert (done["verdict"], done["champion"], done["trial"]) == ("keep", seeing, None)
        assert registry.client.get_model_version("weir", str(blind)).tags["trial"] == "kept"
        ended = tmp_path / "restarts"
        assert job("follow", *follow, "--ended", f"touch {ended}").returncode == 0
        assert ended.exists(), "somebody has to start the service again"
        assert service.stop() == 0
    with Service(links / "champion", journal, *arguments) as service:
        service.wait_ready()
        life.service = service
        life.live(1)
        assert service.get("/v1/model").json["challenger"] is None


def test_a_trial_ends_when_the_world_has_moved_on(
    bundles: dict[str, Path], registry: Registry, tmp_path: Path
) -> None:
    blind = registry.register(bundles["blind"], tags={})
    seeing = registry.register(bundles["seeing"], tags={})
    registry.promote(blind, instead_of=None)
    registry.set_challenger(seeing)
    registry.start_trial(seeing, against=blind)
    assert registry.state()["challenger"] is None, "it no longer waits"
    with pytest.raises(weir.Error, match="is on trial"):
        registry.start_trial(blind, against=blind)
    by_hand = json.loads(job("trial", "--end", "too slow").stdout)
    assert (by_hand["verdict"], by_hand["trial"]) == ("keep", None)
    # A promotion that died between the champion's alias and the end of the trial is finished.
    registry.start_trial(seeing, against=blind)
    registry.promote(seeing, instead_of=blind)
    healed = json.loads(job("trial").stdout)
    assert (healed["verdict"], healed["champion"], healed["trial"]) == ("promote", seeing, None)
    # A roll-back during a trial ends it.
    registry.start_trial(blind, against=seeing)
    registry.roll_back()
    moved = json.loads(job("trial").stdout)
    assert moved["champion"] == blind and moved["trial"] is None
    without = job("trial", "--journal", tmp_path / "nowhere")
    assert without.returncode == 99
    registry.start_trial(seeing, against=blind)
    lost = job("trial", "--journal", tmp_path / "nowhere")
    assert lost.returncode == 1 and "nowhere" in lost.stderr, lost.stderr
    assert registry.state()["trial"] == seeing, "a fault of the look ends nothing"
