"""Writing what a verb decided: objects, listings, pointers, `.gitignore` lines, in this order.

Rule ("durable before named"): a listing is written when its files are on the disk, a pointer when its listing is.
"""

import io
import os
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from vfs.errors import StoreError
from vfs.formats.dirlisting import ListingEntry, iter_listing
from vfs.formats.gitignore import with_line, without_line
from vfs.formats.pointer_text import Described, edited_pointer, new_pointer
from vfs.git.here import ignored
from vfs.objects import ObjectCache
from vfs.state import OutState, Placed
from vfs.tracking import writes
from vfs.tracking.part import forget_gone
from vfs.tracking.project import Project, is_inside, told
from vfs.tracking.record import Recorded
from vfs.types import Digest
from vfs.workspace.outs import Claim

GITIGNORE = b".gitignore"


class Change(NamedTuple):
    """An out that a verb records.

    Attributes:
        out: its path.
        pointer: path of its `.dvc` file.
        text: bytes of the pointer; None leaves it as it is.
        listing: of a directory: digest and bytes.
        content: what lies at the path; None if that is not known.
    """

    out: bytes
    pointer: bytes
    text: bytes | None
    listing: tuple[Digest, bytes] | None = None
    content: Described | None = None


def change_of(
    project: Project, path: bytes, claim: Claim | None, recorded: Recorded, desc: str = ""
) -> Change:
    """The change that records an out.

    Raises:
        FormatError: its pointer cannot be edited.
    """
    content = recorded.content
    listing = None if recorded.listing is None else (content.digest, recorded.listing)
    if claim is None:
        name = os.path.basename(path).decode()
        return Change(path, path + b".dvc", new_pointer(name, content, desc), listing, content)
    same = _is_recorded(claim, content)
    if same and not desc:
        return Change(path, claim.pointer, None, listing, content)
    old = writes.read(project.absolute(claim.pointer)) or b""
    text = edited_pointer(old, claim.pointer, path, None if same else content, desc=desc)
    return Change(path, claim.pointer, None if text == old else text, listing, content)


def _is_recorded(claim: Claim, content: Described) -> bool:
    out = claim.out
    return (
        out.digest == content.digest
        and out.is_tree == content.is_tree
        and out.executable == content.executable
        and out.files is None
        and out.place is None
    )


def put_listing(cache: ObjectCache, digest: Digest, data: bytes) -> None:
    """Put a listing unless it is there. Raises StoreFull, StoreError."""
    if not cache.trusted(digest, is_tree=True, size=len(data)):
        cache.receive(digest, io.BytesIO(data).readinto, is_tree=True)


def apply(project: Project, changes: Sequence[Change], *, store: bool = True) -> list[bytes]:
    """Write changes whose contents are in the cache; returns the files of Git's that were written.

    Args:
        project: that the outs lie in.
        changes: of different outs.
        store: contents and listings are in the cache; False if a remote has them instead.

    Raises:
        StoreFull, StoreError: something cannot be written.
    """
    if store:
        project.cache.sync()
        for change in changes:
            if change.listing is not None:
                put_listing(project.cache, *change.listing)
        project.cache.sync()
    written: list[bytes] = []
    for change in changes:
        if change.text is not None:
            project.write(change.pointer, change.text)
            written.append(change.pointer)
    written += ignore_all(project, [change.out for change in changes])
    outs = OutState(project.table)
    for change in changes:
        if change.text is not None and change.content is not None:
            names = partial(_names, change.listing)
            forget_gone(project.state, project.absolute(change.out), change.out, names)
        if change.content is not None:
            outs.note(change.out, Placed(change.content.digest, change.content.is_tree))
    return list(dict.fromkeys(written))


def _names(listing: tuple[Digest, bytes] | None) -> set[bytes]:
    """The files of a listing; none of a file."""
    if listing is None:
        return set()
    entries = iter_listing(listing[1], file="", algorithm=listing[0].algorithm)
    return {entry.path for entry in entries if isinstance(entry, ListingEntry)}


def ignore(project: Project, out: bytes) -> list[bytes]:
    """Let Git ignore an out; returns the `.gitignore` that was written, if one had to be.

    Raises:
        StoreError: it cannot be written.
    """
    return ignore_all(project, [out])


def ignore_all(project: Project, outs: Sequence[bytes]) -> list[bytes]:
    """`ignore` of several; Git is asked of those without a line alone."""
    outs = [_without_links(project, out) for out in outs]
    lacking = [out for out in outs if _with_line(project, out) is not None]
    hidden = ignored(project.top, lacking) if lacking else ()
    written = []
    for out in lacking:
        text = None if out in hidden else _with_line(project, out)
        if text is not None:
            project.write(_gitignore(out)[0], text)
            written.append(_gitignore(out)[0])
    return written


def _without_links(project: Project, out: bytes) -> bytes:
    """The path of an out as Git has it, which follows no symlink; as it is, if one leads out of the working tree."""
    directory, _, name = out.rpartition(b"/")
    if not directory:
        return out
    real, top = os.path.realpath(project.absolute(directory)), os.path.realpath(project.top)
    if not is_inside(real, top):
        return out
    return os.path.normpath(os.path.join(os.path.relpath(real, top), name))


def _with_line(project: Project, out: bytes) -> bytes | None:
    """What its `.gitignore` would be with a line of it; None if it has one."""
    file, name = _gitignore(out)
    old = _read(project, file)
    new = with_line(old, name)
    return None if new == old else new


def unignore(project: Project, out: bytes) -> list[bytes]:
    """Take an out's line from `.gitignore`; returns the file if it changed.

    Raises:
        StoreError: it cannot be written.
    """
    file, name = _gitignore(_without_links(project, out))
    old = _read(project, file)
    new = without_line(old, name)
    if new == old:
        return []
    if new:
        project.write(file, new)
    else:
        writes.remove(project.absolute(file))
    return [file]


def _gitignore(out: bytes) -> tuple[bytes, bytes]:
    directory, _, name = out.rpartition(b"/")
    return directory + b"/" + GITIGNORE if directory else GITIGNORE, name


def _read(project: Project, file: bytes) -> bytes:
    """Its bytes. Raises StoreError if a symlink leads out of the working tree, where nothing of ours is written."""
    absolute = project.absolute(file)
    real = os.path.realpath(absolute)
    if not real.startswith(os.path.realpath(project.top) + b"/"):
        raise StoreError(
            f"{told(file)} is a symlink out of the repository", hint="replace it by a file"
        )
    return writes.read(absolute) or b""
