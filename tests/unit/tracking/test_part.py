"""Tracked directories of which a part is here: which paths hide what was deleted, and what counts as it."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from vfs.state import FileState, StateTable
from vfs.state.files import NEVER, Known
from vfs.tracking.part import Part, forget_gone, part_of
from vfs.tracking.project import Project
from vfs.types import Algorithm, Digest

A = Digest(Algorithm.MD5, b"a" * 16)
NAMES = st.lists(st.sampled_from([b"a", b"b", b"a-", b"a0"]), min_size=1, max_size=4).map(b"/".join)


def listed(paths: set[bytes]) -> list[bytes]:
    """Those that a listing may have together: none is a directory of another."""
    return sorted(path for path in paths if not any(one.startswith(path + b"/") for one in paths))


def is_hidden(path: bytes, hidden: set[bytes]) -> bool:
    return path in hidden or any(path.startswith(one + b"/") for one in hidden)


@given(st.sets(NAMES, max_size=12), st.data())
def test_just_what_was_deleted_is_hidden_and_by_few(paths: set[bytes], data: st.DataObject) -> None:
    names = listed(paths)
    gone = sorted(data.draw(st.sets(st.sampled_from(names)))) if names else []
    part = Part([(name, A) for name in names if name not in gone], gone)
    hidden = list(part.hidden())
    assert [is_hidden(name, set(hidden)) for name in names] == [name in gone for name in names]
    assert len(set(hidden)) == len(hidden)
    for one in hidden:
        assert not is_hidden(one, set(hidden) - {one})
        above = one.rpartition(b"/")[0]
        kept = [name for name, _ in part.unseen if not above or name.startswith(above + b"/")]
        assert kept or not above, "its directory would do"


@given(st.sets(NAMES, max_size=12), NAMES)
def test_what_lies_below(paths: set[bytes], path: bytes) -> None:
    part = Part([(name, A) for name in listed(paths)], [])
    found = [name for name, _ in part.below(path)]
    assert found == [name for name in listed(paths) if name == path or name.startswith(path + b"/")]
    assert part.below(b"") == part.unseen


def test_a_million_that_were_deleted_are_a_few() -> None:
    gone = [b"old/%03d/%03d" % (one, two) for one in range(1000) for two in range(500)]
    unseen = [(b"new/%03d/%03d" % (one, two), A) for one in range(1000) for two in range(500)]
    assert list(Part(unseen, gone).hidden()) == [b"old"]


def test_what_counts_as_deleted(tmp_path: Path) -> None:
    table = StateTable.open(tmp_path / "state")
    state = FileState(table)
    project = cast(
        "Project", SimpleNamespace(state=state, top=os.fsencode(tmp_path), root=b"", absolute=lambda path: os.fsencode(tmp_path) + b"/" + path)
    )  # fmt: skip
    names = [b"deep/er/x", b"file/x", b"gone", b"here", b"link/x", b"new", b"now/d", b"old/x"]
    state.remember([Known(b"data/" + name, NEVER, A) for name in (b"gone", b"old/x", b"file/x")])
    data = tmp_path / "data"
    (data / "now/d").mkdir(parents=True)
    (data / "here").touch()
    (data / "file").touch()
    (data / "link").symlink_to("now")
    entries = [(name, A) for name in names]
    found = part_of(project, b"data", A, entries)
    assert found == Part([(b"deep/er/x", A), (b"new", A)], [b"gone", b"old/x"])
    assert state.knows([b"data/here", b"data/new"]) == [True, False]
    assert not state.is_whole(b"data", A)
    (data / "new").touch()
    (data / "deep/er").mkdir(parents=True)
    (data / "deep/er/x").touch()
    (data / "now/d").rmdir()
    (data / "now/d").touch()
    (data / "link").unlink()
    (data / "link").mkdir()
    (data / "link/x").touch()
    assert part_of(project, b"data", A, entries) is None
    assert state.is_whole(b"data", A)
    table.close()


def test_what_is_gone_and_not_listed_was_never_seen(tmp_path: Path) -> None:
    table = StateTable.open(tmp_path / "state")
    state = FileState(table)
    names = [b"file/x", b"gone", b"here", b"listed", b"sub/gone", b"sub/here"]
    state.remember(Known(b"data/" + name, NEVER, A) for name in names)
    state.note_whole(b"data", A)
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    for name in ("file", "here", "sub/here"):
        (data / name).touch()
    forget_gone(state, os.fsencode(data), b"data", lambda: {b"listed"})
    assert list(state.below(b"data")) == [b"data/here", b"data/listed", b"data/sub/here"]
    assert not state.is_whole(b"data", A)
    state.note_whole(b"data", A)
    forget_gone(state, os.fsencode(data), b"data", lambda: {b"listed"})
    assert state.is_whole(b"data", A), "nothing went"
    (data / "sub/here").unlink()
    (data / "sub").rmdir()
    (data / "sub").symlink_to(".")
    forget_gone(state, os.fsencode(data), b"data", set)
    assert list(state.below(b"data")) == [b"data/here"]
    table.close()
