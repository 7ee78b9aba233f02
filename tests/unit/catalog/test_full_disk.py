"""A disk that fills up during a commit: LMDB says "input/output error" of what was written in part only."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from vfs.catalog import Catalog
from vfs.types import Algorithm, Digest

PAGE = 4096


def digest(number: int) -> Digest:
    return Digest(Algorithm.MD5, number.to_bytes(16, "big"))


@pytest.fixture
def limit() -> Iterator[None]:
    """Sets back how large a file may be, which is what stands for the end of the disk here."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 3 * PAGE], ids=["nothing fits", "a part fits"])
def test_what_is_learned_is_kept_in_memory(
    tmp_path: Path, limit: None, caplog: pytest.LogCaptureFixture, room: int
) -> None:
    catalog = Catalog.open(tmp_path)
    catalog.learn((digest(number), 7, 0) for number in range(20_000))
    end = (tmp_path / "data.mdb").stat().st_size + room
    resource.setrlimit(resource.RLIMIT_FSIZE, (end, resource.RLIM_INFINITY))
    catalog.learn((digest(number), 9, 0) for number in range(20_000, 25_000))
    assert catalog.degraded
    assert catalog.facts(digest(1)) == (7, 0)
    assert catalog.facts(digest(19_999)) == (7, 0)
    assert catalog.facts(digest(24_000)) == (9, 0)
    assert "what is learned from now on is kept in memory" in caplog.text
    catalog.close()
