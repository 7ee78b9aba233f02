"""What a trace says about a stage: pure decisions over paths relative to the tree.

Rules:

* A file was *read* if it was opened and is not what the command wrote: what it made, or what is changed in the end. Whether a file that is changed was read as well cannot
  be seen; it cannot be a dependency of what writes it either.
* A path is declared if it, or a directory above it, is a dependency or an output. A directory that was only listed is not asked for.
* From a trace that is not complete nothing is decided.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final, NamedTuple

from vfs.sandbox.changes import Change, Kind, What
from vfs.sandbox.trace import Touch, Trace

FEW: Final = 10
"""Files of a tracked directory that are declared one by one."""

Ignore = Callable[[bytes], bool]
"""Whether a path is not asked about."""


class Undeclared(NamedTuple):
    """How what was touched differs from what was declared.

    Attributes:
        read: read, and not declared; in the order in which they were opened.
        unread: declared as a dependency, and neither it nor anything in it was opened or listed.
    """

    read: list[bytes]
    unread: list[bytes]


class Proposal(NamedTuple):
    """What a stage could declare; sorted, none in another."""

    deps: list[bytes]
    outs: list[bytes]


def nothing_ignored(_: bytes) -> bool:
    """Every path is asked about."""
    return False


def undeclared(
    trace: Trace,
    changes: Iterable[Change],
    deps: Collection[bytes],
    outs: Collection[bytes],
    ignore: Ignore = nothing_ignored,
) -> Undeclared:
    """What was read and not declared, and what was declared and not read."""
    if not trace.complete:
        return Undeclared([], [])
    declared = {*deps, *outs}
    read = [path for path in _read(trace, changes, ignore) if not _covered(path, declared)]
    touched: set[bytes] = set()
    for path in trace.of(Touch.OPENED, Touch.LISTED, Touch.MADE):
        touched.add(path)
        touched.update(_above(path))
    return Undeclared(read, [dep for dep in deps if dep not in touched and not ignore(dep)])


def ghosts(
    trace: Trace, changes: Iterable[Change], ignore: Ignore = nothing_ignored
) -> list[bytes]:
    """What was looked for in vain, and is not there in the end either."""
    made = {change.path for change in changes if change.what is not What.DELETED}
    return [path for path in trace.of(Touch.GHOST) if path not in made and not ignore(path)]


def propose(
    trace: Trace,
    changes: Iterable[Change],
    tracked: Collection[bytes],
    count: Callable[[bytes], int],
    ignore: Ignore = nothing_ignored,
) -> Proposal:
    """Dependencies and outputs that say what was touched.

    Files as they are. A directory stands for what was read in it if it is tracked as one and it, or a directory in it, was listed or more than `FEW` of its files were
    read; or if it was listed and more than half of its files were read; never if something in it was written, and never the tree itself. A directory stands for what was written in it if it is tracked as one or the command made it.

    Args:
        trace: what was touched.
        changes: what was written.
        tracked: directories that are tracked as one.
        count: how many files there were in a directory and below before the command ran.
        ignore: paths that are neither.
    """
    changes = list(changes)
    if not trace.complete:
        return Proposal([], [])
    written = [change for change in changes if not ignore(change.path)]
    outs = _outs(written, frozenset(tracked))
    apart = {above for change in written for above in _above(change.path)}
    apart |= {above for out in outs for above in _above(out)}
    read = [path for path in _read(trace, changes, ignore) if not _covered(path, outs)]
    below: dict[bytes, int] = {}
    for path in read:
        for above in _above(path):
            below[above] = below.get(above, 0) + 1
    listed = frozenset(trace.of(Touch.LISTED))
    looked_in = listed | {above for path in listed for above in _above(path)}
    whole = {
        path
        for path, number in below.items()
        if path not in apart
        and (
            (path in tracked and (number > FEW or path in looked_in))
            or (path in listed and 2 * number > max(count(path), 1))
        )
    }
    deps = {_topmost(path, whole) for path in read}
    return Proposal(sorted(deps), sorted(outs))


def _outs(written: Iterable[Change], tracked: frozenset[bytes]) -> set[bytes]:
    """What was created or modified, directories instead of what is in them where they stand for it."""
    there = [change for change in written if change.what is not What.DELETED]
    made = {
        change.path
        for change in there
        if change.kind is Kind.DIRECTORY and (change.what is What.CREATED or change.replaced)
    }
    whole = made | {
        above
        for change in written
        for above in (change.path, *_above(change.path))
        if above in tracked
    }
    paths = {change.path for change in there if change.kind in (Kind.FILE, Kind.SYMLINK)}
    filled = paths | {above for path in paths for above in _above(path)}
    wanted = paths | {path for path in whole if path in filled or path in made}
    return {_topmost(path, whole) for path in wanted}


def _read(trace: Trace, changes: Iterable[Change], ignore: Ignore) -> Iterator[bytes]:
    written = {change.path for change in changes if change.what is not What.DELETED}
    return (p for p in trace.of(Touch.OPENED) if p not in written and not ignore(p))


def _above(path: bytes) -> Iterator[bytes]:
    """The directories that a path is in, the nearest first, without the tree itself."""
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        yield path


def _covered(path: bytes, by: Collection[bytes]) -> bool:
    return path in by or b"." in by or any(above in by for above in _above(path))


def _topmost(path: bytes, whole: Collection[bytes]) -> bytes:
    """The topmost directory that stands for a path, or the path."""
    found = path
    for above in _above(path):
        if above in whole:
            found = above
    return found
