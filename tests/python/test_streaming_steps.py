"""The keyed steps through the extension: states and parcels are bytes that travel."""

import json
from pathlib import Path

import pytest
import weir
from weir import _weir
from weir.once import Once


def payment(number: int) -> bytes:
    fields = {
        "transaction_id": number,
        "event_time": f"2026-01-01T00:{number % 60:02}:00Z",
        "customer_id": number % 3,
        "terminal_id": number % 2,
        "amount": "5.00",
    }
    return json.dumps(fields).encode()


def test_two_steps_decide_and_keep_their_state(bundle: Path) -> None:
    files = weir.bundle_files(bundle)
    terminals = _weir.TerminalStep(files, str(bundle))
    customers = _weir.CustomerStep(files, str(bundle), True)
    reader = _weir.ParcelReader("0..3")
    by_terminal: dict[int, bytes] = {}
    by_customer: dict[int, bytes] = {}
    written = []
    for offset, value in enumerate([*(payment(n) for n in range(40)), payment(5), None, b"{"]):
        terminal, _, parcel = reader.read(value, None, 0, offset, 1767225600 + 3600)
        state, passed = terminals.run(terminal, by_terminal.get(terminal, b""), [parcel])
        by_terminal[terminal] = state
        for _, customer, onward in passed:
            state, outputs = customers.run(customer, by_customer.get(customer, b""), [onward])
            by_customer[customer] = state
            written += outputs
    decided = [json.loads(value) for is_reject, _, value, _ in written if not is_reject]
    assert [decision["transaction_id"] for decision in decided] == [*range(40)]
    assert [decision["position"] for decision in decided] == [*range(40)]
    rejects = [dict(headers)["rule"] for is_reject, _, _, headers in written if is_reject]
    assert rejects == [b"null_event", b"field_count"]
    assert all(by_terminal[terminal] for terminal in (0, 1))


def test_a_schema_that_is_not_known_is_refused(bundle: Path) -> None:
    _, customer, parcel = _weir.ParcelReader(None).read(payment(1), b"9", 2, 7, 0)
    _, outputs = _weir.CustomerStep(weir.bundle_files(bundle), "b", False).run(
        customer, b"", [parcel]
    )
    (is_reject, key, value, headers) = outputs[0]
    assert (is_reject, key, value) == (True, b"2:7", payment(1))
    assert dict(headers)["rule"] == b"schema_unknown"


def test_a_folder_that_is_no_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(weir.Error, match="no such folder"):
        weir.bundle_files(tmp_path / "none")


def test_once_drops_what_came_before() -> None:
    once = Once(remembered=2)
    assert [once.is_new(key) for key in (b"a", b"b", b"a", b"c", b"b")] == [
        True,
        True,
        False,
        True,
        True,  # Forgotten: c came after it.
    ]
