"""A local file is served in place, and given up when the whole of it turns out to be wrong."""

import os
from pathlib import Path

import pytest

from tests.unit.transfer.bench import MIB, Bench, blob_of, content_of
from vfs.store import VERIFIED, ChunkStore
from vfs.testing.places import FaultyPlace
from vfs.transfer import LocalFile, verdict_key
from vfs.types import Blob

CONTENT = content_of(33 * MIB + 5)
BLOB = blob_of(CONTENT)


class Cache(FaultyPlace):
    """A place that has a file."""

    def __init__(self, path: Path) -> None:
        super().__init__(b"", label="dvc-cache", local=True)
        self.path = path
        self.file = os.fspath(path)

    def change(self, offset: int, data: bytes) -> None:
        with self.path.open("r+b") as file:
            file.seek(offset)
            file.write(data)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    (tmp_path / "object").write_bytes(CONTENT)
    return Cache(tmp_path / "object")


def unwritable(directory: Path) -> ChunkStore:
    (directory / "file").write_bytes(b"")
    return ChunkStore.open(directory / "file" / "below", limit=1, min_free=0)


async def checked(bench: Bench, place: FaultyPlace) -> LocalFile:
    """The file at a place, after its check."""
    found = await bench.fetcher.open_local(BLOB, lambda: [place])
    assert found is not None
    bench.fetcher.check_file(found)
    bench.fetcher.check_file(found)
    assert bench.fetcher.statistics().checking == 1, "one check at a time"
    await bench.quiet()
    return found


def verdict(bench: Bench, file: LocalFile) -> int | None:
    return bench.store.verdict(verdict_key(BLOB, file.descriptor))


async def test_right_until_it_changes(bench: Bench, cache: Cache) -> None:
    await bench.start()
    file = await checked(bench, cache)
    assert verdict(bench, file) == 1
    assert bench.verdict(BLOB) != VERIFIED, "the store has nothing of it"
    cache.change(0, b"X")
    assert verdict(bench, file) is None
    await checked(bench, cache)
    assert bench.bad == [BLOB]


@pytest.mark.parametrize("writable", [True, False])
async def test_wrong_one_is_not_used_again(
    bench: Bench, cache: Cache, writable: bool, tmp_path: Path
) -> None:
    cache.change(len(CONTENT) - 1, b"X")
    if not writable:
        bench.store.close()
        bench.store = unwritable(tmp_path)
        assert not bench.store.writable
    await bench.start()
    await checked(bench, cache)
    assert bench.bad == [BLOB]
    assert await bench.fetcher.open_local(BLOB, lambda: [cache]) is None
    remote = FaultyPlace(CONTENT)
    end = len(CONTENT) - 1
    assert await bench.read(BLOB, [cache, remote], end, 1) == CONTENT[-1:]
    assert cache.requests == []


async def test_one_that_became_shorter_is_not_judged(bench: Bench, cache: Cache) -> None:
    await bench.start()
    file = await bench.fetcher.open_local(BLOB, lambda: [cache])
    assert file is not None
    os.truncate(cache.path, MIB)
    bench.fetcher.check_file(file)
    await bench.quiet()
    assert verdict(bench, file) is None
    assert bench.bad == []


def test_as_many_bytes_as_it_has(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    file = LocalFile(descriptor, Blob(BLOB.digest, 100))
    assert [file.handed_out(count) for count in (60, 30, 30, 99, 1)] == [
        False,
        False,
        True,
        False,
        True,
    ]
