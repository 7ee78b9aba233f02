"""Reading files of a packed remote: in ranges, in bulk, and when the remote lies."""

import random
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vfs.core.windows import WINDOW
from vfs.errors import (
    ContentMismatch,
    FormatError,
    ObjectChanged,
    ObjectMissing,
    RemoteUnavailable,
    VfsError,
)
from vfs.formats.packs import MANIFESTS, PACKS
from vfs.formats.zstd import Buffer, Decompressor
from vfs.packed import Located, PackedPlace, PackedRemote, PackReader, read_files
from vfs.packed.bulk import Small, chunk_in
from vfs.remotes import Remote, Statistics
from vfs.remotes.base import read_body
from vfs.testing.packed import Files, digest_of, pointer_of, push

MIB = 1 << 20


def places_of(remote: Remote, reader: PackReader, files: Files) -> dict[bytes, PackedPlace]:
    manifest = PackedRemote(remote).manifest(pointer_of(files))
    return {
        file.path: PackedPlace(reader, "test", Located(manifest.root.packs, file.chunks))
        for file in manifest.files()
    }


def small(count: int, size: int = 8000) -> dict[bytes, bytes]:
    made = random.Random(1)
    return {b"d/%05d" % n: made.randbytes(size) for n in range(count)}


def read(place: PackedPlace, start: int, length: int) -> bytes:
    return bytes(read_body(place.get(start, length), length))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
@given(st.data())
def test_any_range(remote: Remote, reader: PackReader, data: st.DataObject) -> None:
    content = random.Random(4).randbytes(5 * MIB) + bytes(3 * MIB) + b"end"
    if not [*remote.list(PACKS)]:
        push(remote, {b"": content}, pack_bytes=2 * MIB)
    place = places_of(remote, reader, {b"": content})[b""]
    start = data.draw(st.integers(0, len(content)))
    length = data.draw(st.one_of(st.integers(1, 5000), st.integers(1, len(content))))
    with place.get(start, length) as body:
        assert body.size == len(content)
    assert read(place, start, length) == content[start : start + length]


@pytest.mark.parametrize("shuffled", [False, True])
def test_small_files_share_requests(
    remote: Remote, reader: PackReader, asked: Statistics, shuffled: bool
) -> None:
    files = small(2000)
    push(remote, files, pack_bytes=16 * MIB)
    places = places_of(remote, reader, files)
    paths = sorted(files)
    if shuffled:
        random.Random(2).shuffle(paths)
    before = asked.snapshot().requests
    for path in paths:
        assert read(places[path], 0, len(files[path])) == files[path]
    windows = -(-2000 * 8000 // WINDOW)
    assert asked.snapshot().requests - before <= (windows if shuffled else windows // 4)


def test_a_long_range_is_one_request(remote: Remote, reader: PackReader, asked: Statistics) -> None:
    content = random.Random(4).randbytes(12 * MIB)
    push(remote, {b"": content}, pack_bytes=16 * MIB)
    place = places_of(remote, reader, {b"": content})[b""]
    before = asked.snapshot().requests
    assert read(place, 0, len(content)) == content
    assert asked.snapshot().requests - before == 1
    for start in range(0, 12 * MIB, MIB):
        assert read(place, start, MIB) == content[start : start + MIB]
    assert asked.snapshot().received <= 2.1 * 12 * MIB


def test_files_in_bulk(remote: Remote, asked: Statistics) -> None:
    files = small(4000)
    push(remote, files, pack_bytes=16 * MIB)
    manifest = PackedRemote(remote).manifest(pointer_of(files))
    before = asked.snapshot().requests
    found = {
        p.file.path: bytes(p.data)
        for p in read_files(remote, manifest.root.packs, manifest.files())
    }
    assert found == files
    assert asked.snapshot().requests - before <= 7


def test_some_files_in_bulk(remote: Remote, asked: Statistics) -> None:
    files = small(2000)
    push(remote, files, pack_bytes=16 * MIB)
    manifest = PackedRemote(remote).manifest(pointer_of(files))
    wanted = [file for file in manifest.files() if file.path < b"d/00100" or file.path > b"d/01900"]
    before = asked.snapshot()
    found = {p.file.path: bytes(p.data) for p in read_files(remote, manifest.root.packs, wanted)}
    assert found == {file.path: files[file.path] for file in wanted}
    after = asked.snapshot()
    assert after.requests - before.requests == 2
    assert after.received - before.received <= 200 * 8000


def test_one_file_of_many_reads_one_block(remote: Remote, asked: Statistics) -> None:
    files = {b"d/%06d" % n: b"%d" % n for n in range(20_000)}
    pointer, _ = push(remote, files)
    before = asked.snapshot()
    manifest = PackedRemote(remote).manifest(pointer)
    file = manifest.find(b"d/012345")
    assert file is not None
    assert file.size == 5
    assert manifest.find(b"a") is None
    assert manifest.find(b"d/0123456") is None
    assert manifest.find(b"x") is None
    after = asked.snapshot()
    assert after.requests - before.requests <= 3
    assert after.received - before.received <= MIB


def flip(remote: Remote, prefix: str, at: int) -> None:
    for info in [*remote.list(prefix)]:
        data = bytearray(read_body(remote.get(info.key), info.size))
        data[at] ^= 1
        remote.put(info.key, bytes(data))


def cut(remote: Remote, prefix: str, to: int) -> None:
    for info in [*remote.list(prefix)]:
        remote.put(info.key, bytes(read_body(remote.get(info.key), to)))


@pytest.mark.parametrize("damage", [lambda r: flip(r, PACKS, 20), lambda r: cut(r, PACKS, 40)])
@pytest.mark.parametrize("size", [3000, 6 * MIB])
def test_wrong_bytes_of_a_pack_are_never_given(
    remote: Remote, reader: PackReader, damage: Callable[[Remote], None], size: int
) -> None:
    files = {b"": random.Random(6).randbytes(size)}
    push(remote, files, pack_bytes=16 * MIB)
    damage(remote)
    place = places_of(remote, reader, files)[b""]
    with pytest.raises(ContentMismatch):
        read(place, 0, size)
    manifest = PackedRemote(remote).manifest(pointer_of(files))
    with pytest.raises(ContentMismatch):
        list(read_files(remote, manifest.root.packs, manifest.files()))


@pytest.mark.parametrize(
    "damage",
    [
        lambda r: flip(r, MANIFESTS, 70),
        lambda r: cut(r, MANIFESTS, 70),
        lambda r: cut(r, MANIFESTS, 3),
    ],
)
def test_a_wrong_manifest_is_refused(remote: Remote, damage: Callable[[Remote], None]) -> None:
    pointer, _ = push(remote, small(10))
    damage(remote)
    with pytest.raises(FormatError):
        list(PackedRemote(remote).manifest(pointer).files())


def test_the_manifest_of_another_pointer_is_refused(remote: Remote) -> None:
    one, _ = push(remote, small(2))
    two, _ = push(remote, small(3))
    info = remote.head(two.key)
    remote.put(one.key, bytes(read_body(remote.get(two.key), info.size)))
    with pytest.raises(FormatError, match="is the manifest of"):
        PackedRemote(remote).manifest(one)


def test_a_pack_that_was_replaced(remote: Remote, reader: PackReader) -> None:
    """The collector moved the chunks: the reader asks for the manifest again, in the middle of a file."""
    content = random.Random(9).randbytes(6 * MIB)
    files = {b"": content}
    pointer, _ = push(remote, files, pack_bytes=2 * MIB)
    old = PackedRemote(remote).manifest(pointer)
    packs = [info.key for info in remote.list(PACKS)]
    asked = []

    def again() -> Located | None:
        asked.append(1)
        manifest = PackedRemote(remote).manifest(pointer)
        return Located(manifest.root.packs, manifest.block(0)[0].chunks)

    place = PackedPlace(reader, "test", Located(old.root.packs, old.block(0)[0].chunks), again)
    with place.get(0, len(content)) as body:
        half = bytearray(MIB // 2)
        count = body.readinto(half)
        remote.delete([pointer.key, *packs])
        push(remote, files, pack_bytes=16 * MIB)
        rest = read_body(body, len(content))
    assert half[:count] + rest == content
    assert asked
    remote.delete([info.key for info in remote.list(PACKS)])
    gone = PackedPlace(reader, "test", Located(old.root.packs, old.block(0)[0].chunks))
    with pytest.raises(ObjectMissing):
        read(gone, 0, len(content))


def test_its_version_is_what_its_chunks_are(remote: Remote, reader: PackReader) -> None:
    """Wherever they lie; another manifest that says other ones gives another version."""
    one, two = random.Random(1).randbytes(3 * MIB), random.Random(2).randbytes(3 * MIB)
    push(remote, {b"one": one, b"two": two}, pack_bytes=2 * MIB)
    found = places_of(remote, reader, {b"one": one, b"two": two})
    with found[b"one"].get(0, 10) as body, found[b"two"].get(0, 10) as other:
        versions = body.etag, other.etag
    assert len(set(versions)) == 2
    with found[b"one"].get(0, 10, etag=versions[0]) as body:
        assert read_body(body, 10) == one[:10]
    with pytest.raises(ObjectChanged):
        found[b"one"].get(0, 10, etag=versions[1])


def test_a_body_that_is_closed_gives_no_more(remote: Remote, reader: PackReader) -> None:
    content = random.Random(9).randbytes(12 * MIB)
    push(remote, {b"": content}, pack_bytes=2 * MIB)
    body = places_of(remote, reader, {b"": content})[b""].get(0, len(content))
    body.readinto(bytearray(10))
    body.close()
    with pytest.raises(RemoteUnavailable):
        read_body(body, len(content))


def test_many_readers_fetch_a_window_once(
    remote: Remote, reader: PackReader, asked: Statistics
) -> None:
    files = small(300)
    push(remote, files, pack_bytes=16 * MIB)
    places = places_of(remote, reader, files)
    before = asked.snapshot().requests
    failures: list[VfsError] = []
    barrier = threading.Barrier(8)

    def work(seed: int) -> None:
        paths = sorted(files)
        random.Random(seed).shuffle(paths)
        barrier.wait()
        for path in paths:
            try:
                assert read(places[path], 0, 8000) == files[path]
            except VfsError as error:
                failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert asked.snapshot().requests - before <= -(-300 * 8000 // WINDOW)


def test_a_window_damaged_on_the_disk_is_fetched_again(remote: Remote, reader: PackReader) -> None:
    files = small(3)
    push(remote, files)
    places = places_of(remote, reader, files)
    assert read(places[b"d/00000"], 0, 8000) == files[b"d/00000"]
    assert reader.windows._file is not None
    reader.windows._file.seek(0)
    reader.windows._file.write(bytes(20_000))
    assert read(places[b"d/00001"], 0, 8000) == files[b"d/00001"]


def test_no_directory_for_windows(remote: Remote, tmp_path: Path) -> None:
    files = small(3)
    push(remote, files)
    with closing(PackReader(remote, tmp_path / "missing")) as reader:
        for path, place in places_of(remote, reader, files).items():
            assert read(place, 0, 8000) == files[path]


def test_no_room_for_windows(remote: Remote, tmp_path: Path) -> None:
    files = small(200)
    push(remote, files)
    reader = PackReader(remote, tmp_path)
    reader.close()
    reader.windows._full = False
    with open("/dev/full", "r+b", buffering=0) as full:
        reader.windows._file = full
        for path, place in places_of(remote, reader, files).items():
            assert read(place, 0, 8000) == files[path]


def test_the_small_files_of_a_range_are_taken_together(remote: Remote) -> None:
    """In a thread of it; larger ones come to the caller; one that is refused concerns itself alone."""
    files = {**small(50), b"z large": random.Random(9).randbytes(3 * MIB), b"empty": b""}
    pointer, _ = push(remote, files)
    manifest = PackedRemote(remote).manifest(pointer)
    refused = sorted(small(50))[3]
    by_value = {digest_of(data).value: path for path, data in small(50).items()}
    taken: dict[bytes, bytes] = {}
    failed: list[bytes] = []

    def unpack(data: Buffer, smalls: list[Small]) -> list[str | None]:
        assert threading.current_thread() is not threading.main_thread()
        for one in smalls:
            found = chunk_in(data, one.start, one.stored, one.id, one.size, Decompressor())
            taken[by_value[one.value]] = bytes(found)
        return ["refused" if by_value[one.value] == refused else None for one in smalls]

    pieces = read_files(
        remote,
        manifest.root.packs,
        manifest.files(),
        failed=lambda file, error: failed.append(file.path),
        unpack=unpack,
    )
    assert {piece.file.path for piece in pieces} == {b"z large", b"empty"}
    assert taken == small(50)
    assert failed == [refused]
