"""The whole of a large blob is checked as soon as all of it has been seen."""

import hashlib

import pytest
import trio
from trio.testing import MockClock

from tests.unit.transfer.bench import MIB, SCOPE, Bench, begun, blob_of, content_of, leave, offsets
from vfs.errors import ContentMismatch, RemoteUnavailable
from vfs.store import BAD, VERIFIED
from vfs.testing.places import FaultyPlace
from vfs.transfer.blocks import scoped
from vfs.types import BLOCK_SIZE, Algorithm, Blob, Digest


@pytest.mark.parametrize("seed", [None, 1, 2])
async def test_right_blob_is_verified(bench: Bench, seed: int | None) -> None:
    content = content_of(9 * MIB + 1)
    place = FaultyPlace(content)
    await bench.start()
    blob = blob_of(content)
    for offset in offsets(len(content), seed):
        assert bench.verdict(blob) != VERIFIED
        await bench.read(blob, [place], offset, 1)
    await bench.quiet()
    assert bench.verdict(blob) == VERIFIED
    assert bench.fetcher.statistics().verified == 1


async def test_blob_read_in_order_is_not_read_back(bench: Bench) -> None:
    content = content_of(20 * MIB)
    place = FaultyPlace(content)
    await bench.start()
    blob = blob_of(content)
    await bench.fetcher.prefetch([(blob, lambda: [place])])
    await bench.quiet()
    assert bench.verdict(blob) == VERIFIED


@pytest.mark.parametrize("seed", [None, 3])
async def test_wrong_blob_is_dropped_and_fails_from_then_on(bench: Bench, seed: int | None) -> None:
    content = content_of(9 * MIB)
    blob = blob_of(content)
    bad = bytearray(content)
    bad[5 * MIB] ^= 1
    place = FaultyPlace(bytes(bad))
    await bench.start()
    with pytest.raises(ContentMismatch):  # noqa: PT012 - where it is met depends on how fast the check is
        for offset in offsets(len(content), seed):
            await bench.read(blob, [place], offset, 1)
        await bench.quiet()
        await bench.read(blob, [place], 0, 1)
    await bench.quiet()
    assert bench.verdict(blob) == BAD
    assert not bench.resident(blob)
    assert bench.bad == [blob]
    with pytest.raises(ContentMismatch):
        await bench.read(blob, [place], 0, 1)


async def test_blocks_of_an_earlier_process_count(bench: Bench) -> None:
    content = content_of(9 * MIB)
    blob = blob_of(content)
    place = FaultyPlace(content)
    leave(bench.store, blob, content, range(20))
    await bench.start()
    for block in range(20, 36):
        await bench.read(blob, [place], block * BLOCK_SIZE, 1)
    await bench.quiet()
    assert bench.verdict(blob) == VERIFIED


async def test_evicted_blocks_delay_the_check_until_they_are_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vfs.transfer.fetcher.promote", lambda *_: None)  # it would bring them back
    content = content_of(9 * MIB)
    blob = blob_of(content)
    place = FaultyPlace(content)
    await bench.start()
    for block in range(1, 36):
        await bench.read(blob, [place], block * BLOCK_SIZE, 1)
    await bench.quiet()
    bench.evict(blob, [30])
    await bench.read(blob, [place], 0, 1)
    await bench.quiet()
    assert bench.verdict(blob) != VERIFIED
    await bench.read(blob, [place], 30 * BLOCK_SIZE, 1)
    await bench.quiet()
    assert bench.verdict(blob) == VERIFIED


async def test_blocks_that_come_back_after_eviction_are_checked_too(bench: Bench) -> None:
    content = content_of(9 * MIB)
    blob = blob_of(content)
    place = FaultyPlace(content)
    await bench.start()
    await bench.read(blob, [place], 0, len(content))
    await bench.quiet()
    assert bench.verdict(blob) == VERIFIED
    bench.evict(blob, [30])
    place.content = content[: 30 * BLOCK_SIZE] + b"x" + content[30 * BLOCK_SIZE + 1 :]
    await bench.read(blob, [place], 30 * BLOCK_SIZE, 10)
    await bench.quiet()
    assert bench.bad == [blob]
    assert bench.verdict(blob) == BAD


async def condemned(bench: Bench, place: FaultyPlace, content: bytes) -> Blob:
    """A blob that was read to its end with one wrong byte."""
    blob = blob_of(content)
    place.content = content[:-1] + bytes([content[-1] ^ 1])
    with pytest.raises(ContentMismatch):  # noqa: PT012 - met here or there, by how fast the check is
        await bench.read(blob, [place], 0, len(content))
        await bench.quiet()
        await bench.read(blob, [place], 0, 1)
    await bench.quiet()
    assert bench.bad == [blob]
    return blob


async def test_a_sound_remote_is_believed_again(bench: Bench, mock_clock: MockClock) -> None:
    """Nothing is handed out before all of it was fetched anew and compared."""
    content = content_of(40 * MIB)
    place = FaultyPlace(content)
    await bench.start()
    blob = await condemned(bench, place, content)
    place.content, place.etag = content, "v2"
    asked = len(place.requests)
    with pytest.raises(ContentMismatch):
        await bench.read(blob, [place], 0, 1)
    assert len(place.requests) == asked, "not at once"
    mock_clock.jump(61)
    place.hold_at(39 * MIB)
    got: list[bytes] = []

    async def reader(offset: int) -> None:
        got.append(await bench.read(blob, [place], offset, 10))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader, 0)
        nursery.start_soon(reader, 0)
        await bench.until(lambda: len(bench.resident(blob)) >= 38 * 4)
        assert not got, "the last block is not there"
        place.release()
    assert got == [content[:10]] * 2
    assert bench.verdict(blob) == VERIFIED
    assert await bench.read(blob, [place], 30 * MIB, 10) == content[30 * MIB :][:10]


async def test_what_was_under_way_when_a_blob_was_found_wrong_is_dropped(bench: Bench) -> None:
    content = content_of(9 * MIB)
    blob = blob_of(content)
    place = FaultyPlace(content)
    place.hold_at(5 * MIB + 1000)
    await bench.start()

    async def read() -> None:
        with pytest.raises(ContentMismatch):
            await bench.read(blob, [place], 5 * MIB, 10)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await begun(place, 1)
        await bench.until(lambda: place.sent > 0)
        bench.store.set_verdict(blob.key, BAD)
        bench.fetcher.heed(list)
    place.release()
    await bench.quiet()
    assert place.sent > 5000, "the block was brought to its end"
    assert not bench.resident(blob)


async def test_a_remote_that_is_still_wrong_gives_nothing(
    bench: Bench, mock_clock: MockClock
) -> None:
    content = content_of(9 * MIB)
    place = FaultyPlace(content)
    await bench.start()
    blob = await condemned(bench, place, content)
    mock_clock.jump(61)
    with pytest.raises(ContentMismatch):
        await bench.read(blob, [place], 0, 1)
    await bench.quiet()
    assert not bench.resident(blob)
    assert bench.bad == [blob, blob]


async def test_another_place_is_asked_first_then(bench: Bench, mock_clock: MockClock) -> None:
    content = content_of(9 * MIB)
    bad, good = FaultyPlace(content), FaultyPlace(content, label="second")
    await bench.start()
    blob = blob_of(content)
    bad.content = b"x" + content[1:]
    with pytest.raises(ContentMismatch):  # noqa: PT012 - met here or there
        await bench.read(blob, [bad, good], 0, len(content))
        await bench.quiet()
        await bench.read(blob, [bad, good], 0, 1)
    await bench.quiet()
    mock_clock.jump(61)
    assert await bench.read(blob, [bad, good], 0, 1) == content[:1]
    assert good.sent == len(content)


async def test_the_next_process_proves_it_first(bench: Bench) -> None:
    """Blocks that an earlier process left behind after it found the whole wrong are no better for it."""
    content = content_of(9 * MIB)
    blob = blob_of(content)
    place = FaultyPlace(content)
    leave(bench.store, blob, b"x" * len(content), range(35, 36))
    bench.store.set_verdict(blob.key, BAD)
    await bench.start()
    assert await bench.read(blob, [place], 35 * BLOCK_SIZE, 2) == content[35 * BLOCK_SIZE :][:2]
    assert bench.verdict(blob) == VERIFIED


async def test_what_cannot_be_proved_in_time_is_an_error(
    bench: Bench, mock_clock: MockClock
) -> None:
    content = content_of(9 * MIB)
    blob = blob_of(content)
    bench.store.set_verdict(blob.key, BAD)
    place = FaultyPlace(content)
    place.hold_at(5 * MIB)
    await bench.start(deadline=20)
    errors: list[str] = []

    async def reader() -> None:
        with pytest.raises(RemoteUnavailable) as caught:
            await bench.read(blob, [place], 0, 10)
        errors.append(str(caught.value))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader)
        await bench.until(lambda: bool(bench.resident(blob)))
        mock_clock.jump(21)
    assert "was wrong before" in errors[0]
    place.release()
    mock_clock.jump(4)
    assert await bench.read(blob, [place], 0, 10) == content[:10]


@pytest.mark.parametrize("asked", [False, True])
async def test_a_block_that_comes_again_is_compared_again(bench: Bench, asked: bool) -> None:
    """The part of it that was hashed is not what the store has now; who asks for the verdict may have read it."""
    content = content_of(9 * MIB)
    blob = blob_of(content)
    place = FaultyPlace(content)
    bench.limit_store(12 * MIB)
    leave(
        bench.store, blob_of(content_of(8 * MIB, 1)), content_of(8 * MIB, 1), range(32)
    )  # no room to spare
    await bench.start()
    await bench.read(blob, [place], 0, 5 * MIB)
    await bench.quiet()
    bench.evict(blob, [0])
    place.content = b"x" + content[1:]
    assert await bench.read(blob, [place], 0, 1) == b"x"
    if asked:
        with pytest.raises(ContentMismatch):
            await bench.fetcher.verify(blob, lambda: [place])
    else:
        with pytest.raises(ContentMismatch):
            await bench.read(blob, [place], 5 * MIB, 4 * MIB - 1)
        await bench.quiet()
    assert bench.bad == [blob]


async def test_listener_that_fails_does_not_end_the_fetcher(bench: Bench) -> None:
    content = content_of(5 * MIB)
    await bench.start()
    bench.on_bad = ZeroDivisionError("a bug of the listener")
    with pytest.raises(ContentMismatch):  # noqa: PT012 - met here or there, by how fast the check is
        await bench.read(blob_of(content), [FaultyPlace(content[:-1] + b"x")], 0, len(content))
        await bench.quiet()
        await bench.read(blob_of(content), [FaultyPlace(content)], 0, 1)
    good = content_of(1000)
    assert await bench.read(blob_of(good), [FaultyPlace(good)], 0, 1000) == good


@pytest.mark.parametrize("size", [100_000, 5 * MIB])
@pytest.mark.parametrize("algorithm", [a for a in Algorithm if a is not Algorithm.BLAKE3])
async def test_every_algorithm(bench: Bench, algorithm: Algorithm, size: int) -> None:
    content = content_of(size // 2) + b"line\r\n" * (size // 12)
    values = {
        Algorithm.GIT: hashlib.sha1(b"blob %d\0" % len(content) + content).digest(),
        Algorithm.MD5: hashlib.md5(content).digest(),
        Algorithm.MD5_DOS2UNIX: hashlib.md5(content).digest(),
        Algorithm.SHA256: hashlib.sha256(content).digest(),
        Algorithm.PLACE: b"x" * 32,
    }
    blob = scoped(Blob(Digest(algorithm, values[algorithm]), len(content)), SCOPE)
    place = FaultyPlace(content)
    await bench.start()
    assert await bench.read(blob, [place], 0, len(content)) == content
    await bench.quiet()
    expected = None if algorithm is Algorithm.PLACE else 1
    assert bench.verdict(blob) == expected


async def test_text_with_dos_line_ends(bench: Bench) -> None:
    content = b"a\r\nb\r\n" * 1000
    digest = Digest(Algorithm.MD5_DOS2UNIX, hashlib.md5(b"a\nb\n" * 1000).digest())
    await bench.start()
    got = await bench.read(Blob(digest, len(content)), [FaultyPlace(content)], 0, len(content))
    assert got == content


@pytest.mark.parametrize(("changed", "verdict"), [(b"", 1), (b"x", 2)])
async def test_blob_left_whole_is_checked_when_it_is_opened(
    bench: Bench, changed: bytes, verdict: int
) -> None:
    content = content_of(9 * MIB)
    blob = blob_of(content)
    leave(bench.store, blob, changed + content[len(changed) :], range(36))
    await bench.start()
    bench.fetcher.examine(blob, list)
    bench.fetcher.examine(blob, list)
    await bench.quiet()
    assert bench.verdict(blob) == verdict
    assert bench.bad == ([] if verdict == 1 else [blob])
    now = bench.fetcher.statistics()
    assert (now.verified, now.bad) == ((1, 0) if verdict == 1 else (0, 1))


async def test_blob_left_in_part_is_left_alone(bench: Bench) -> None:
    content = content_of(9 * MIB)
    blob = blob_of(content)
    place = FaultyPlace(content)
    leave(bench.store, blob, content, range(35))
    await bench.start()
    bench.fetcher.examine(blob, list)
    await bench.quiet()
    assert bench.verdict(blob) != VERIFIED
    await bench.read(blob, [place], 35 * BLOCK_SIZE, 1)
    await bench.quiet()
    assert bench.verdict(blob) == VERIFIED


async def test_a_process_that_dies_before_its_check_leaves_no_verdict_of_before(
    bench: Bench,
) -> None:
    """All blocks were evicted, came back wrong, and nobody came to compare them."""
    content = content_of(9 * MIB)
    blob = blob_of(content)
    leave(bench.store, blob, content, range(36))
    bench.store.set_verdict(blob.key, VERIFIED)
    bench.evict(blob, range(36))
    leave(bench.store, blob, b"x" + content[1:], range(36))
    assert bench.verdict(blob) != VERIFIED
    await bench.start()
    bench.fetcher.examine(blob, list)
    await bench.quiet()
    assert bench.verdict(blob) == BAD
