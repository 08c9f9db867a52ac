"""The console in a real browser: Debian's Chromium, driven by Playwright."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from service import Service

sync_api = pytest.importorskip("playwright.sync_api", reason="requirements/weir.lock is missing")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium; run tools/setup.sh --browser"
)

LAST_DAY = "2019-09-30"


def of_lake(lake: Path) -> list[dict[str, object]]:
    """The payments of the history's next day, as requests."""
    rows = []
    for file in sorted(lake.glob(f"clean/date={LAST_DAY}/*.parquet")):
        rows += pyarrow.parquet.ParquetFile(file).read().to_pylist()
    return [
        {
            "transaction_id": row["transaction_id"],
            "event_time": row["event_time"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "customer_id": row["customer_id"],
            "terminal_id": row["terminal_id"],
            "amount": f"{row['amount_minor'] // 100}.{row['amount_minor'] % 100:02}",
        }
        for row in rows
    ]


@pytest.fixture(scope="module")
def service(bundle: Path, lake: Path, tmp_path_factory: pytest.TempPathFactory):
    """A service that has decided a day of payments, some of them not approved."""
    journal = tmp_path_factory.mktemp("console") / "journal"
    arguments = ("--history", lake, "--history-to", LAST_DAY)
    with Service(bundle, journal, *arguments) as started:
        started.wait_ready()
        rows = of_lake(lake)
        for at in range(0, len(rows), 1000):
            assert started.post("/v1/decisions/batch", rows[at : at + 1000]).status == 200
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    with sync_api.sync_playwright() as playwright:
        # As root, in a container, Chromium's own sandbox cannot start.
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1200])
def test_every_view_by_keyboard(service: Service, browser: Any, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    faults: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    base = f"http://127.0.0.1:{service.port}/"
    page.goto(base)
    page.wait_for_selector("tr[data-id]")
    views = [
        ("2", "Waiting for an analyst"),
        ("3", "Damage of 30 days against a budget of 500 000.00 RUB"),
        ("4", "Model card of the champion"),
        ("1", "Newest decisions"),
    ]
    for key, text in views:
        page.keyboard.press(key)
        page.wait_for_selector(f"text={text}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.keyboard.press("2")
    page.wait_for_selector("text=Waiting for an analyst")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=What would have changed it")
    assert page.locator(".reason").count() > 3
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert faults == []
    assert all(url.startswith((base, "data:")) for url in asked), asked
    page.close()


def test_the_queue_begins_with_what_most_hangs_on(service: Service) -> None:
    def stakes(query: str) -> list[float]:
        listed = service.get(f"/v1/decisions?review=1&limit=500{query}").json["decisions"]
        return [
            min(one["fraud_probability"], 1 - one["fraud_probability"])
            * float(one["payment"]["amount"])
            for one in listed
        ]

    newest_first, ordered = stakes(""), stakes("&order=stake")
    assert len(ordered) > 3
    assert ordered == sorted(newest_first, reverse=True) != newest_first


def test_an_analyst_answers_a_case(service: Service, browser: Any) -> None:
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{service.port}/#review")
    page.wait_for_selector("tr[data-id]")
    transaction = page.locator("tr[data-id]").first.get_attribute("data-id")
    page.locator("tr[data-id]").first.click()
    page.fill("#note", "called <b>him</b>")
    page.locator("button[name=fraud]").click()
    page.wait_for_selector("text=recorded")
    assert "called <b>him</b>" in page.locator("#view").inner_text()
    stored = service.get(f"/v1/decisions/{transaction}").json["feedback"]
    assert [(entry["outcome"], entry["source"]) for entry in stored] == [("fraud", "analyst")]
    page.keyboard.press("Escape")
    page.goto(f"http://127.0.0.1:{service.port}/#review")
    page.reload()
    page.wait_for_selector("text=Waiting for an analyst")
    assert page.locator(f"tr[data-id='{transaction}']").count() == 0
    page.close()


def test_the_page_draws_its_errors(service: Service, browser: Any) -> None:
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{service.port}/#payment/999999999")
    page.wait_for_selector("[role=alert]")
    assert "no decision on payment 999999999" in page.locator("[role=alert]").inner_text()
    page.close()


def test_an_empty_service_says_what_to_do(bundle: Path, tmp_path: Path, browser: Any) -> None:
    with Service(bundle, tmp_path / "journal") as service:
        service.wait_ready()
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{service.port}/")
        page.wait_for_selector("text=No payment has come yet")
        page.close()
