"""What a reader gets when places fail, lie or do not answer."""

import logging
import threading

import pytest
import trio
from trio.testing import MockClock

from tests.unit.transfer.bench import MIB, Bench, begun, blob_of, content_of
from vfs.errors import (
    AccessDenied,
    ConfigError,
    ContentMismatch,
    DataUnavailable,
    ObjectMissing,
    RemoteUnavailable,
)
from vfs.store import VERIFIED
from vfs.testing.places import FaultyPlace
from vfs.types import BLOCK_SIZE, Algorithm, Blob, Digest


def missing(label: str = "first") -> FaultyPlace:
    place = FaultyPlace(b"", label=label)
    place.fail = lambda number, request: ObjectMissing(f"{label} has no such object")
    return place


async def test_next_place_is_asked(bench: Bench) -> None:
    content = content_of(9 * MIB)
    good = FaultyPlace(content, label="second")
    await bench.start()
    blob = blob_of(content)
    assert await bench.read(blob, [missing(), good], 5 * MIB, 10) == content[5 * MIB :][:10]
    assert bench.fetcher.statistics().retries == 1
    assert bench.fetcher.statistics().places == {"second": BLOCK_SIZE}


async def test_local_places_come_first(bench: Bench) -> None:
    content = content_of(MIB)
    remote, local = FaultyPlace(content), FaultyPlace(content, label="git", local=True)
    await bench.start()
    await bench.read(blob_of(content), [remote, local], 0, 10)
    assert not remote.requests
    assert local.requests


async def test_a_local_place_that_lacks_a_blob_costs_no_job(bench: Bench) -> None:
    content = content_of(MIB)
    empty = missing("dvc-cache")
    empty.local = True
    remote = FaultyPlace(content)
    await bench.start()
    assert await bench.read(blob_of(content), [empty, remote], 0, 10) == content[:10]
    assert bench.fetcher.statistics().requests == 1
    lost = blob_of(content_of(MIB, 1))
    with pytest.raises(DataUnavailable, match="dvc-cache has no such object"):
        await bench.read(lost, [empty, missing()], 0, 10)
    assert bench.fetcher.statistics().requests == 2


async def test_local_cache_without_the_blob_is_no_news(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    content = content_of(MIB)
    local = missing("dvc-cache")
    local.local = local.here = True  # it went a moment ago
    await bench.start()
    await bench.read(blob_of(content), [local, FaultyPlace(content)], 0, 10)
    assert bench.fetcher.statistics().failed_requests == 0
    assert not caplog.records


async def test_all_reasons_are_told(bench: Bench) -> None:
    denied = FaultyPlace(b"", label="second")
    denied.fail = lambda number, request: AccessDenied("second says no", hint="log in")
    await bench.start()
    with pytest.raises(DataUnavailable) as caught:
        await bench.read(blob_of(content_of(10)), [missing(), denied], 0, 10)
    assert "first has no such object" in str(caught.value)
    assert "second says no" in str(caught.value)
    assert caught.value.hint == "log in"


def says(label: str, text: str) -> FaultyPlace:
    place = FaultyPlace(b"", label=label)
    place.fail = lambda number, request: ObjectMissing(text)
    return place


async def test_a_place_is_named_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    cache = "dvc-cache: no file /c/files/md5/ab"
    places = [
        says("dvc-cache", cache),
        says("dvc-cache", cache),
        says("store", "remote store (/r): ab: there is no such file"),
        says("git", "the clone is shallow"),
        says("s", "remote store (/r): ab: there is no such file, either"),
    ]
    await bench.start()
    blob = blob_of(content_of(10))
    with pytest.raises(DataUnavailable) as caught:
        await bench.read(blob, places, 0, 10)
    assert str(caught.value) == (
        f"no place has {blob.digest} (dvc-cache: no file /c/files/md5/ab; "
        "remote store (/r): ab: there is no such file; git: the clone is shallow; "
        "s: remote store (/r): ab: there is no such file, either)"
    )
    assert caught.value.hint == "was the data pushed? run `dvc push` where it was added"
    assert "store: remote store" not in caplog.records[1].getMessage()


async def test_no_place_at_all(bench: Bench) -> None:
    await bench.start()
    with pytest.raises(DataUnavailable, match="nothing says where"):
        await bench.read(blob_of(b"x"), [], 0, 1)


async def test_places_that_cannot_be_found(bench: Bench) -> None:
    await bench.start()

    def broken() -> list[FaultyPlace]:
        raise ConfigError("bad .dvc/config")

    with pytest.raises(ConfigError, match="bad"):
        await bench.fetcher.read(blob_of(b"x"), broken, 0, 1)


async def test_failure_is_remembered_for_a_moment_and_logged_once(
    mock_clock: MockClock, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    place = missing()
    blob = blob_of(content_of(10))
    await bench.start()
    for _ in range(100):
        with pytest.raises(DataUnavailable):
            await bench.read(blob, [place], 0, 10)
    assert len(place.requests) == 1
    assert [r.levelno for r in caplog.records if "no place has" in r.getMessage()] == [
        logging.WARNING
    ]
    mock_clock.jump(10)
    place.content = content_of(10)
    place.fail = lambda number, request: None
    assert await bench.read(blob, [place], 0, 10) == place.content


async def test_repeated_errors_do_not_ask_to_be_logged(bench: Bench) -> None:
    await bench.start()
    blob = blob_of(content_of(10))
    for _ in range(2):
        with pytest.raises(DataUnavailable) as caught:
            await bench.read(blob, [missing()], 0, 10)
        assert caught.value.log_level == logging.DEBUG


async def test_connection_breaks_half_way(bench: Bench) -> None:
    content = content_of(9 * MIB)
    breaking = FaultyPlace(content, label="first")
    breaking.break_at = lambda number, request: BLOCK_SIZE + 100
    good = FaultyPlace(content, label="second")
    await bench.start()
    blob = blob_of(content)
    assert await bench.read(blob, [breaking, good], 4 * MIB, MIB) == content[4 * MIB : 5 * MIB]
    assert good.ranges == [(4 * MIB + BLOCK_SIZE, 3 * BLOCK_SIZE)], "what had come is kept"


async def test_short_answer_is_an_error_of_the_place(bench: Bench, mock_clock: MockClock) -> None:
    content = content_of(9 * MIB)
    short = FaultyPlace(content[: 5 * MIB + 10], label="first")
    short.reported_size = len(content)
    mock_clock.rate = 10
    await bench.start(deadline=20)
    with pytest.raises(RemoteUnavailable, match="ended at byte"):
        await bench.read(blob_of(content), [short], 5 * MIB, 100)


async def test_deadline_names_place_and_attempt(
    mock_clock: MockClock, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    content = content_of(9 * MIB)
    place = FaultyPlace(content, label="s3://bucket")
    place.hold()
    await bench.start(deadline=30.0)
    blob = blob_of(content)
    errors: list[str] = []

    async def reader() -> None:
        with pytest.raises(RemoteUnavailable) as caught:
            await bench.read(blob, [place], 5 * MIB, 10)
        errors.append(str(caught.value))

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(reader)
        await begun(place, 1)
        await bench.until(lambda: bench.fetcher.statistics().waiting_readers == 50)
        mock_clock.jump(31)
    assert len(errors) == 50
    assert "s3://bucket" in errors[0]
    assert blob.digest.hex in errors[0]
    assert "attempt 1: no answer yet" in errors[0]
    assert "30 s" in errors[0]
    assert sum("within 30 s" in record.getMessage() for record in caplog.records) == 1
    place.release()
    await bench.quiet()
    assert await bench.read(blob, [place], 5 * MIB, 10) == content[5 * MIB :][:10]


async def test_wrong_bytes_of_a_small_blob_are_never_seen(bench: Bench) -> None:
    content = content_of(MIB)
    bad = bytearray(content)
    bad[-1] ^= 1
    liar, good = FaultyPlace(bytes(bad), label="first"), FaultyPlace(content, label="second")
    await bench.start()
    blob = blob_of(content)
    assert await bench.read(blob, [liar, good], 0, 10) == content[:10]
    await bench.quiet()
    assert bench.stored(blob) == content
    assert bench.verdict(blob) == VERIFIED
    assert bench.fetcher.statistics().mismatches == 1


async def test_wrong_bytes_everywhere(bench: Bench) -> None:
    content = content_of(MIB)
    liar = FaultyPlace(content[:-1] + b"x")
    await bench.start()
    for _ in range(3):
        with pytest.raises(ContentMismatch, match="damaged everywhere"):
            await bench.read(blob_of(content), [liar], 0, 10)
    assert len(liar.requests) == 1
    assert not bench.resident(blob_of(content))


async def test_wrong_size_is_noticed_before_a_byte_is_taken(bench: Bench) -> None:
    content = content_of(9 * MIB)
    longer = FaultyPlace(content + b"x")
    await bench.start()
    with pytest.raises(ContentMismatch, match="expected"):
        await bench.read(blob_of(content), [longer], 5 * MIB, 10)
    assert longer.sent == 0


async def test_later_ranges_are_of_the_same_version(bench: Bench) -> None:
    content = content_of(9 * MIB)
    place = FaultyPlace(content)
    await bench.start()
    blob = blob_of(content)
    await bench.read(blob, [place], 5 * MIB, 10)
    await bench.read(blob, [place], 8 * MIB, 10)
    assert [request.etag for request in place.requests] == ["", "v1"]


async def test_replaced_object_is_read_anew_once_if_its_digest_can_tell(bench: Bench) -> None:
    content = content_of(9 * MIB)
    place = FaultyPlace(content)
    await bench.start()
    blob = blob_of(content)
    await bench.read(blob, [place], 5 * MIB, 10)
    place.etag = "v2"
    assert await bench.read(blob, [place], 8 * MIB, 10) == content[8 * MIB :][:10]
    place.etag = "v3"
    with pytest.raises(DataUnavailable, match="changed"):
        await bench.read(blob, [place], 6 * MIB, 10)


async def test_replaced_object_without_digest_is_an_error(bench: Bench) -> None:
    content = content_of(9 * MIB)
    place = FaultyPlace(content)
    await bench.start()
    blob = Blob(Digest(Algorithm.PLACE, b"p" * 32), len(content))
    await bench.read(blob, [place], 5 * MIB, 10)
    place.etag = "v2"
    with pytest.raises(DataUnavailable, match="changed"):
        await bench.read(blob, [place], 8 * MIB, 10)


async def test_bug_in_a_place_costs_one_error(bench: Bench) -> None:
    place = FaultyPlace(b"")

    def bug(number: int, request: object) -> None:
        raise ZeroDivisionError

    place.fail = bug
    await bench.start()
    with pytest.raises(DataUnavailable, match="ZeroDivisionError"):
        await bench.read(blob_of(b"x"), [place], 0, 1)


async def test_other_places_are_asked_once_they_changed(bench: Bench) -> None:
    content = content_of(9 * MIB)
    old, new = FaultyPlace(content, label="old"), FaultyPlace(content, label="new")
    blob, found = blob_of(content), [old]
    await bench.start()
    await bench.fetcher.read(blob, lambda: found, 8 * MIB, 10)
    old.fail = lambda number, request: ObjectMissing("gone")
    with pytest.raises(DataUnavailable, match="gone"):
        await bench.fetcher.read(blob, lambda: found, 5 * MIB, 10)
    found = [new]
    bench.fetcher.places_changed()
    got = await bench.fetcher.read(blob, lambda: found, 5 * MIB, 10)
    assert bytes(got) == content[5 * MIB :][:10]


async def test_places_that_change_while_they_are_looked_for(bench: Bench) -> None:
    content = content_of(1000)
    old, new = missing("old"), FaultyPlace(content, label="new")
    asked, go_on = threading.Event(), threading.Event()
    found: list[FaultyPlace] = [old]

    def places() -> list[FaultyPlace]:
        answer = list(found)
        asked.set()
        assert go_on.wait(30)
        return answer

    await bench.start()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.fetcher.read, blob_of(content), places, 0, 1000)
        await trio.to_thread.run_sync(asked.wait, 30)
        found[:] = [new]
        bench.fetcher.places_changed()
        go_on.set()
    assert old.requests == []
    assert len(new.requests) == 1


async def test_a_content_without_digest_stays_with_its_version(bench: Bench) -> None:
    content = content_of(9 * MIB)
    place = FaultyPlace(content)
    await bench.start()
    blob = Blob(Digest(Algorithm.PLACE, b"p" * 32), len(content))
    await bench.read(blob, [place], 5 * MIB, 10)
    bench.fetcher.places_changed()
    await bench.read(blob, [place], 8 * MIB, 10)
    assert [request.etag for request in place.requests] == ["", "v1"]
