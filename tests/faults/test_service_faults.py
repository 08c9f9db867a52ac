"""What can go wrong around the service, at full size: `make faults`."""

import random
import resource
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from service import Service, payment, payments

IDLE = 10_000

# Answers time() with what the file says, so that the clock can be moved under the running service.
CLOCK = """
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
time_t time(time_t *out) {
  struct timeval now;
  long shift = 0;
  FILE *file = fopen(getenv("CLOCK_SHIFT"), "r");
  if (file) { if (fscanf(file, "%ld", &shift) != 1) shift = 0; fclose(file); }
  gettimeofday(&now, NULL);
  if (out) *out = now.tv_sec + shift;
  return now.tv_sec + shift;
}
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", mount], check=True)
    yield mount
    subprocess.run(["umount", "-l", mount], check=True)


def go_on(service: Service, ballast: Path, recovered: Callable[[], bool]) -> None:
    """Makes room on the disk, waits for the service, lets it decide once more and kills it."""
    ballast.unlink()
    end = time.monotonic() + 20
    while not recovered():
        assert time.monotonic() < end, "did not go on when there was room"
        time.sleep(0.1)
    assert service.post("/v1/decisions", payment(200_000)).status == 200
    service.kill()


def test_a_full_disk_stops_deciding_and_loses_nothing(bundle: Path, small_disk: Path) -> None:
    """503 while the disk is full; what was acknowledged stands; room lets it go on."""
    journal = small_disk / "journal"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(4_000_000))
    acknowledged: dict[int, str] = {}
    refused = 0
    with Service(bundle, journal, "--snapshot-every", "1s") as service:
        service.wait_ready()
        for number in range(100_000):
            answer = service.post("/v1/decisions", payment(number))
            if answer.status == 200:
                acknowledged[number] = answer.text
                continue
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "1"
            refused += 1
            if refused == 20:
                break
        assert refused == 20, "the disk never filled"
        assert service.get("/readyz").status == 503
        assert service.metrics()["weir_journal_stuck"] == 1
        go_on(service, ballast, lambda: service.get("/readyz").status == 200)
    with Service(bundle, journal) as service:
        service.wait_ready()
        assert service.metrics()["weir_replay_mismatches_total"] == 0
        assert len(acknowledged) > 100
        # Between two checkpoints a commit of one payment takes two pages of the disk.
        for number in random.Random(3).sample(sorted(acknowledged), min(500, len(acknowledged))):
            stored = service.get(f"/v1/decisions/{10_000_000 + number}").text
            assert stored.startswith(acknowledged[number][:-1])


def test_rules_answer_while_a_disk_is_full(bundle: Path, small_disk: Path) -> None:
    """Every payment gets an action, and is in the log with it when there is room again."""
    journal = small_disk / "journal"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(4_000_000))
    rules = ("--on-full-disk", "rules", "--rules-challenge-over", 200)
    told: dict[int, str] = {}
    by_rules = 0
    with Service(bundle, journal, *rules) as service:
        service.wait_ready()
        for number in range(100_000):
            sent = payment(number)
            answer = service.post("/v1/decisions", sent)
            if answer.status == 503:  # Of the commit that failed first.
                answer = service.post("/v1/decisions", sent)
            assert answer.status == 200, answer.text
            told[number] = answer.json["decision"]
            by_rules += "rules" in answer.json.get("degraded", [])
            if by_rules == 3000:
                break
        assert by_rules == 3000, "the disk never filled"
        assert service.get("/readyz").status == 200
        waiting = "weir_journal_unrecorded_payments"
        go_on(service, ballast, lambda: service.metrics()[waiting] == 0)
    with Service(bundle, journal) as service:
        service.wait_ready()
        assert service.metrics()["weir_replay_mismatches_total"] == 0
        for number in [*random.Random(4).sample(sorted(told), 500), *sorted(told)[-500:]]:
            stored = service.get(f"/v1/decisions/{10_000_000 + number}").json
            assert stored["decision"] == told[number]


def test_ten_thousand_idle_clients_cost_memory_only(bundle: Path, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    clients: list[socket.socket] = []
    try:
        arguments = ("--max-connections", IDLE + 10)
        with Service(bundle, tmp_path / "journal", *arguments) as service:
            service.wait_ready()
            before = service.metrics()["weir_resident_bytes"]
            for _ in range(IDLE):
                clients.append(socket.create_connection(("127.0.0.1", service.port)))
            started = time.monotonic()
            for sent in payments(0, 500):
                assert service.post("/v1/decisions", sent).status == 200
            taken = time.monotonic() - started
            series = service.metrics()
            assert series["weir_http_connections"] >= IDLE
            assert series["weir_resident_bytes"] - before < IDLE * 10_000
            assert taken < 30
            assert service.stop() == 0
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_descriptors_clients_are_turned_away(bundle: Path, tmp_path: Path) -> None:
    limited = tmp_path / "weir"
    limited.write_text('#!/bin/sh\nulimit -n 60\nexec "$WEIR_REAL_BINARY" "$@"\n')
    limited.chmod(0o755)
    import service as module

    real, module.BINARY = module.BINARY, limited
    try:
        with Service(bundle, tmp_path / "journal", WEIR_REAL_BINARY=str(real)) as service:
            service.wait_ready()
            assert service.post("/v1/decisions", payment(1)).status == 200
            crowd = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(150)]
            time.sleep(0.5)
            # The kept connection goes on; so does the journal, whose files are open.
            for number in range(2, 50):
                assert service.post("/v1/decisions", payment(number)).status == 200
            for client in crowd:
                client.close()
            time.sleep(0.5)
            turned_away = 'weir_http_connections_refused_total{reason="descriptors"}'
            assert service.metrics()[turned_away] > 0
            service.connection = None
            assert service.post("/v1/decisions", payment(60)).status == 200
            assert service.stop() == 0
    finally:
        module.BINARY = real


def test_a_clock_that_steps_back_never_runs_back_in_the_log(bundle: Path, tmp_path: Path) -> None:
    source, library, shift = tmp_path / "clock.c", tmp_path / "clock.so", tmp_path / "shift"
    source.write_text(CLOCK)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    shift.write_text("0")
    environment = {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(shift)}
    journal = tmp_path / "journal"
    with Service(bundle, journal, "--snapshot-every", "1s", **environment) as service:
        service.wait_ready()
        times = []
        for number, step in enumerate((0, -86_400, -3_600, 0, 7_200, -7_200)):
            shift.write_text(str(step))
            time.sleep(0.3)
            assert service.post("/v1/decisions", payment(number)).status == 200
            stored = service.get(f"/v1/decisions/{10_000_000 + number}").json
            times.append(stored["logged_at"])
            assert service.get("/readyz").status == 200
        assert times == sorted(times)
        service.kill()
    with Service(bundle, journal, **environment) as service:
        service.wait_ready()
        assert service.metrics()["weir_replay_mismatches_total"] == 0
        assert service.post("/v1/decisions", payment(100)).status == 200


def test_garbage_and_half_sent_requests_end_their_own_connection(
    bundle: Path, tmp_path: Path
) -> None:
    """Random bytes, cut requests and valid ones mixed on thousands of connections."""
    chance = random.Random(11)
    body = b'{"transaction_id":1,"event_time":"2026-01-01T00:00:00Z","customer_id":1,'
    body += b'"terminal_id":1,"amount":"1.00"}'
    whole = (
        b"POST /v1/decisions HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: "
        + str(len(body)).encode()
        + b"\r\n\r\n"
        + body
    )
    with Service(bundle, tmp_path / "journal", "--request-timeout-ms", 500) as service:
        service.wait_ready()
        for round_ in range(3000):
            parts = []
            for _ in range(chance.randint(1, 4)):
                kind = chance.randint(0, 3)
                if kind == 0:
                    parts.append(chance.randbytes(chance.randint(1, 400)))
                elif kind == 1:
                    parts.append(whole[: chance.randint(1, len(whole) - 1)])
                elif kind == 2:
                    damaged = bytearray(whole)
                    damaged[chance.randrange(len(damaged))] = chance.randint(0, 255)
                    parts.append(bytes(damaged))
                else:
                    parts.append(whole)
            with socket.create_connection(("127.0.0.1", service.port), timeout=5) as client:
                client.sendall(b"".join(parts))
                if round_ % 50 == 0:
                    assert service.post("/v1/decisions", payment(round_)).status == 200
        assert service.get("/readyz").status == 200
        by_status = {
            name: value
            for name, value in service.metrics().items()
            if name.startswith("weir_http_requests_total")
        }
        assert not any('status="500"' in name for name in by_status), by_status
        assert service.stop() == 0
