"""The table of fingerprints."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfs.objects import Fingerprint, fingerprint
from vfs.state import CleanOuts, FileState, Seen, StateTable
from vfs.state.clean import Look
from vfs.state.files import RACY, Known
from vfs.types import Algorithm, Digest

A = Digest(Algorithm.MD5, b"a" * 16)
B = Digest(Algorithm.MD5_DOS2UNIX, b"b" * 16)
OLD = Fingerprint(1, 2, 3, 4)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[StateTable]:
    opened = StateTable.open(tmp_path / "state")
    yield opened
    opened.close()


def test_only_the_very_state_is_known(table: StateTable) -> None:
    state = FileState(table)
    state.remember([Known(b"x", OLD, A)])
    assert state.digest(b"x", OLD, Algorithm.MD5) == A
    assert state.digest(b"x", OLD, Algorithm.MD5_DOS2UNIX) is None
    assert state.digest(b"y", OLD, Algorithm.MD5) is None
    for field in OLD._fields:
        assert state.digest(b"x", OLD._replace(**{field: 99}), Algorithm.MD5) is None
    state.remember([Known(b"x", OLD, B)])
    assert state.digest(b"x", OLD, Algorithm.MD5) is None
    assert state.knows([b"x", b"y"]) == [True, False]


def test_a_directory_is_whole_as_it_was_noted(table: StateTable) -> None:
    state = FileState(table)
    assert not state.is_whole(b"d", A)
    state.note_whole(b"d", A)
    state.note_whole(b"e" * 600, B)
    assert [state.is_whole(b"d", digest) for digest in (A, B)] == [True, False]
    assert state.is_whole(b"e" * 600, B)
    assert state.knows([b"d", b"d/x"]) == [False, False]
    assert state.knows_any(b"d")
    state.note_whole(b"d", B)
    assert [state.is_whole(b"d", digest) for digest in (A, B)] == [False, True]


def test_what_we_took_away_was_never_seen(table: StateTable) -> None:
    state = FileState(table)
    paths = [b"d/%d" % number for number in range(12_000)] + [b"d/" + b"x" * 600]
    state.remember(Known(path, OLD, A) for path in paths)
    state.note_whole(b"d", A)
    state.forget([*paths[1:], b"d/", b"unknown"])
    assert state.knows(paths) == [True] + [False] * 12_000
    assert not state.is_whole(b"d", A)
    assert state.digest(b"d/0", OLD, Algorithm.MD5) == A


def test_what_was_seen_below_a_path(table: StateTable) -> None:
    state = FileState(table)
    paths = sorted(b"d/%d" % number for number in range(10_001))
    state.remember(
        Known(path, OLD, A) for path in [b"d", *paths, b"d0", b"d-/x", b"d/" + b"x" * 600]
    )
    state.note_whole(b"d", A)
    assert list(state.below(b"d")) == paths
    assert list(state.below(b"x")) == []


def test_what_moves_is_known_at_its_new_path_and_what_was_there_is_not(table: StateTable) -> None:
    state = FileState(table)
    names = [b"/%d" % number for number in range(12_000)]
    state.remember([Known(b"d" + name, OLD, A) for name in names])
    state.remember([Known(path, OLD, B) for path in (b"d", b"d-x", b"d0", b"e/other", b"e-x")])
    state.note_whole(b"d", A)
    for _ in range(2):  # a move that was interrupted is done again
        state.moved(b"d", b"e")
        assert state.knows([b"e" + name for name in names]) == [True] * 12_000
        assert state.digest(b"e/7", OLD, Algorithm.MD5) == A
        assert (state.is_whole(b"d", A), state.is_whole(b"e", A)) == (False, True)
        assert state.knows([b"e", b"e/other", b"d-x", b"d0", b"e-x"]) == [True, False, True, True, True]  # fmt: skip
        assert not state.knows_any(b"d")
    state.moved(b"e/1", b"f" * 600)
    assert state.knows([b"e/1", b"f" * 600]) == [False, True]
    state.forget_below(b"e")
    assert not state.knows_any(b"e")
    assert not state.is_whole(b"e", A)
    assert state.knows([b"e-x", b"d0"]) == [True, True]


def test_what_is_too_young_is_not_remembered(table: StateTable, tmp_path: Path) -> None:
    state = FileState(table)
    (tmp_path / "file").write_bytes(b"x")
    young = fingerprint((tmp_path / "file").stat())
    state.remember([Known(b"x", young, A)])
    assert state.digest(b"x", young, Algorithm.MD5) is None
    state.remember([Known(b"x", young, A)], now=time.time_ns() + 10**9)
    assert state.digest(b"x", young, Algorithm.MD5) == A


def test_an_mtime_in_the_future_does_not_matter(table: StateTable) -> None:
    """The ctime tells of every write; a copied file keeps its mtime."""
    state = FileState(table)
    ahead = OLD._replace(mtime=time.time_ns() + 10**15)
    state.remember([Known(b"x", ahead, A)])
    assert state.digest(b"x", ahead, Algorithm.MD5) == A


@settings(deadline=None)
@given(paths=st.lists(st.binary(min_size=1, max_size=1200), unique=True, max_size=30))
def test_any_path(tmp_path_factory: pytest.TempPathFactory, paths: list[bytes]) -> None:
    table = StateTable.open(tmp_path_factory.mktemp("state"))
    try:
        state = FileState(table)
        known = [Known(path, OLD._replace(inode=number), A) for number, path in enumerate(paths)]
        state.remember(known)
        asked = [(path, found) for path, found, _ in known]
        assert state.digests(asked, Algorithm.MD5) == [A] * len(paths)
    finally:
        table.close()


def test_it_lasts(tmp_path: Path) -> None:
    for expected in (None, A):
        table = StateTable.open(tmp_path / "state")
        state = FileState(table)
        assert state.digest(b"x", OLD, Algorithm.MD5) == expected
        state.remember([Known(b"x", OLD, A)])
        table.close()


def test_damage_starts_afresh(tmp_path: Path) -> None:
    table = StateTable.open(tmp_path / "state")
    FileState(table).remember([Known(b"x", OLD, A)])
    table.close()
    (tmp_path / "state/data.mdb").write_bytes(b"no database" * 1000)
    table = StateTable.open(tmp_path / "state")
    assert FileState(table).digest(b"x", OLD, Algorithm.MD5) is None
    table.close()


def test_what_was_seen_on_a_remote(table: StateTable) -> None:
    one, other = Seen(table, bytes(16)), Seen(table, b"b" * 16)
    one.add({A: 5.5})
    other.add({B: 7.0})
    assert one.known([A, B]) == [5.5, None]
    one.forget_remote()
    assert one.known([A]) == [None]
    assert other.listings(9) == {B: 7.0}


def test_what_was_too_young_when_it_was_looked_at_is_not_noted(table: StateTable) -> None:
    """It may have been read before it changed in the same tick, however late it is noted."""
    clean, hash_ = CleanOuts(table), bytes(16)
    young = Look(hash_, latest=OLD.ctime + 1, began=OLD.ctime + RACY)
    clean.note(b"data", A, young)
    assert not clean.holds(b"data", A, young)
    old = young._replace(latest=OLD.ctime)
    clean.note(b"data", A, old)
    assert clean.holds(b"data", A, old)
