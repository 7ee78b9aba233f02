"""A local file is served in place, and given up when the whole of it turns out to be wrong."""

import os
from pathlib import Path

import pytest

from tests.unit.transfer.bench import MIB, Bench, blob_of, content_of
from vfs.store import VERIFIED, ChunkStore
from vfs.testing.places import FaultyPlace
from vfs.transfer import LocalFile, Replaced
from vfs.transfer.kept import KEPT, Kept
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
    found = await bench.fetcher.find_local(BLOB, lambda: [place])
    assert found is not None
    bench.fetcher.check_file(found)
    bench.fetcher.check_file(found)
    assert bench.fetcher.statistics().checking == 1, "one check at a time"
    await bench.quiet()
    return found


def verdict(bench: Bench, file: LocalFile) -> int | None:
    return file.verdict(bench.store)


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
    assert await bench.fetcher.find_local(BLOB, lambda: [cache]) is None
    remote = FaultyPlace(CONTENT)
    end = len(CONTENT) - 1
    assert await bench.read(BLOB, [cache, remote], end, 1) == CONTENT[-1:]
    assert cache.requests == []


async def test_one_that_became_shorter_is_not_judged(bench: Bench, cache: Cache) -> None:
    await bench.start()
    file = await bench.fetcher.find_local(BLOB, lambda: [cache])
    assert file is not None
    os.truncate(cache.path, MIB)
    bench.fetcher.check_file(file)
    await bench.quiet()
    assert verdict(bench, file) is None
    assert bench.bad == []


def test_as_many_bytes_as_it_has(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    file = LocalFile(descriptor, Blob(BLOB.digest, 100), lambda: None)
    assert [file.handed_out(count) for count in (60, 30, 30, 99, 1)] == [
        False,
        False,
        True,
        False,
        True,
    ]


async def test_one_that_was_let_go_is_opened_again(bench: Bench, cache: Cache) -> None:
    await bench.start()
    file = await bench.fetcher.find_local(BLOB, lambda: [cache])
    assert file is not None
    file.let_go()
    assert file.read_nowait(0, 10) is None
    assert file.read(0, 10) == CONTENT[:10]
    assert file.read_nowait(0, 10) == CONTENT[:10]


@pytest.mark.parametrize("what", ["changed", "gone"])
async def test_one_that_was_let_go_and_is_another_now_is_not_read(
    bench: Bench, cache: Cache, what: str
) -> None:
    await bench.start()
    file = await bench.fetcher.find_local(BLOB, lambda: [cache])
    assert file is not None
    file.let_go()
    if what == "changed":
        cache.change(0, b"X")
    else:
        cache.file = None
    with pytest.raises(Replaced):
        file.read(0, 10)


class Handle:
    """A file that may be let go."""

    def __init__(self) -> None:
        self.used = False
        self.open = True

    def let_go(self) -> None:
        self.open = False


def test_those_that_nobody_read_lately_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vfs.transfer.kept.share", lambda most: 8)
    kept, files = Kept(), [Handle() for _ in range(9)]
    files[0].used = True
    for file in files:
        kept.note(file)
    assert [file.open for file in files] == [True, False, False] + [True] * 6
    for file in files:
        file.used = True
    for file in (more := [Handle(), Handle()]):
        kept.note(file)
    assert sum(file.open for file in (*files, *more)) == len(kept) == 7
    kept.forget(files[0])
    kept.let_go()
    assert len(kept) == 0
    assert [file.open for file in files] == [True] + [False] * 8


def test_one_that_died_is_not_kept(tmp_path: Path) -> None:
    before = len(KEPT)
    file = LocalFile(os.open(tmp_path, os.O_RDONLY), BLOB, lambda: None)
    assert len(KEPT) == before + 1
    del file
    assert len(KEPT) == before
