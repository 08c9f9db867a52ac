"""Raw text files in parts: what is in one, where to cut it, the whole lines of a part."""

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

import weir
from weir.lake import Item, Store
from weir.tasks import Task

HEAD_BYTES = 1 << 17
PART_BYTES = 32 << 20
ENDINGS = (".txt", ".csv", ".tsv", ".json", ".jsonl", ".ndjson")
PACKED = {".zst": "zstd", ".gz": "gzip"}


def inspect(source: Store, path: str) -> dict[str, Any]:
    file = weir.TextFile(head_of(source, path), source=source.url(path))
    return {"labelled": file.labelled, "time_origin": file.time_origin}


def _packing(path: str) -> str | None:
    return next((name for ending, name in PACKED.items() if path.endswith(ending)), None)


def _unpacked(source: Store, path: str, size: int | None = None) -> Any:
    packed = io.BytesIO(source.read(path, 0, size))
    return pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), _packing(path))


def head_of(source: Store, path: str) -> bytes:
    if _packing(path) is None:
        return source.read(path, 0, HEAD_BYTES)
    # What does not pack at all is longer by a frame only, and the last block is not looked at.
    with _unpacked(source, path, 4 * HEAD_BYTES) as stream:
        head: bytes = stream.read(HEAD_BYTES)
        return head


def cut(item: Item, part_bytes: int) -> Iterator[Task]:
    """A plain file in ranges of bytes; a packed one can only be read from its beginning."""
    if _packing(item.path) is not None:
        yield {"path": item.path, "start": 0, "end": None}
        return
    for start in range(0, max(item.size, 1), part_bytes):
        end = min(start + part_bytes, item.size)
        yield {"path": item.path, "start": start, "end": end, "size": item.size}


def lines_of(source: Store, part: Task) -> Iterator[tuple[int, bytes]]:
    """(offset, whole lines) that begin in [start, end) of the file."""
    path, start, end = part["path"], part["start"], part["end"]
    if end is None:
        with _unpacked(source, path) as stream:
            offset, carry = 0, b""
            while block := stream.read(PART_BYTES):
                text = carry + block
                cut = text.rfind(b"\n") + 1
                if cut:
                    yield offset, text[:cut]
                offset, carry = offset + cut, text[cut:]
            if carry:
                yield offset, carry
        return
    text = source.read(path, max(start - 1, 0), end)
    begin = start
    if start > 0:
        cut = text.find(b"\n") + 1  # The line before belongs to the part before.
        if cut == 0:
            return
        begin, text = start - 1 + cut, text[cut:]
    if not text:
        return
    while not text.endswith(b"\n"):
        rest = source.read(path, end, end + HEAD_BYTES) if end < part["size"] else b""
        if not rest:
            break
        cut = rest.find(b"\n") + 1
        text += rest[:cut] if cut else rest
        end += len(rest)
    yield begin, text


def place_of(texts: list[tuple[int, bytes]], offset: int) -> tuple[int, str]:
    """(line from 0 in the part, text) of the row that begins at this byte of the file."""
    line = 0
    for begin, text in texts:
        if begin <= offset < begin + len(text):
            at = offset - begin
            end = text.find(b"\n", at)
            raw = text[at:] if end < 0 else text[at:end]
            return line + text.count(b"\n", 0, at), raw.decode("utf-8", "replace").rstrip("\r")
        line += text.count(b"\n")
    raise AssertionError(f"no line at byte {offset}")
