"""The journal of `weir serve`, read without weir; its bytes are told in entry_batch.h."""

import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HEAD = struct.Struct("<IB6q")
DECISION = struct.Struct("<6B3f4f2d")
PROBABILITY = HEAD.size + 4 + 6 + 7 * 4  # In a decided payment's bytes.
PAYMENT, FEEDBACK, CONTROL = range(3)


def text_at(entry: bytes, at: int) -> tuple[bytes, int]:
    (size,) = struct.unpack_from("<I", entry, at)
    return entry[at + 4 : at + 4 + size], at + 4 + size


def read_entry(position: int, entry: bytes) -> dict[str, Any]:
    _, kind, logged_at, *payment = HEAD.unpack_from(entry)
    keys = ("transaction_id", "event_time", "customer_id", "terminal_id", "amount_minor")
    read: dict[str, Any] = {"position": position, "kind": kind, "logged_at": logged_at}
    read |= dict(zip(keys, payment, strict=True))
    if kind != PAYMENT:
        return read
    read["rejected"], at = text_at(entry, HEAD.size)
    if read["rejected"]:
        return read
    bytes_and_numbers = DECISION.unpack_from(entry, at)
    (read["action"], _, read["cause"], read["review"], read["degraded"], _) = bytes_and_numbers[:6]
    (read["margin"], read["score"], read["audit_probability"]) = bytes_and_numbers[6:9]
    (read["probability"], read["shadow_probability"]) = bytes_and_numbers[13:]
    at += DECISION.size
    for key in ("model", "arm", "reasons", "shadow_model"):
        text, at = text_at(entry, at)
        read[key] = text.decode()
    read["features"], at = text_at(entry, at)
    return read


def entries_of(block: bytes) -> Iterator[bytes]:
    while block:
        size = 4 + struct.unpack_from("<I", block)[0]
        yield block[:size]
        block = block[size:]


def read_journal(folder: Path) -> list[dict[str, Any]]:
    """Every entry, in log order."""
    with sqlite3.connect(f"file:{folder / 'journal.db'}?mode=ro", uri=True) as database:
        blocks = database.execute("SELECT position, bytes FROM log ORDER BY position").fetchall()
    return [
        read_entry(first + number, entry)
        for first, block in blocks
        for number, entry in enumerate(entries_of(block))
    ]


def set_probability(folder: Path, position: int, probability: float) -> float:
    """Changes the recorded probability of one payment; gives the one before."""
    database = sqlite3.connect(folder / "journal.db", isolation_level=None)
    first, block = database.execute(
        "SELECT position, bytes FROM log WHERE position <= ? ORDER BY position DESC LIMIT 1",
        (position,),
    ).fetchone()
    entries = list(entries_of(block))
    changed = bytearray(entries[position - first])
    (before,) = struct.unpack_from("<d", changed, PROBABILITY)
    struct.pack_into("<d", changed, PROBABILITY, probability)
    entries[position - first] = bytes(changed)
    change = (b"".join(entries), first)
    database.execute("UPDATE log SET bytes = ? WHERE position = ?", change)
    database.close()
    return float(before)
