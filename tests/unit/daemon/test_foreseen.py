"""Which foreseen files are fetched ahead."""

import hashlib
from types import SimpleNamespace
from typing import Any, cast

from vfs.daemon.foreseen import foreseen
from vfs.types import Algorithm, Digest, Entry, Kind


def test_what_does_not_fit_in_is_left_out_and_no_more() -> None:
    sizes = {b"a": 100, b"too large": 5000, b"b": 900, b"one too many": 1, b"empty": 0}
    entries = {path: entry(path, size) for path, size in sizes.items()}
    snapshot = cast("Any", SimpleNamespace(resolve=entries.get, origins=[None]))
    workspace = cast("Any", SimpleNamespace(settings=SimpleNamespace(cache_limit=2000)))
    files = [(path.decode(), size) for path, size in sizes.items()]
    found = [blob.size for blob, _ in foreseen(workspace, snapshot, files)]
    assert found == [100, 900, 0]


def entry(path: bytes, size: int) -> Entry:
    digest = Digest(Algorithm.MD5, hashlib.md5(path, usedforsecurity=False).digest())
    return Entry(path, Kind.FILE, digest=digest, size=size)
