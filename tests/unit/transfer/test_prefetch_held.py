"""Prefetch beside a process that holds the index: it waits or gives up, and does not fetch the same again and again."""

import pytest
import trio

from tests.unit.transfer.bench import MIB, Bench, begun, blob_of, content_of
from vfs.errors import StoreFull
from vfs.store import Taken
from vfs.testing.holders import be_impatient, held
from vfs.testing.places import FaultyPlace
from vfs.transfer import Place, PlacesOf, Wanted
from vfs.transfer.warmup import MOST_FETCHES


def wanted(found: list[FaultyPlace]) -> list[Wanted]:
    def places(place: Place) -> PlacesOf:
        return lambda: [place]

    return [(blob_of(place.content), places(place)) for place in found]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    be_impatient(monkeypatch)


@pytest.fixture
def found() -> list[FaultyPlace]:
    return [FaultyPlace(content_of(MIB, n), label=f"p{n}") for n in range(20)]


async def test_it_gives_up_a_held_index_in_the_end(
    bench: Bench, found: list[FaultyPlace], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vfs.transfer.warmup.ROOM_SECONDS", 1.0)
    await bench.start()
    with held(bench.store.directory / "index"):
        with trio.fail_after(30), pytest.raises(StoreFull, match="has held its index"):
            await bench.fetcher.prefetch(wanted(found))
        assert all(len(place.requests) <= 1 for place in found)


async def test_it_goes_on_when_the_index_is_let_go(
    bench: Bench, found: list[FaultyPlace], nursery: trio.Nursery
) -> None:
    await bench.start()
    with held(bench.store.directory / "index") as holder:

        async def let_go() -> None:
            for place in found:
                await begun(place, 1)
            holder.kill()

        nursery.start_soon(let_go)
        with trio.fail_after(30):
            report = await bench.fetcher.prefetch(wanted(found))
    assert (report.failed_files, report.fetched_files) == (0, len(found))
    assert all(len(place.requests) <= MOST_FETCHES for place in found)


async def test_a_file_that_is_never_kept_is_fetched_a_few_times_only(
    bench: Bench, found: list[FaultyPlace], monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.start()
    monkeypatch.setattr(bench.store, "append", lambda items, unproven=b"": Taken.LATER)
    with trio.fail_after(30):
        report = await bench.fetcher.prefetch(wanted(found))
    assert report.failed_files == len(found)
    assert "in the way" in report.problems[0][1]
    assert all(len(place.requests) == MOST_FETCHES for place in found)
