"""Files that somebody has looked at before they are put, and a sync that is begun early."""

import os
from pathlib import Path

import pytest

from vfs.errors import DataUnavailable, StoreError
from vfs.objects import ObjectCache, fingerprint, incoming
from vfs.objects.presence import trusted
from vfs.types import Algorithm, Digest

NOTHING = Digest(Algorithm.MD5, bytes(16))


@pytest.fixture
def cache(tmp_path: Path) -> ObjectCache:
    return ObjectCache(str(tmp_path / "cache"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    return path


def test_a_file_that_is_as_it_was_seen(cache: ObjectCache, file: Path) -> None:
    seen = fingerprint(file.stat())
    put = cache.ingest(str(file), seen=seen)
    assert (put.size, put.fingerprint, put.stored) == (6, seen, True)
    assert cache.read(put.digest, limit=10) == b"before"
    assert not cache.ingest(str(file), seen=seen).stored


@pytest.mark.parametrize("content", [b"after it was seen", b"BEFORE", b"", bytes(1 << 21)])
def test_a_file_that_changed_since_it_was_seen_is_put_as_it_is_now(
    cache: ObjectCache, file: Path, content: bytes
) -> None:
    seen = fingerprint(file.stat())
    os.utime(file, (1, 1))
    file.write_bytes(content)
    put = cache.ingest(str(file), seen=seen)
    assert cache.read(put.digest, limit=1 << 21) == content
    assert put.fingerprint == fingerprint(file.stat()) != seen


def test_what_is_no_file_any_more_is_refused_without_waiting(
    cache: ObjectCache, file: Path, tmp_path: Path
) -> None:
    seen = fingerprint(file.stat())
    file.rename(tmp_path / "other")
    with pytest.raises(DataUnavailable, match="cannot be read"):
        cache.ingest(str(file), seen=seen)
    os.mkfifo(file)
    with pytest.raises(DataUnavailable, match="no regular file"):
        cache.ingest(str(file), seen=seen)
    file.unlink()
    file.symlink_to(tmp_path / "other")
    with pytest.raises(DataUnavailable, match="symlink"):
        cache.ingest(str(file), seen=seen)
    assert cache.ingest(str(file), seen=seen, follow=True).size == 6


def test_contents_that_are_trusted(cache: ObjectCache) -> None:
    here = [cache.put(b"content %d" % number) for number in range(4)]
    os.chmod(cache.path(here[1]), 0o644)
    os.truncate(cache.path(here[2]), 3)
    found = trusted(cache, [*here, NOTHING, None], [9] * 6)
    assert found == [here[0], None, None, here[3], None, None]
    empty = cache.put(b"")
    assert trusted(cache, [empty], [0]) == [empty]


def test_a_sync_that_was_begun_is_waited_for_and_tells_what_failed(
    cache: ObjectCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        cache.put(b"content %d" % number)
    done = []
    monkeypatch.setattr(incoming, "sync_filesystem", lambda *_: done.append(1))
    cache.begin_sync()
    cache.sync()
    assert done == [1]
    cache.sync()  # nothing came since
    assert done == [1]

    def failing(*_: object) -> None:
        raise StoreError("the disk is broken")

    for number in range(40, 80):
        cache.put(b"content %d" % number)
    monkeypatch.setattr(incoming, "sync_filesystem", failing)
    cache.begin_sync()
    with pytest.raises(StoreError, match="broken"):
        cache.sync()


def test_a_few_objects_are_left_to_the_sync(
    cache: ObjectCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.put(b"content")
    monkeypatch.setattr(incoming, "sync_filesystem", lambda *_: pytest.fail("all is waited for"))
    cache.begin_sync()
    cache.sync()
