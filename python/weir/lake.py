"""The lake as a row of published states: readers see a whole state or the one before, never a mix.

A lake is a folder or `s3://bucket/prefix`. What jobs write goes to fresh paths `data/<run>/…`; a
state is published by creating `manifests/<number>.json`, which names every file of it. Creating
fails when the number is there already, so of two writers at once one wins and the other starts
again. The `weir` command reads the newest manifest; a lake without any is what `weir clean` makes.
"""

import functools
import hashlib
import itertools
import json
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from weir._weir import Error

FORMAT = "weir-lake-1"
RUN_FOLDERS = ("data/", "work/", "training/")
"""What a run writes is below its name in one of these."""


class Conflict(Error):
    """Another run published first; run again on the newer state."""


@dataclass(frozen=True)
class Item:
    """A stored file; `tag` changes whenever its content does."""

    path: str
    size: int
    tag: str


class Store:
    """Files below a folder or `s3://bucket/prefix`; paths are relative to it."""

    def __init__(self, location: str) -> None:
        self.location = location.rstrip("/")
        self.is_s3 = location.startswith("s3://")
        if self.is_s3:
            self.bucket, _, self.prefix = self.location.removeprefix("s3://").partition("/")
        elif "://" in location:
            raise Error(f'"{location}": wanted a folder or s3://bucket/prefix')

    def _key(self, path: str) -> str:
        return f"{self.prefix}/{path}" if self.prefix else path

    def url(self, path: str) -> str:
        """The location of a file, for the `weir` command and for messages."""
        return f"{self.location}/{path}"

    def list(self, prefix: str = "") -> list[Item]:
        """All files whose path begins so, by path."""
        if not self.is_s3:
            root = Path(self.location)
            found = [path for path in root.rglob("*") if path.is_file()] if root.is_dir() else []
            items = [
                Item(
                    str(path.relative_to(root)),
                    path.stat().st_size,
                    f"{path.stat().st_mtime_ns}-{path.stat().st_size}",
                )
                for path in found
            ]
            return sorted((i for i in items if i.path.startswith(prefix)), key=lambda i: i.path)
        with _naming(self.url(prefix), "list"):
            pages = _client().get_paginator("list_objects_v2")
            root_length = len(self._key(""))
            found_items = [
                Item(entry["Key"][root_length:], entry["Size"], entry["ETag"].strip('"'))
                for page in pages.paginate(Bucket=self.bucket, Prefix=self._key(prefix))
                for entry in page.get("Contents", [])
                if not entry["Key"].endswith("/")
            ]
        return sorted(found_items, key=lambda item: item.path)

    def last_change(self, prefix: str) -> float:
        """When the newest file whose path begins so was written, in seconds since 1970; else 0."""
        if not self.is_s3:
            root = Path(self.location)
            return max(
                (root.joinpath(i.path).stat().st_mtime for i in self.list(prefix)), default=0
            )
        with _naming(self.url(prefix), "list"):
            pages = _client().get_paginator("list_objects_v2")
            times = [
                entry["LastModified"].timestamp()
                for page in pages.paginate(Bucket=self.bucket, Prefix=self._key(prefix))
                for entry in page.get("Contents", [])
            ]
        return max(times, default=0)

    def read(self, path: str, start: int = 0, end: int | None = None) -> bytes:
        """Bytes [start, end) of a file, as far as there are any."""
        with _naming(self.url(path), "read"):
            if not self.is_s3:
                with (Path(self.location) / path).open("rb") as file:
                    file.seek(start)
                    return file.read() if end is None else file.read(end - start)
            if end is not None and end <= start:
                return b""
            whole = start == 0 and end is None
            wanted = {} if whole else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
            answer = _client().get_object(Bucket=self.bucket, Key=self._key(path), **wanted)
            content: bytes = answer["Body"].read()
            return content

    def write(self, path: str, content: bytes | memoryview) -> None:
        """Put a whole file; it appears when it is complete."""
        with _naming(self.url(path), "write"):
            if self.is_s3:
                body = bytes(content)  # No copy of what is bytes.
                _client().put_object(Bucket=self.bucket, Key=self._key(path), Body=body)
                return
            target = Path(self.location) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            staged = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
            staged.write_bytes(content)
            staged.replace(target)

    def create(self, path: str, content: bytes) -> bool:
        """Put a file that must not exist; False, and nothing changed, when it does."""
        with _naming(self.url(path), "write"):
            if self.is_s3:
                return _create_object(self.bucket, self._key(path), content)
            target = Path(self.location) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            staged = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
            staged.write_bytes(content)
            try:
                os.link(staged, target)
            except FileExistsError:
                return False
            finally:
                staged.unlink()
            return True

    def delete(self, prefix: str) -> None:
        """Remove every file whose path begins so."""
        items = self.list(prefix)
        with _naming(self.url(prefix), "remove"):
            if not self.is_s3:
                for item in items:
                    (Path(self.location) / item.path).unlink(missing_ok=True)
                return
            for begin in range(0, len(items), 1000):
                keys = [{"Key": self._key(item.path)} for item in items[begin : begin + 1000]]
                _client().delete_objects(Bucket=self.bucket, Delete={"Objects": keys})


def _create_object(bucket: str, key: str, content: bytes) -> bool:
    from botocore.exceptions import ClientError

    try:
        _client().put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*")
    except ClientError as error:
        # 409: somebody else is creating it right now.
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
            return False
        raise
    return True


@functools.cache
def _client() -> Any:
    import boto3
    from botocore.config import Config

    patience = float(os.environ.get("WEIR_S3_TIMEOUT", "60"))  # Seconds an answer may take.
    settings = Config(
        connect_timeout=min(5, patience),
        read_timeout=patience,
        retries={"max_attempts": 4, "mode": "standard"},
    )
    return boto3.client("s3", config=settings)


class _naming:
    """Turn a storage fault into an Error that says what was tried where."""

    def __init__(self, name: str, verb: str) -> None:
        self.text = f'cannot {verb} "{name}"'

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, fault: BaseException | None, _trace: object) -> None:
        if fault is None or isinstance(fault, Error) or not isinstance(fault, Exception):
            return
        if isinstance(fault, OSError) and fault.strerror:
            raise Error(f"{self.text}: {fault.strerror}") from fault
        if type(fault).__module__.startswith(("botocore", "boto3")) or isinstance(fault, OSError):
            raise Error(f"{self.text}: {fault}") from fault


@dataclass(frozen=True)
class DayFile:
    """The clean payments of one UTC day."""

    path: str
    day: str
    rows: int
    first_id: int
    last_id: int


@dataclass(frozen=True)
class Manifest:
    """One published state of a lake."""

    number: int = 0
    """0: nothing was published yet."""
    run: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    """What the rows depend on beside the raw files."""
    time_origin: int | None = None
    """Event time - `tx_time_seconds`, one constant per data set."""
    raw: tuple[Item, ...] = ()
    files: tuple[DayFile, ...] = ()
    quarantine: tuple[str, ...] = ()
    report: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """The text of `manifests/<number>.json`."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1)

    @staticmethod
    def from_json(text: bytes, name: str) -> "Manifest":
        """The manifest of such a text."""
        try:
            content = json.loads(text)
            if content.pop("format") != FORMAT:
                raise ValueError("format")
            return Manifest(
                **{
                    **content,
                    "raw": tuple(Item(**item) for item in content["raw"]),
                    "files": tuple(DayFile(**item) for item in content["files"]),
                    "quarantine": tuple(content["quarantine"]),
                }
            )
        except (ValueError, KeyError, TypeError) as fault:
            raise Error(f'"{name}" is no manifest of a {FORMAT} lake: {fault}') from fault

    @property
    def fingerprint(self) -> str:
        """16 hex digits that stand for the payments: of raw files, settings and day files."""
        text = json.dumps(
            [self.settings, [asdict(i) for i in self.raw], [asdict(f) for f in self.files]]
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def rows(self) -> int:
        """Clean payments."""
        return sum(file.rows for file in self.files)


class Lake:
    """A lake at a location."""

    def __init__(self, location: str) -> None:
        self.store = Store(location)

    def newest(self) -> Manifest:
        """The state that readers see."""
        numbers = [
            item.path for item in self.store.list("manifests/") if item.path.endswith(".json")
        ]
        if not numbers:
            return Manifest()
        return Manifest.from_json(self.store.read(numbers[-1]), self.store.url(numbers[-1]))

    def state(self, number: int) -> Manifest:
        """The state of that number."""
        path = _manifest_path(number)
        return Manifest.from_json(self.store.read(path), self.store.url(path))

    def publish(self, manifest: Manifest, after: Manifest) -> Manifest:
        """Make `manifest` the state that follows `after`; Conflict when another came first."""
        next_one = replace(manifest, number=after.number + 1)
        path = _manifest_path(next_one.number)
        if not self.store.create(path, next_one.to_json().encode()):
            raise Conflict(
                f'"{self.store.url(path)}" was published by another run meanwhile; nothing of this '
                "run is visible, run it again on the newer state"
            )
        self.store.write(
            "reports/clean.json", (json.dumps(next_one.report, indent=2) + "\n").encode()
        )
        return next_one

    def roll_back(self, number: int) -> Manifest:
        """Publish the state of `number` again as the newest one."""
        return self.publish(self.state(number), self.newest())

    def runs(self) -> Iterator[str]:
        """Runs that left files."""
        seen = set()
        for item in itertools.chain.from_iterable(map(self.store.list, RUN_FOLDERS)):
            run = item.path.split("/")[1]
            if run not in seen:
                seen.add(run)
                yield run

    def sweep(self, keep: int = 3, grace_hours: float = 24) -> list[str]:
        """Remove the files of runs that none of the `keep` newest states names; gives the runs.

        A run that wrote within `grace_hours` may still be at work and is left alone.
        """
        newest = self.newest().number
        kept = [self.state(number) for number in range(max(1, newest - keep + 1), newest + 1)]
        named = {
            path.split("/")[1] for m in kept for path in (*m.quarantine, *(f.path for f in m.files))
        }
        before = time.time() - 3600 * grace_hours
        gone = [
            run
            for run in self.runs()
            if run not in named
            and max(self.store.last_change(f"{kind}{run}/") for kind in RUN_FOLDERS) < before
        ]
        for run in gone:
            for kind in RUN_FOLDERS:
                self.store.delete(f"{kind}{run}/")
        for number in range(1, newest - keep + 1):
            self.store.delete(_manifest_path(number))
        return gone


def _manifest_path(number: int) -> str:
    return f"manifests/{number:010d}.json"
