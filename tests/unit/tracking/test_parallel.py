"""Work in threads: single failures are kept, general ones end the run."""

import pytest

from vfs.errors import ObjectMissing, RemoteUnavailable, StoreFull
from vfs.tracking.parallel import PATIENCE, each, each_told


def test_a_failure_does_not_stop_the_others() -> None:
    done = []

    def work(number: int) -> None:
        if number % 10 == 3:
            raise ObjectMissing(str(number))
        done.append(number)

    failed = each(range(100), work, 4)
    assert sorted(done) == [n for n in range(100) if n % 10 != 3]
    assert sorted(item for item, _ in failed) == [n for n in range(100) if n % 10 == 3]


@pytest.mark.parametrize("error", [StoreFull("full"), KeyError("a bug")])
def test_what_concerns_all_ends_the_run(error: Exception) -> None:
    begun = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 5:
            raise error

    with pytest.raises(type(error)):
        each(range(100_000), work, 2)
    assert len(begun) < 100_000


def test_a_remote_that_is_down_is_not_asked_for_everything() -> None:
    asked = []

    def work(number: int) -> None:
        asked.append(number)
        raise RemoteUnavailable("down")

    with pytest.raises(RemoteUnavailable):
        each(range(1000), work, 2)
    assert len(asked) <= 2 * PATIENCE + 2


def test_progress_counts_what_was_tried() -> None:
    told: list[tuple[str, int, int | None]] = []

    def work(item: int) -> None:
        if item == 3:
            raise ObjectMissing("three")

    failed = each_told(range(10), work, 2, lambda *now: told.append(now), "check")
    assert [one.item for one in failed] == [3]
    assert told[-1] == ("check", 10, 10)
