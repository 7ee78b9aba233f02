"""What an out holds now, as a pointer and a listing say it.

Rules: an out in the form of DVC 2 is hashed by its own rule first and keeps its form if it is what it was, or if no later DVC could read the
repository anyway (`Project.form`). With
`store` every content is in the cache afterwards (listings are put by `vfs.tracking.change`).
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from io import BufferedReader
from itertools import islice
from typing import NamedTuple, cast

from vfs.errors import (
    ContentMismatch,
    DataUnavailable,
    FormatError,
    StoreError,
    StoreFull,
    UnknownPath,
    Unsupported,
)
from vfs.formats.dirlisting import dump_listing, iter_listing
from vfs.formats.hashing import new_hasher
from vfs.formats.pointer_text import Described
from vfs.objects import ObjectCache
from vfs.tracking.caches import Caches
from vfs.tracking.file import File
from vfs.tracking.ignored import visible
from vfs.tracking.project import Project, is_inside, told
from vfs.types import Algorithm, Digest, Problem, Severity
from vfs.workspace.outs import Claim

Entries = list[tuple[bytes, Digest]]
"""A listing: (path relative to the out, digest), sorted by path."""

_BATCH = 1024


class Recorded(NamedTuple):
    """What lies at the path of an out.

    Attributes:
        content: for its pointer.
        listing: bytes of its listing, if it is a directory.
        entries: of the listing.
        notes: what was left out.
    """

    content: Described
    listing: bytes | None
    entries: Entries
    notes: tuple[Problem, ...]


def record(
    project: Project, path: bytes, old: Digest | None, *, store: bool = True, copy: bool = True
) -> Recorded:
    """Look at a path.

    Args:
        project: that it lies in.
        path: of the out.
        old: what its pointer says.
        store: put contents into the cache.
        copy: False lets them stay in the working tree instead (`vfs.tracking.staying`).

    Raises:
        UnknownPath: there is nothing.
        DataUnavailable, UnsafePath: something cannot be read or tracked.
        StoreFull, StoreError: the cache cannot be written.
    """
    if old is not None and old.algorithm is Algorithm.MD5_DOS2UNIX:
        as_it_was = _look(project, path, old.algorithm, store=False)
        if as_it_was.content.digest == old:
            if not store:
                return as_it_was
            return _look(project, path, old.algorithm, store=True, copy=copy)
    form = project.form if old is None or old.algorithm is Algorithm.MD5_DOS2UNIX else Algorithm.MD5
    return _look(project, path, form, store=store, copy=copy)


def _look(
    project: Project, path: bytes, algorithm: Algorithm, *, store: bool, copy: bool = True
) -> Recorded:
    entries: Entries = []
    found, size, notes = read_below(project, path, path, algorithm, entries, store=store, copy=copy)
    absolute = project.absolute(path)
    if os.path.isdir(absolute) and not os.path.islink(absolute):
        listing = dump_listing(entries)
        digest = listing_digest(listing, algorithm)
        content = Described(digest, True, size, len(entries))
        return Recorded(content, listing, entries, notes)
    if found is None:
        raise UnknownPath(f"there is no {told(path)}")
    return Recorded(
        Described(entries[0][1], size=size, executable=found.executable), None, [], notes
    )


def read_below(
    project: Project,
    path: bytes,
    out: bytes,
    algorithm: Algorithm,
    entries: Entries,
    *,
    store: bool,
    copy: bool = True,
) -> tuple[File | None, int, tuple[Problem, ...]]:
    """Read a path inside an out into `entries`; returns the last file, the bytes of all, and notes.

    Raises:
        DataUnavailable, UnsafePath, StoreFull, StoreError: as `record`.
    """
    scanner = project.scanner()
    start = len(out) + 1
    size, last = 0, None
    cache = project.cache if store and copy else None
    staying = project.staying() if store and not copy else None
    files = scanner.files(path)
    for content in project.contents.of(files, algorithm, cache=cache, progress=project.progress):
        if scanner.problems:
            break
        last = content.file
        size += last.fingerprint.size
        entries.append((last.path[start:], content.digest))
        if staying is not None:
            staying.take(content)
    scanner.check()
    if staying is not None:
        staying.settle()
    return last, size, tuple(scanner.notes)


def in_form(project: Project, cache: ObjectCache, recorded: Recorded) -> Recorded:
    """What was brought into a cache, as the repository has new contents (`Project.form`); in that form it is in the cache, too. Raises as `record`."""
    form = project.form
    if form is Algorithm.MD5:
        return recorded

    def again(digest: Digest) -> Digest:
        place = Caches(project.store).holder(digest) or cache
        return cache.ingest(place.path(digest), form).digest

    if recorded.listing is None:
        content = recorded.content._replace(digest=again(recorded.content.digest))
        return recorded._replace(content=content)
    entries = [(path, again(digest)) for path, digest in recorded.entries]
    listing = dump_listing(entries)
    content = recorded.content._replace(digest=listing_digest(listing, form))
    return recorded._replace(content=content, listing=listing, entries=entries)


def listing_digest(listing: bytes, algorithm: Algorithm) -> Digest:
    """The name of a listing of files that are named by an algorithm."""
    hasher = new_hasher(Algorithm.MD5)
    hasher.update(listing)
    return Digest(algorithm, hasher.digest())


def listed(project: Project, claim: Claim) -> Entries:
    """The entries of the listing that an out's pointer names, wherever it is (a remote is asked last).

    Raises:
        DataUnavailable: no place has it.
        RemoteUnavailable: a remote that may have it does not answer.
        FormatError: it names something that cannot be written again.
        Unsupported: the pointer lists the files itself.
    """
    digest = claim.out.digest
    if claim.out.files is not None or digest is None:
        raise Unsupported(
            f"{told(claim.pointer)} belongs to a version-aware remote or was never committed",
            hint=f"vfs add {told(claim.out.path)}",
        )
    try:
        here = Caches(project.store_of(claim)).listing(digest)
        return sorted((entry.path, entry.digest) for entry in here)
    except (DataUnavailable, ContentMismatch, FormatError):
        return sorted(_listed_anywhere(project, claim, digest))


def _listed_anywhere(project: Project, claim: Claim, digest: Digest) -> Entries:
    """As `listed`, also from remotes of either layout; the cache keeps it, if that can be written."""
    from vfs.workspace.listed import ListedObject  # it loads the drivers of remotes

    name = f"{digest.hex}.dir"
    wanted = ListedObject(project.workspace.session, digest, project.progress)
    store = project.workspace.survey("worktree").roots.store_of(claim.pointer)
    entries: Entries = []
    with wanted.fetch(store, claim.out.remote, local_only=False) as data:
        data.seek(0)
        for entry in iter_listing(data, file=name, algorithm=digest.algorithm):
            if isinstance(entry, Problem):
                raise FormatError(entry.message, hint="the listing must be mended first")
            entries.append((entry.path, entry.digest))
        data.seek(0)
        with suppress(StoreError, StoreFull):
            cache = Caches(project.store_of(claim)).home
            cache.receive(digest, cast("BufferedReader", data).readinto, is_tree=True)
    return entries


def never_seen(project: Project, claim: Claim, new: Entries) -> list[bytes]:
    """Listed files that are not in the working tree and, as far as is known, never were.

    They were not deleted: nobody has checked them out.

    Raises:
        VfsError: as `listed`.
    """
    here = {path for path, _ in new}
    gone = [path for path, _ in listed(project, claim) if path not in here]
    return _unseen(project, claim.out.path, gone)


def _unseen(project: Project, out: bytes, paths: Iterable[bytes]) -> list[bytes]:
    """`unseen`, without what a `.dvcignore` hides: that is no data."""
    return visible(project.top, project.root, out, unseen(project, out, paths))


def unseen(project: Project, out: bytes, paths: Iterable[bytes]) -> list[bytes]:
    """Those paths, relative to an out, at which no file was ever seen. Raises StoreError."""
    top = out + b"/"
    left = iter(paths)
    missing: list[bytes] = []
    while batch := list(islice(left, _BATCH)):
        known = project.state.knows([top + path for path in batch])
        missing += [path for path, seen in zip(batch, known, strict=True) if not seen]
    return missing


def record_parts(
    project: Project,
    claim: Claim,
    paths: Sequence[bytes],
    *,
    copy: bool = True,
    drop: bool = False,
) -> Recorded:
    """A tracked directory of which only some paths are looked at; the others stay as they are listed.

    Args:
        project: that it lies in.
        claim: the directory.
        paths: files or directories in it; what is no longer there leaves the listing.
        copy: as `record`.
        drop: also what was never checked out.

    Raises:
        UnknownPath: a path is neither there nor listed.
        DataUnavailable: files would leave the listing that were never checked out.
        VfsError: as `listed` and `record`.
    """
    out, digest = claim.out, claim.out.digest
    before = entries = listed(project, claim)
    assert digest is not None
    added, appended = 0, True
    notes: tuple[Problem, ...] = ()
    for path in paths:
        below = path[len(out.path) + 1 :]
        found: Entries = []
        _, size, more = read_below(
            project, path, out.path, digest.algorithm, found, store=True, copy=copy
        )
        kept, left = _parted(entries, below, bool(found))
        if not found and not left:
            raise UnknownPath(
                f"{told(path)} is neither there nor in {told(claim.pointer)}",
                hint=f"vfs ls {told(out.path)}",
            )
        gone = left - {path for path, _ in found}
        if not drop:
            _check_seen(claim, path, _unseen(project, out.path, sorted(gone)))
        if gone:
            text = f"{told(path)}: gone, and from the list too (files: {len(gone)})"
            notes += (Problem(path, "gone", text, severity=Severity.NOTE),)
        appended = appended and not left
        added += size
        notes += more
        entries = sorted(kept + found)
    listing = dump_listing(entries)
    new = listing_digest(listing, digest.algorithm)
    total = None  # DVC's rule: known if files were only appended, or nothing changed
    if new == digest and entries == before:
        total = out.size
    elif appended and out.size:
        total = out.size + added
    content = Described(new, True, total, len(entries))
    return Recorded(content, listing, entries, notes)


def _parted(entries: Entries, path: bytes, present: bool) -> tuple[Entries, set[bytes]]:
    """Entries that stay, and paths of those at or below a path and, if something is there now, of a file that was above it."""
    above = set()
    if present:
        parts = path.split(b"/")
        above = {b"/".join(parts[:length]) for length in range(1, len(parts))}
    left = {e[0] for e in entries if is_inside(e[0], path) or e[0] in above}
    return [e for e in entries if e[0] not in left] if left else entries, left


def check_whole(project: Project, claim: Claim, recorded: Recorded) -> None:
    """Refuse to record a directory of which files were never checked out.

    Raises:
        DataUnavailable: there are such files.
        VfsError: as `listed`.
    """
    old = claim.out
    if old.digest is None or not old.is_tree or recorded.content.digest == old.digest:
        return
    _check_seen(claim, old.path, never_seen(project, claim, recorded.entries))


def _check_seen(claim: Claim, path: bytes, missing: list[bytes]) -> None:
    """Refuse to record an out, or a path in it, if files of it were never checked out. Raises DataUnavailable."""
    if missing:
        first = claim.out.path + b"/" + missing[0]
        some = (
            f"not all here: {len(missing)} of its files were never checked out, first {told(first)}"
        )
        what = "not here: it was never checked out" if first == path else some
        raise DataUnavailable(
            f"{told(path)} is {what}; adding it now would drop it from the list",
            hint="vfs checkout it first, add what is here, or say --force to drop what is missing",
        )
