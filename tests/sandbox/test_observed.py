"""What a trace says about a stage, and the file that a trace is kept in."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.errors import FormatError
from vfs.sandbox.changes import Change, Kind, What
from vfs.sandbox.observed import ghosts, propose, undeclared
from vfs.sandbox.trace import Gap, Of, Touch, Trace, load, recorded, save

NAMES = st.sampled_from([b"a", b"b", b"c", b"\xff"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(b"/".join)
INCOMPLETE = (Gap(Of.FILES, "too much"),)


def above(path: bytes) -> list[bytes]:
    parts = path.split(b"/")
    return [b"/".join(parts[:number]) for number in range(1, len(parts))]


@st.composite
def runs(draw: st.DrawFn) -> tuple[Trace, list[Change], set[bytes], dict[bytes, int]]:
    """A tree, what a command touched of it and wrote to it, which directories are tracked as one, and how many files each has."""
    files: set[bytes] = set()
    for path in draw(st.lists(PATHS, max_size=25)):
        directories = {up for file in files for up in above(file)}
        if path not in directories and not set(above(path)) & files:
            files.add(path)
    there = sorted({up for file in files for up in above(file)})
    count = {up: sum(file.startswith(up + b"/") for file in files) for up in there}
    none: set[bytes] = set()
    some = st.sets(st.sampled_from(sorted(files))) if files else st.just(none)
    dirs = st.sets(st.sampled_from(there)) if there else st.just(none)
    touches: dict[bytes, Touch] = dict.fromkeys(sorted(draw(some)), Touch.OPENED)
    touches |= dict.fromkeys(sorted(draw(dirs)), Touch.LISTED)
    written = [Change(path, What.MODIFIED, Kind.FILE) for path in sorted(draw(some))]
    for path in sorted(draw(st.sets(PATHS, max_size=4))):
        if path not in files and path not in there and not set(above(path)) & files:
            made = [up for up in above(path) if up not in there]
            written += [Change(up, What.CREATED, Kind.DIRECTORY) for up in made]
            written.append(Change(path, What.CREATED, Kind.FILE))
            there += made
            files.add(path)
            touches[(made or [path])[0]] = Touch.MADE
    return Trace(touches), written, draw(dirs), count


@given(runs())
def test_what_is_proposed_declares_what_was_touched(
    run: tuple[Trace, list[Change], set[bytes], dict[bytes, int]],
) -> None:
    trace, changes, tracked, count = run
    found = propose(trace, changes, tracked, lambda path: count.get(path, 0))
    both = [*found.deps, *found.outs]
    assert undeclared(trace, changes, found.deps, found.outs) == ([], [])
    assert len(set(both)) == len(both)
    assert not [path for path in both if set(above(path)) & set(both)], "one lies in another"
    wrote = {change.path for change in changes if change.kind is Kind.FILE}
    assert all(path in found.outs or set(above(path)) & set(found.outs) for path in wrote)
    for dep in found.deps:
        assert dep not in wrote
        assert not any(path.startswith(dep + b"/") for path in wrote)


@given(runs(), st.sets(PATHS), st.sets(PATHS), st.sets(PATHS))
def test_what_is_undeclared(
    run: tuple[Trace, list[Change], set[bytes], dict[bytes, int]],
    deps: set[bytes],
    outs: set[bytes],
    ignored: set[bytes],
) -> None:
    """As it is said, one path at a time."""
    trace, changes, _, _ = run
    found = undeclared(trace, changes, sorted(deps), sorted(outs), ignored.__contains__)
    wrote = {change.path for change in changes}
    for path, touch in trace.touches.items():
        declared = ({path, *above(path)} & (deps | outs)) != set()
        wanted = touch is Touch.OPENED and not declared and path not in wrote | ignored
        assert (path in found.read) is wanted
    for dep in deps:
        touched = any(path == dep or path.startswith(dep + b"/") for path in trace.touches)
        assert (dep in found.unread) is (not touched and dep not in ignored)


@given(runs())
def test_nothing_is_decided_by_half_a_trace(
    run: tuple[Trace, list[Change], set[bytes], dict[bytes, int]],
) -> None:
    trace, changes, tracked, count = run
    half = Trace(trace.touches, INCOMPLETE)
    assert undeclared(half, changes, [b"x"], []) == ([], [])
    assert propose(half, changes, tracked, lambda path: count[path]) == ([], [])


def opened(*paths: bytes, listed: tuple[bytes, ...] = ()) -> Trace:
    return Trace(dict.fromkeys(paths, Touch.OPENED) | dict.fromkeys(listed, Touch.LISTED))


@pytest.mark.parametrize(
    ("trace", "tracked", "files", "deps"),
    [
        (opened(b"d/a", b"d/b"), [], 3, [b"d/a", b"d/b"]),
        (opened(b"d/a", b"d/b", listed=(b"d",)), [], 3, [b"d"]),
        (opened(b"d/a", b"d/b", listed=(b"d",)), [], 4, [b"d/a", b"d/b"]),
        (opened(b"d/a", b"d/e/b"), [b"d"], 9, [b"d/a", b"d/e/b"]),
        (opened(b"d/a", listed=(b"d/e",)), [b"d"], 9, [b"d"]),
        (opened(*(b"d/%d" % n for n in range(11))), [b"d"], 99, [b"d"]),
        (opened(b"d/e/a", b"d/e/b", listed=(b"d", b"d/e")), [], 2, [b"d"]),
        (opened(b"a", b"b", listed=(b".",)), [], 2, [b"a", b"b"]),
    ],
    ids=[
        "not listed",
        "most",
        "half",
        "few tracked",
        "tracked and listed",
        "tracked",
        "topmost",
        "never the tree",
    ],
)
def test_directories_for_files(
    trace: Trace, tracked: list[bytes], files: int, deps: list[bytes]
) -> None:
    assert propose(trace, [], tracked, lambda _: files) == (deps, [])


def test_outputs() -> None:
    changes = [
        Change(b"data", What.MODE, Kind.DIRECTORY),
        Change(b"data/raw/new", What.CREATED, Kind.FILE),
        Change(b"gone", What.DELETED, Kind.FILE),
        Change(b"link", What.CREATED, Kind.SYMLINK),
        Change(b"model", What.CREATED, Kind.DIRECTORY),
        Change(b"model/a", What.CREATED, Kind.FILE),
        Change(b"pipe", What.CREATED, Kind.SPECIAL),
        Change(b"src/file", What.MODIFIED, Kind.FILE),
    ]
    trace = opened(b"gone", b"src/other", b"src/file", listed=(b"src",))
    found = propose(trace, changes, [b"data/raw"], lambda _: 2)
    assert found.outs == [b"data/raw", b"link", b"model", b"src/file"]
    assert found.deps == [b"gone", b"src/other"]


def test_ghosts_that_are_there_in_the_end() -> None:
    trace = Trace({b"a": Touch.GHOST, b"b": Touch.GHOST, b"c": Touch.OPENED})
    assert ghosts(trace, [Change(b"b", What.CREATED, Kind.FILE)]) == [b"a"]
    assert ghosts(trace, [], b"a".__eq__) == [b"b"]


BYTES = st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name)
TRACES = st.builds(
    Trace,
    st.dictionaries(BYTES, st.sampled_from(Touch)),
    st.lists(st.builds(Gap, st.sampled_from(Of), st.text())).map(tuple),
)


@given(TRACES, st.integers(0, 500))
def test_the_file(trace: Trace, cut: int) -> None:
    """It is read as it was written; what is cut is refused, never a shorter trace."""
    file = io.BytesIO()
    save(trace, file)
    data = file.getvalue()
    again = load(io.BytesIO(data), "x")
    assert again == trace
    assert list(again.touches) == list(trace.touches)
    if cut < len(data):
        try:
            assert load(io.BytesIO(data[:cut]), "x") == trace  # the rest was only a checksum
        except FormatError as error:
            assert "x:" in error.message  # noqa: PT017 - either is right


@pytest.mark.parametrize("data", [b"", b"text", b"\x28\xb5\x2f\xfd"])
def test_what_is_no_trace(data: bytes) -> None:
    with pytest.raises(FormatError, match="x: "):
        load(io.BytesIO(data), "x")


@given(st.integers(0, 30))
def test_a_record_that_was_cut(length: int) -> None:
    """A program that was killed while it wrote."""
    whole = b"oa/b\0ld\0gghost\0ysome reason\0e\0"
    trace = recorded(io.BytesIO(whole[:length]))
    assert trace.complete is (length == len(whole))
    if trace.complete:
        assert trace.gaps == (Gap(Of.GHOSTS, "some reason"),)
        assert list(trace.touches) == [b"a/b", b"d", b"ghost"]
