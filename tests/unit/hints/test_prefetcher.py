"""What a prefetcher refuses to be made of."""

import re
from typing import Any

import pytest

from vfs.hints import Prefetcher
from vfs.hints.torch import HintedSampler

WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"trail": -1}, ValueError, "trail=-1: expected a whole number, 0 or more"),
    ({"trail": 1.5}, TypeError, "trail=1.5: expected a whole number, 0 or more"),
    ({"trail": "8"}, TypeError, "trail='8': expected a whole number, 0 or more"),
    ({"ahead": 2.5}, TypeError, "ahead=2.5: expected 1 to 65536 files, or bytes"),
    ({"ahead": None}, TypeError, "ahead=None: expected 1 to 65536 files, or bytes"),
    ({"ahead": 0}, ValueError, "ahead=0: expected 1 to 65536 files, or bytes"),
    ({"ahead": 65_537}, ValueError, "ahead=65537: expected 1 to 65536 files, or bytes"),
    ({"ahead": "much"}, ValueError, "ahead='much': expected 1 to 65536 files, or bytes"),
    ({"ahead": "0"}, ValueError, "ahead='0': expected 1 to 65536 files, or bytes"),
    ({"behind": "forget"}, ValueError, "behind='forget': expected 'drop' or 'keep'"),
]


@pytest.mark.parametrize(("given", "kind", "said"), WRONG, ids=lambda given: str(given)[:20])
def test_an_argument_that_is_wrong_is_named(
    given: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match="^" + re.escape(said)):
        Prefetcher("/mnt", [], **given)
    with pytest.raises(kind, match="^" + re.escape(said)):
        HintedSampler([], str, mount="/mnt", **given)


@pytest.mark.parametrize(("start", "kind"), [(-1, ValueError), (1.0, TypeError)])
def test_so_is_a_place_to_begin_at(start: Any, kind: type[Exception]) -> None:
    coming = Prefetcher("/mnt", ["a"])
    for begin in (
        lambda: Prefetcher("/mnt", ["a"], start=start),
        lambda: coming.renew(["a"], start=start),
        lambda: coming.epoch(start),
    ):
        with pytest.raises(kind, match=f"start={start}: expected a whole number, 0 or more"):
            begin()
    with pytest.raises(kind, match=f"number={start}"):
        coming.advance(start)
    with pytest.raises(kind, match=f"yielded={start}"):
        HintedSampler([1], str, mount="/mnt").load_state_dict({"yielded": start})
