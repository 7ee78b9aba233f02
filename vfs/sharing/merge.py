"""The merge driver of `.dvc` files: what Git runs when both sides changed one.

Steps: the lists of the tracked directory are merged path by path (`vfs.tracking.merging`); the new list is put into the cache; each of the
three files gets it; then Git merges what else is in them, line by line. Files that are about anything else than one directory are
left to Git altogether. A list that the cache lacks is fetched.

Rule: the merged list is in the cache before a pointer names it. With conflicts nothing is merged: the file is as Git
would leave it, and the paths are named.
"""

from collections.abc import Sequence
from pathlib import Path

from vfs.errors import DataUnavailable, FormatError, UnknownPath, VfsError
from vfs.formats.dirlisting import dump_listing
from vfs.formats.pointer import parse_pointer
from vfs.formats.pointer_text import Described, edited_pointer
from vfs.formats.values import Out
from vfs.git.staging import merge_text
from vfs.objects import writing
from vfs.packed import PackedRemote, Pointer
from vfs.sharing.layout import open_layout
from vfs.sharing.packed_fetch import listing_of
from vfs.tracking.caches import Caches
from vfs.tracking.merging import merge_files
from vfs.types import Algorithm, Digest
from vfs.workspace import Workspace
from vfs.workspace.here import survey_here
from vfs.workspace.packed_stores import with_packed
from vfs.workspace.stores import DvcStore

_WAIT = 60.0  # seconds for another command that writes


def merge_pointers(
    workspace: Workspace, path: bytes, base: Path, ours: Path, theirs: Path
) -> Sequence[tuple[bytes, str]]:
    """Merge into `ours`; returns the conflicts inside the tracked directory, or of the file itself.

    Args:
        workspace: the repository.
        path: of the pointer, in it.
        base: file with the pointer that both come from; empty if there is none.
        ours: file with our version; it gets the result.
        theirs: file with their version.

    Raises:
        StoreError: the cache cannot be written, or Git cannot merge.
        RepositoryBusy: somebody else writes to the DVC repository.
    """
    texts = [file.read_bytes() for file in (base, ours, theirs)]
    outs = [_directory(text, path) for text in texts]
    mine, other = outs[1], outs[2]
    if mine is None or other is None or mine.path != other.path or mine.digest == other.digest:
        return _by_git(base, ours, theirs, path)
    if texts[0].strip() and (outs[0] is None or outs[0].path != mine.path):
        return _by_git(base, ours, theirs, path)
    root = workspace.root
    assert root is not None
    roots = survey_here(root).roots
    store = roots.store_of(path)
    with writing(root / roots.root_of(path).decode("utf-8", "surrogateescape"), _WAIT):
        lists = [_files(workspace, store, out) for out in outs]
        merged = merge_files(*lists)
        if merged.conflicts:
            _by_git(base, ours, theirs, path)
            return [(mine.path + b"/" + below, said) for below, said in merged.conflicts]
        cache = Caches(store).home
        digest = cache.put(dump_listing(merged.files.items()), is_tree=True)
        cache.sync()
    sizes = [0 if out is None else out.size for out in outs]
    size = None
    if not merged.twice and None not in sizes:
        size = (sizes[1] or 0) + (sizes[2] or 0) - (sizes[0] or 0)
    content = Described(digest, True, size, len(merged.files))
    for file, text in zip((base, ours, theirs), texts, strict=True):
        if text.strip():
            file.write_bytes(edited_pointer(text, path, mine.path, content))
    return _by_git(base, ours, theirs, path)


def _directory(text: bytes, path: bytes) -> Out | None:
    """The one tracked directory that a pointer is about; None if it is about something else."""
    try:
        pointer = parse_pointer(text, path)
    except FormatError:
        return None
    outs = pointer.outs
    if len(outs) != 1 or pointer.problems or pointer.source is not None:
        return None
    digest = outs[0].digest
    plain = digest is not None and digest.algorithm is Algorithm.MD5 and outs[0].files is None
    return outs[0] if plain and outs[0].is_tree else None


def _files(workspace: Workspace, store: DvcStore, out: Out | None) -> dict[bytes, Digest]:
    """The files of a version, from the cache or, if it has no list, from a remote."""
    if out is None or out.digest is None:
        return {}
    caches = Caches(store)
    if caches.holder(out.digest, is_tree=True) is None:
        _fetch(workspace, store, caches, out, out.digest)
    return {path: digest for path, digest, _ in caches.listing(out.digest)}


def _fetch(workspace: Workspace, store: DvcStore, caches: Caches, out: Out, digest: Digest) -> None:
    failure: VfsError = UnknownPath("no remote is configured")
    packed = with_packed(store, workspace.root).packed if workspace.root is not None else ()
    for ref in (*packed, *store.ordered(out.remote)):
        try:
            if ref in packed:
                packed_remote = PackedRemote(workspace.session.remote(ref))
                manifest = packed_remote.readable(Pointer(digest, True))
                caches.home.receive(digest, listing_of(manifest), is_tree=True)
                return
            with open_layout(workspace, ref).open(digest, is_tree=True) as body:
                caches.home.receive(digest, body.readinto, is_tree=True)
            return
        except VfsError as error:
            failure = error
    shown = out.path.decode("utf-8", "backslashreplace")
    raise DataUnavailable(
        f"the list of {shown} ({digest.hex}.dir) is in no cache and on no remote: {failure.message}",
        hint="let its author push, then merge again",
    )


def _by_git(base: Path, ours: Path, theirs: Path, path: bytes) -> list[tuple[bytes, str]]:
    """Git's own merge, line by line."""
    if merge_text(ours, base, theirs):
        return []
    return [(path, "modified by both")]
