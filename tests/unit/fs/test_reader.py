"""What the reader of a mount tells the fetcher, and what of the store it does not serve."""

import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest
import trio

from tests.unit.fs.listings import DictListing
from tests.unit.transfer.bench import MIB, Bench, blob_of, content_of, leave
from vfs.core.inodes import FileNode
from vfs.errors import ContentMismatch, DataUnavailable, ObjectMissing
from vfs.fs.directories import View
from vfs.fs.filesystem import FileSystem
from vfs.fs.reader import Data, Reader
from vfs.fs.snapshots import RevisionSource
from vfs.store import BAD, VERIFIED, ChunkStore
from vfs.testing.places import FaultyPlace
from vfs.transfer import LocalFile
from vfs.transfer.proof import Proof
from vfs.types import BLOCK_SIZE, Blob, Kind

INODE = 7


@pytest.fixture
async def bench(nursery: trio.Nursery, tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(nursery, tmp_path)
    await bench.start()
    yield bench
    await bench.quiet()
    bench.scope.cancel()
    await bench.ended.wait()
    bench.store.close()


def reader_of(
    bench: Bench, content: bytes, place: FaultyPlace | None = None
) -> tuple[Reader, FileNode]:
    places = [place or FaultyPlace(content)]
    reader = Reader(bench.store, bench.fetcher, lambda origin, blob: places, push_small=0)
    return reader, FileNode(Blob(blob_of(content).digest, len(content)), Kind.FILE, 0, 0)


async def test_a_closed_file_is_not_read_ahead_of(bench: Bench) -> None:
    content = content_of(16 * MIB)
    reader, node = reader_of(bench, content)
    for end in (reader.release, reader.forget):
        reader.open(INODE, node)
        for block in range(4):
            assert await reader.read(INODE, node, block * BLOCK_SIZE, 10)
        bench.store.clear()
        assert await reader.read(INODE, node, 4 * BLOCK_SIZE, 10)
        key = bench.fetcher.own(node.blob).key
        assert bench.fetcher._flows.get(key) is not None
        end(INODE)
        assert bench.fetcher._flows.get(key) is None


async def test_blocks_of_a_wrong_content_are_not_served_from_the_store(bench: Bench) -> None:
    """Another process found the whole wrong; what it left, or fetches now, is not proved yet."""
    content = content_of(9 * MIB)
    reader, node = reader_of(bench, content)
    own = bench.fetcher.own(node.blob)
    assert leave(bench.store, own, content, range(1))
    bench.store.set_verdict(own.key, BAD)
    reader.open(INODE, node)
    assert reader.read_nowait(INODE, 0, 10) is None
    assert await reader.read(INODE, node, 0, 10) == content[:10]
    assert bench.verdict(own) == VERIFIED
    assert reader.read_nowait(INODE, 0, 10) == content[:10]


async def test_a_local_file_that_appears_serves_a_wrong_content(
    bench: Bench, tmp_path: Path
) -> None:
    """`dvc pull` mends what the remote had wrong."""
    content = content_of(9 * MIB)
    place = FaultyPlace(b"", local=True)
    place.fail = lambda number, request: ObjectMissing("not yet")
    reader, node = reader_of(bench, content, place)
    bench.store.set_verdict(bench.fetcher.own(node.blob).key, BAD)
    with pytest.raises(DataUnavailable):
        await reader.read(INODE, node, 0, 10)
    (tmp_path / "object").write_bytes(content)
    place.file = str(tmp_path / "object")
    assert await reader.read(INODE, node, 0, 10) == content[:10]


class Unreadable(FaultyPlace):
    """A file of the right size on a disk that gives an error for each read of it."""

    def open_file(self) -> int | None:
        return None if self.file is None else os.open(self.file, os.O_WRONLY)


def cut(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Files are cut after their size was looked at."""
    read = LocalFile.read

    def read_cut(self: LocalFile, offset: int, length: int) -> Data:
        os.truncate(path, 10)
        return read(self, offset, length)

    monkeypatch.setattr(LocalFile, "read", read_cut)


@pytest.mark.parametrize("size", [5000, 9 * MIB])
@pytest.mark.parametrize("way", ["error", "cut"])
async def test_a_local_file_that_cannot_be_read_is_none(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    size: int,
    way: str,
) -> None:
    content = content_of(size)
    file = tmp_path / "object"
    file.write_bytes(content)
    kind = Unreadable if way == "error" else FaultyPlace
    cache, remote = kind(content, label="dvc-cache", local=True), FaultyPlace(content)
    cache.file = str(file)
    if way == "cut":
        cut(monkeypatch, file)
    reader = Reader(bench.store, bench.fetcher, lambda origin, blob: [cache, remote], push_small=0)
    node = FileNode(Blob(blob_of(content).digest, size), Kind.FILE, 0, 0)
    reader.open(INODE, node)
    assert reader.read_nowait(INODE, 0, 10) is None
    assert await reader.read(INODE, node, 0, 10) == content[:10]
    assert await reader.read(INODE, node, 4000, 10) == content[4000:4010]
    assert remote.requests
    assert "bug" not in caplog.text


async def test_of_a_small_file_that_is_at_hand_nothing_is_remembered(bench: Bench) -> None:
    content = content_of(5000)
    reader, node = reader_of(bench, content)
    filesystem = FileSystem(View(DictListing({}), "", None), cast("RevisionSource", None), reader)
    inode = filesystem.files.remember(node.blob, Kind.FILE, 0, 0)
    assert filesystem.read_nowait(inode, 0, 10) is None
    assert await filesystem.read(inode, 0, 10) == content[:10]
    await bench.quiet()
    reader.forget(inode)
    assert filesystem.read_nowait(inode, 4000, 8000) == content[4000:]
    assert filesystem.read_nowait(inode, 5000, 10) == b""
    assert inode not in reader.files
    assert filesystem.counters.waited == 1


async def test_what_is_remembered_may_be_forgotten_during_a_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the read itself, when that becomes too much, or by another one that met a damaged block."""
    monkeypatch.setattr("vfs.fs.reader.MOST_EXTENTS", 2)
    content = content_of(MIB)
    reader, node = reader_of(bench, content)
    await bench.read(node.blob, [FaultyPlace(content)], 0, 1)
    await bench.quiet()
    assert await reader.read(INODE, node, 0, len(content)) == content


@pytest.mark.parametrize("remembered", [True, False])
async def test_what_another_process_finds_wrong_is_not_served_any_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, remembered: bool
) -> None:
    """What is remembered of a file that was read before leads nowhere; the kernel may have pages of one that is not remembered."""
    content = content_of(9 * MIB)
    spot = 5 * MIB  # in no block that waits for a verdict
    bad = content[:spot] + bytes([content[spot] ^ 1]) + content[spot + 1 :]
    reader, node = reader_of(bench, bad)
    node = FileNode(blob_of(content), Kind.FILE, 0, 0)
    filesystem = FileSystem(View(DictListing({}), "", None), cast("RevisionSource", None), reader)
    inode = filesystem.files.remember(node.blob, Kind.FILE, 0, 0)
    reader.open(inode, node)
    assert await reader.read(inode, node, spot, 10) == bad[spot : spot + 10]
    await bench.quiet()
    assert reader.read_nowait(inode, spot, 10) == bad[spot : spot + 10]
    with ChunkStore.open(bench.store.directory, limit=1 << 30, min_free=0) as other:
        other.set_verdict(node.blob.key, BAD)
    if not remembered:
        monkeypatch.setattr("vfs.fs.reader.MOST_FILES", 0)
        reader.release(inode)
        assert reader.read_nowait(inode, spot, 10) is None
    bench.fetcher.heed(filesystem.files.large)
    assert bench.bad == [node.blob]
    assert filesystem.forget_content(node.blob) == [inode]
    with pytest.raises(ContentMismatch):
        await reader.read(inode, node, spot, 10)
    assert reader.read_nowait(inode, spot, 10) is None
    bench.fetcher.heed(lambda: pytest.fail("nothing new was found"))


async def test_what_others_fetch_is_held_back_as_well(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of a file that this inode never had to fetch: a prefetch did, or who reads the same content elsewhere."""
    content = bytearray(content_of(9 * MIB))
    gate, advance = threading.Event(), Proof.advance

    def slow(proof: Proof, run: range, read: Callable[[int], Any]) -> int | None:
        assert gate.wait(30)
        return advance(proof, run, read)

    monkeypatch.setattr(Proof, "advance", slow)
    blob = blob_of(bytes(content))
    content[5 * MIB] ^= 1
    place = FaultyPlace(bytes(content))
    reader = Reader(bench.store, bench.fetcher, lambda origin, blob: [place], push_small=0)
    node = FileNode(blob._replace(scope=b""), Kind.FILE, 0, 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.fetcher.prefetch, [(blob, lambda: [place])])
        await bench.until(lambda: len(bench.resident(blob)) == 36)
        reader.open(INODE, node)
        served = [reader.read_nowait(INODE, n * BLOCK_SIZE, 10) is not None for n in range(36)]
        gate.set()
        assert served == [True] * 35 + [False]
        with pytest.raises(ContentMismatch):
            await reader.read(INODE, node, 35 * BLOCK_SIZE, 10)
