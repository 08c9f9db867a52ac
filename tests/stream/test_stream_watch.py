"""The stream's dashboard: every query gives data while a stream decides, the broker's too."""

import sys
import threading
import time
from pathlib import Path

from broker import ROOT, Broker, Stream

sys.path.append(str(ROOT / "tests/deploy"))
from monitoring import Monitoring, wait

BOARD = ROOT / "deploy/grafana/dashboards/stream.json"


def test_every_panel_of_the_stream_shows_data(bundle: Path, broker: Broker, tmp_path: Path) -> None:
    topics = broker.topics()
    over = threading.Event()

    def send() -> None:
        number = 0
        while not over.is_set():
            number += 1
            day = f"2019-10-06T10:{number // 60 % 60:02}:{number % 60:02}Z"
            topics.put(
                f'{{"transaction_id":{number},"event_time":"{day}","customer_id":5,'
                '"terminal_id":2,"amount":"57.16"}'.encode()
            )
            time.sleep(0.1)

    with Stream(bundle, topics, tmp_path / "state") as stream:
        stream.wait_ready()
        sender = threading.Thread(target=send)
        sender.start()
        try:
            watched = (tmp_path / "prometheus", [stream.port])
            with Monitoring(*watched, kafka_port=broker.metrics_port) as prometheus:
                wait("no empty panel", lambda: not prometheus.empty_panels(BOARD), 60)
                assert prometheus.query("weir_stream_partitions == 1")
        finally:
            over.set()
            sender.join()
