"""A file that data was imported from: hashed once for all who read it, and again when it has changed; the last place."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.workspace.conftest import Open
from tests.unit.workspace.reading import dvc_config
from tests.unit.workspace.sources import from_url
from vfs.errors import ObjectMissing
from vfs.formats.hashing import new_hasher
from vfs.testing.handmade import HandmadeRepository, md5
from vfs.testing.sandbox import Sandbox
from vfs.types import Algorithm, Blob, Digest
from vfs.workspace import source_file
from vfs.workspace.source_file import SourceFilePlace

READERS = 8
DATA = bytes(range(256)) * 4096


@pytest.fixture
def place(tmp_path: Path) -> SourceFilePlace:
    (tmp_path / "source").write_bytes(DATA)
    digest = Digest(Algorithm.MD5, bytes.fromhex(md5(DATA)))
    return SourceFilePlace(str(tmp_path / "source"), Blob(digest, len(DATA)))


def head(place: SourceFilePlace) -> bytes:
    buffer = bytearray(10)
    with place.get(0, 10) as body:
        assert body.readinto(memoryview(buffer)) == 10
    return bytes(buffer)


def test_many_readers_have_it_hashed_once(
    place: SourceFilePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[int] = []
    all_here = threading.Barrier(READERS)

    class Counting:
        def __init__(self, algorithm: Algorithm, size: int) -> None:
            self._hasher = new_hasher(algorithm, size)

        def update(self, data: bytes) -> None:
            hashed.append(len(data))
            self._hasher.update(data)

        def digest(self) -> bytes:
            return self._hasher.digest()

    def read(_: int) -> bytes:
        all_here.wait(10)
        return head(place)

    monkeypatch.setattr(source_file, "new_hasher", Counting)
    with ThreadPoolExecutor(READERS) as pool:
        assert set(pool.map(read, range(READERS))) == {DATA[:10]}
    assert sum(hashed) == len(DATA)


def test_a_change_that_hides_its_time_is_seen(place: SourceFilePlace, tmp_path: Path) -> None:
    assert head(place) == DATA[:10]
    source = tmp_path / "source"
    before = source.stat()
    with source.open("r+b") as file:
        file.write(b"X")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ObjectMissing, match="has changed since"):
        head(place)


def test_it_comes_behind_the_own_remotes(sandbox: Sandbox, opened: Open) -> None:
    """As with DVC, which pulls an import that has a hash from there only."""
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    (sandbox.root / "f").write_bytes(DATA)
    pointer = from_url("f", str(sandbox.root / "f"), repository.put(DATA), len(DATA))
    repository.commit_raw({**dvc_config(repository.remote), "f.dvc": pointer})
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    entry = snapshot.resolve(b"f")
    places = sorted(workspace.places(snapshot, entry, b"f"), key=lambda place: not place.local)  # type: ignore[arg-type]
    assert [place.label for place in places] == ["dvc-cache", "store", "source"]
