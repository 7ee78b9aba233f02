"""A chunk in which one range ends and the next begins is fetched once."""

import random
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import trio

from tests.unit.packed.test_reading import places_of
from tests.unit.transfer.bench import Bench, blob_of
from vfs.errors import RemoteUnavailable
from vfs.packed import PackedPlace, PackReader
from vfs.packed.place import _PackedBody
from vfs.remotes import Remote, Statistics
from vfs.remotes.base import read_body
from vfs.testing.packed import push
from vfs.types import BLOCK_SIZE

MIB = 1 << 20


def content_of(mib: int) -> bytes:
    made = random.Random(3)
    return b"".join(made.randbytes(MIB) for _ in range(mib))


def place_of(remote: Remote, reader: PackReader, content: bytes) -> PackedPlace:
    push(remote, {b"": content}, pack_bytes=32 * MIB)
    return places_of(remote, reader, {b"": content})[b""]


def followed(place: PackedPlace, start: int, length: int) -> _PackedBody:
    body = place.get(start, length)
    assert isinstance(body, _PackedBody)
    body.followed = lambda: True
    return body


@pytest.fixture
def content() -> bytes:
    return content_of(16)


@pytest.mark.parametrize("later_first", [True, False])
def test_two_ranges_share_the_chunk_between_them(
    remote: Remote, reader: PackReader, asked: Statistics, content: bytes, later_first: bool
) -> None:
    place = place_of(remote, reader, content)
    before = asked.snapshot().received
    parts = [(0, 4 * MIB), (4 * MIB, 12 * MIB)]
    for start, length in reversed(parts) if later_first else parts:
        found = bytes(read_body(followed(place, start, length), length))
        assert found == content[start : start + length]
    assert asked.snapshot().received - before <= len(content) + 4096


def test_who_ends_in_a_chunk_waits_for_who_begins_with_it(
    remote: Remote, reader: PackReader, asked: Statistics, content: bytes
) -> None:
    place = place_of(remote, reader, content)
    before = asked.snapshot().received
    second = place.get(4 * MIB, 12 * MIB)
    found: list[bytes] = []
    first = threading.Thread(
        target=lambda: found.append(bytes(read_body(followed(place, 0, 4 * MIB), 4 * MIB)))
    )
    first.start()
    assert bytes(read_body(second, 12 * MIB)) == content[4 * MIB :]
    first.join(30)
    assert found == [content[: 4 * MIB]]
    assert asked.snapshot().received - before <= len(content) + 4096


def test_who_waits_asks_itself_if_the_other_ends_without(
    remote: Remote, reader: PackReader, content: bytes
) -> None:
    place = place_of(remote, reader, content)
    second = place.get(4 * MIB, 12 * MIB)
    body = followed(place, 0, 4 * MIB)
    buffer = memoryview(bytearray(4 * MIB))
    done = body.readinto(buffer)
    second.close()
    while done < len(buffer):
        done += body.readinto(buffer[done:])
    body.close()
    assert buffer == content[: 4 * MIB]


def test_who_is_closed_while_it_waits_ends(
    remote: Remote, reader: PackReader, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vfs.packed.edges.PATIENCE", 1000)
    place = place_of(remote, reader, content)
    with closing(place.get(4 * MIB, 12 * MIB)):
        body, errors = followed(place, 0, 4 * MIB), list[Exception]()
        waits = threading.Event()
        wait = reader.edges.wait

        def waiting(*arguments: object) -> bytes | None:
            waits.set()
            return wait(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(reader.edges, "wait", waiting)

        def read() -> None:
            try:
                read_body(body, 4 * MIB)
            except RemoteUnavailable as error:
                errors.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        assert waits.wait(30)
        body.close()
        thread.join(30)
        assert errors


async def test_reading_in_order_fetches_little_more_than_was_read(
    remote: Remote,
    reader: PackReader,
    asked: Statistics,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """But for chunks of which the range behind had not begun, as it is when the remote is quicker than a thread starts."""
    monkeypatch.setattr("vfs.packed.edges.PATIENCE", 1000)  # a busy machine is no slow remote
    content = content_of(64)
    place, blob = place_of(remote, reader, content), blob_of(content)
    stored = {chunk.id: chunk.stored for chunk in place._located.chunks}
    wait, shared, alone = reader.edges.wait, list[int](), list[int]()

    def waiting(chunk: bytes, closed: Callable[[], bool]) -> bytes | None:
        found = wait(chunk, closed)
        (shared if found is not None else alone).append(stored[chunk])
        return found

    monkeypatch.setattr(reader.edges, "wait", waiting)
    before = asked.snapshot().received
    async with trio.open_nursery() as nursery:
        bench = Bench(nursery, tmp_path)
        await bench.start()
        for start in range(0, len(content), BLOCK_SIZE):
            found = await bench.read(blob, [place], start, BLOCK_SIZE)
            assert found == content[start : start + BLOCK_SIZE]
        await bench.quiet()
        bench.scope.cancel()
    bench.store.close()
    assert asked.snapshot().received - before - sum(alone) <= 1.05 * len(content)
    assert len(shared) > len(alone)
