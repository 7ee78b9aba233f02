"""The fetcher over a real remote (a directory) with its real wrappers."""

from pathlib import Path

import pytest

from tests.unit.transfer.bench import MIB, Bench, blob_of, content_of
from vfs.errors import DataUnavailable
from vfs.remotes import Body, Remote, RemoteSpec, open_remote
from vfs.store import VERIFIED

KEY = "files/md5/ab/cdef"


class ObjectPlace:
    label = where = "origin"
    local = False

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def open_file(self) -> int | None:
        return None

    def is_here(self) -> bool:
        return False

    def get(self, start: int, length: int, *, etag: str = "") -> Body:
        return self._remote.get(KEY, start, length, etag=etag)


def place_in(directory: Path, content: bytes) -> ObjectPlace:
    remote = open_remote(RemoteSpec("origin", str(directory), {}))
    remote.put(KEY, content)
    return ObjectPlace(remote)


async def test_parts_and_whole(bench: Bench, tmp_path: Path) -> None:
    content = content_of(20 * MIB + 3)
    blob = blob_of(content)
    place = place_in(tmp_path / "remote", content)
    await bench.start()
    middle = 11 * MIB + 7
    assert await bench.read(blob, [place], middle, 9000) == content[middle:][:9000]
    report = await bench.fetcher.prefetch([(blob, lambda: [place])])
    await bench.quiet()
    assert report.fetched_files == 1
    assert bench.stored(blob) == content
    assert bench.verdict(blob) == VERIFIED


async def test_missing_object(bench: Bench, tmp_path: Path) -> None:
    place = ObjectPlace(open_remote(RemoteSpec("origin", str(tmp_path), {})))
    await bench.start()
    with pytest.raises(DataUnavailable, match="origin"):
        await bench.read(blob_of(b"x"), [place], 0, 1)


async def test_replaced_object_is_noticed(bench: Bench, tmp_path: Path) -> None:
    content = content_of(9 * MIB)
    blob = blob_of(content)
    place = place_in(tmp_path / "remote", content)
    await bench.start()
    await bench.read(blob, [place], 0, 10)
    (tmp_path / "remote" / KEY).unlink()
    place_in(tmp_path / "remote", content[:-1] + b"x")
    await bench.read(blob, [place], 5 * MIB, 10)
    assert bench.fetcher.statistics().failed_requests == 1
