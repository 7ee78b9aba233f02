"""The DVC cache as an object store."""

import hashlib
import io
import itertools
import os
import pickle
import random
import threading
from mmap import mmap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfs.errors import ContentMismatch, DataUnavailable, StoreError
from vfs.formats.hashing import new_hasher
from vfs.objects import ObjectCache, fingerprint, hash_source, incoming
from vfs.objects.cache import PIECE, SMALL
from vfs.objects.source import read_stable
from vfs.types import Algorithm, Digest


def md5(data: bytes) -> Digest:
    return Digest(Algorithm.MD5, hashlib.md5(data).digest())


@pytest.fixture
def cache(tmp_path: Path) -> ObjectCache:
    return ObjectCache(str(tmp_path / "cache"))


def files(cache: ObjectCache) -> list[Path]:
    return sorted(path for path in Path(cache.directory).rglob("*") if path.is_file())


@pytest.mark.parametrize("size", [0, 1, SMALL - 1, SMALL, PIECE, PIECE + 1, 3 * PIECE + 17])
@pytest.mark.parametrize("algorithm", [Algorithm.MD5, Algorithm.MD5_DOS2UNIX])
def test_a_file_is_read_once_and_kept(
    cache: ObjectCache, tmp_path: Path, size: int, algorithm: Algorithm
) -> None:
    data = (b"line\r\n" * (size // 6 + 1))[:size]
    source = tmp_path / "source"
    source.write_bytes(data)
    hasher = new_hasher(algorithm)
    hasher.update(data)
    put = cache.ingest(str(source), algorithm)
    assert put.digest == Digest(algorithm, hasher.digest())
    assert (put.size, put.stored) == (size, True)
    assert hash_source(str(source), algorithm) == (put.digest, put.fingerprint)
    (path,) = files(cache)
    assert str(path) == cache.path(put.digest)
    assert path.read_bytes() == data
    assert path.stat().st_mode & 0o777 == 0o444
    assert cache.trusted(put.digest)
    assert cache.verify(put.digest)
    assert cache.size(put.digest) == size
    assert not cache.ingest(str(source), algorithm).stored
    assert [(d, tree, s.st_size) for d, tree, s in cache.objects()] == [(put.digest, False, size)]


def test_a_file_that_was_hashed_is_adopted(cache: ObjectCache, tmp_path: Path) -> None:
    for number in range(2):  # the second time its directory is gone
        source = tmp_path / "source"
        source.write_bytes(b"data")
        inode, mtime = source.stat().st_ino, source.stat().st_mtime_ns
        assert cache.adopt(bytes(source), md5(b"data"), mtime)
        cache.sync()
        (path,) = files(cache)
        assert not source.exists()
        assert (path.stat().st_ino, path.stat().st_mode & 0o777) == (inode, 0o444)
        assert cache.trusted(md5(b"data"), size=4)
        if not number:
            path.unlink()
            path.parent.rmdir()


def test_a_file_that_may_change_is_not_adopted(cache: ObjectCache, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"data")
    source.chmod(0o640)
    mtime = source.stat().st_mtime_ns
    with source.open("r+b") as writer:
        assert not cache.adopt(bytes(source), md5(b"data"), mtime)
        with mmap(writer.fileno(), 0):
            writer.close()
            assert not cache.adopt(bytes(source), md5(b"data"), mtime)
    assert not cache.adopt(bytes(source), md5(b"data"), mtime - 1)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        ObjectCache(str(tmp_path / "file")).adopt(bytes(source), md5(b"data"), mtime)
    assert source.stat().st_mode & 0o777 == 0o640
    with source.open("rb"):
        assert cache.adopt(bytes(source), md5(b"data"), mtime)


def test_a_strict_umask(cache: ObjectCache) -> None:
    """DVC trusts an object of exactly mode 0444."""
    before = os.umask(0o077)
    try:
        assert cache.trusted(cache.put(b"x"))
    finally:
        os.umask(before)


@pytest.mark.parametrize("size", [1, PIECE, PIECE + 1])
def test_what_the_end_of_a_machine_cut_is_replaced(
    cache: ObjectCache, tmp_path: Path, size: int
) -> None:
    """It may leave a name whose bytes nobody brought to the disk."""
    source = tmp_path / "source"
    source.write_bytes(b"x" * size)
    path = Path(cache.path(cache.ingest(str(source)).digest))
    path.chmod(0o644)
    os.truncate(path, 0)
    path.chmod(0o444)
    assert cache.ingest(str(source)).stored
    assert path.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("files", [3, 40])
@pytest.mark.parametrize("size", [10, 9 << 20])
def test_a_sync_brings_files_and_new_directories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, size: int
) -> None:
    """Few or large ones one by one, with every directory that got an entry; many small ones with all there is."""
    if files * size > 100 << 20:
        files = 17  # more than the few
    synced: set[str] = set()
    whole: list[str] = []
    monkeypatch.setattr(incoming, "_sync", synced.add)
    monkeypatch.setattr(incoming, "sync_filesystem", lambda number, name: whole.append(name))
    cache = ObjectCache(str(tmp_path / "new" / "cache"))
    for number in range(files):
        with (tmp_path / "source").open("wb") as file:
            file.write(b"%d" % number)
            file.truncate(size)
        cache.ingest(str(tmp_path / "source"))
    cache.sync()
    if files == 40:
        assert whole == [cache.directory]
        return
    assert not whole
    found = (tmp_path / "new").rglob("*")
    made = {str(path) for path in found if path.is_file() or any(path.iterdir())}
    assert synced == made | {str(tmp_path / "new"), str(tmp_path)}


def test_what_others_put_is_brought_to_the_disk(
    cache: ObjectCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, with all there is: nobody here knows what it was."""
    whole: list[str] = []
    monkeypatch.setattr(incoming, "sync_filesystem", lambda number, name: whole.append(name))
    cache.expect()
    cache.sync()
    cache.sync()
    assert whole == [cache.directory]


def test_it_goes_to_another_process_as_its_place(cache: ObjectCache) -> None:
    """There it is the same for all calls, so that what it found out of the file system is asked once."""
    there = pickle.loads(pickle.dumps(cache))
    assert there.directory == cache.directory
    assert pickle.loads(pickle.dumps(cache)) is there


def test_what_is_not_trusted_is_replaced(cache: ObjectCache, tmp_path: Path) -> None:
    digest = cache.put(b"right")
    path = Path(cache.path(digest))
    path.chmod(0o644)
    path.write_bytes(b"wrong")
    assert not cache.trusted(digest)
    assert not cache.verify(digest)
    with pytest.raises(ContentMismatch):
        cache.read(digest, limit=100)
    (tmp_path / "source").write_bytes(b"right")
    assert cache.ingest(str(tmp_path / "source")).stored
    assert cache.read(digest, limit=100) == b"right"


@settings(deadline=None)
@given(data=st.binary(max_size=100), pieces=st.integers(1, 40))
def test_receive_takes_what_the_digest_names(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, pieces: int
) -> None:
    cache = ObjectCache(str(tmp_path_factory.mktemp("cache")))
    stream = io.BytesIO(data)
    assert cache.receive(md5(data), lambda b: stream.readinto(b[:pieces])) == len(data)
    assert cache.read(md5(data), limit=100) == data
    wrong = io.BytesIO(data + b"!")
    with pytest.raises(ContentMismatch):
        cache.receive(md5(data + b"?"), wrong.readinto)
    assert len(files(cache)) == 1


def test_a_symlink_is_followed_only_on_demand(cache: ObjectCache, tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(DataUnavailable, match="symlink"):
        cache.ingest(str(tmp_path / "link"))
    assert cache.ingest(str(tmp_path / "link"), follow=True).digest == md5(b"x")


def test_a_pipe_is_refused_at_once(cache: ObjectCache, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataUnavailable, match="no regular file"):
        cache.ingest(str(tmp_path / "pipe"))


@pytest.mark.parametrize("changes", [0, 1, 2])
def test_a_file_that_changes_is_read_once_more(tmp_path: Path, changes: int) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"0")
    reads: list[bytes] = []

    def take(descriptor: int, size: int) -> bytes:
        reads.append(os.read(descriptor, size))
        if len(reads) <= changes:
            source.write_bytes(b"longer" * len(reads))
        return reads[-1]

    if changes == 2:
        with pytest.raises(DataUnavailable, match="changes while it is read"):
            read_stable(str(source), take)
    else:
        taken, found = read_stable(str(source), take)
        assert taken == source.read_bytes()
        assert found == fingerprint(source.stat())
    assert len(reads) == min(changes, 1) + 1


def test_an_unwritable_cache_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file is in the way")
    with pytest.raises(StoreError, match=str(tmp_path / "cache")):
        ObjectCache(str(tmp_path / "cache")).put(b"x")


def test_directories_that_gc_removes_are_made_again(cache: ObjectCache) -> None:
    digest = cache.put(b"x")
    assert cache.remove(digest) > 0
    os.rmdir(os.path.dirname(cache.path(digest)))
    assert cache.put(b"x") == digest
    assert cache.remove(digest) > 0
    assert cache.remove(digest) == 0


def test_listings_and_both_layouts_are_enumerated(cache: ObjectCache) -> None:
    listing = cache.put(b"[]", is_tree=True)
    legacy = Digest(Algorithm.MD5_DOS2UNIX, md5(b"old").value)
    cache.receive(legacy, io.BytesIO(b"old").readinto)
    found = {(digest, tree) for digest, tree, _ in cache.objects()}
    assert found == {(listing, True), (legacy, False)}


def test_sweep_leaves_living_writers_alone(cache: ObjectCache) -> None:
    cache.put(b"x")
    base = Path(cache.directory) / "files/md5"
    beside = next(path for path in base.iterdir() if path.is_dir())
    living = ObjectCache(cache.directory)
    started, go = threading.Event(), threading.Event()

    def slow(buffer: memoryview) -> int:
        started.set()
        go.wait()
        return 0

    writer = threading.Thread(target=lambda: living.receive(md5(b""), slow))
    writer.start()
    started.wait()
    dead, young, foreign = base / ".vfs-1-0.tmp", base / ".vfs-1-1.tmp", base / ".abc.tmp"
    lower = beside / ".vfs-1-2.tmp"
    for path in (dead, young, foreign, lower):
        path.write_bytes(b"half")
    for path in base.rglob(".*.tmp"):
        if path != young:
            os.utime(path, (1, 1))
    assert cache.sweep() == 1
    assert not dead.exists()
    assert young.exists()
    assert foreign.exists()
    assert cache.sweep(everywhere=True) == 1
    go.set()
    writer.join()
    assert cache.trusted(md5(b""))


@pytest.mark.parametrize("seed", range(5))
def test_pieces_in_any_order(cache: ObjectCache, seed: int) -> None:
    """An object gets its name with its last piece, and only if it is what its digest names."""
    chance = random.Random(seed)
    data = chance.randbytes(3 * PIECE + 17)
    cuts = sorted({0, len(data), *(chance.randrange(len(data)) for _ in range(9))})
    pieces = list(itertools.pairwise(cuts))
    chance.shuffle(pieces)
    assembly = cache.assemble(md5(data), len(data))
    for number, (start, end) in enumerate(pieces, 1):
        assert assembly.write(start, data[start:end]) == (number == len(pieces))
        assert cache.trusted(md5(data)) == (number == len(pieces))
    assert cache.verify(md5(data))
    wrong = cache.assemble(md5(b"right"), 5)
    with pytest.raises(ContentMismatch):
        wrong.write(0, b"wrong")
    given_up = cache.assemble(md5(b"right"), 5)
    assert not given_up.write(0, b"ri")
    given_up.close()
    assert len(files(cache)) == 1


def test_an_empty_object_in_pieces(cache: ObjectCache) -> None:
    assert cache.assemble(md5(b""), 0).write(0, b"")
    assert cache.verify(md5(b""))
