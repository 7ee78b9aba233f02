"""`vfs add --to-remote`: contents go to a remote while they are read; the cache gets nothing.

Rules: files first, then the listing, then the pointer ("durable before named"). A file that changes while it is
sent is not stored: what sends it fails before its last byte. What lies there under its name counts only if it has its size. To a packed remote all files are hashed first, since a manifest is
named by what the pointer will say.
"""

import io
import os
import time
from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from vfs.errors import DataUnavailable, ObjectMissing, UnknownPath, Unsupported, UsageError
from vfs.formats.dirlisting import dump_listing
from vfs.formats.hashing import new_hasher
from vfs.formats.layout import object_path
from vfs.formats.pointer_text import Described
from vfs.objects import Fingerprint, hash_source
from vfs.objects.source import open_source, read_stable
from vfs.packed import Pointer
from vfs.state.files import Known
from vfs.tracking.add import Added, check_apart, check_target, check_untracked
from vfs.tracking.change import Change, apply, change_of
from vfs.tracking.file import File
from vfs.tracking.packing import Packing
from vfs.tracking.project import Project, told
from vfs.tracking.record import Entries, Recorded, check_whole, listing_digest
from vfs.tracking.scan import Scanner
from vfs.types import Algorithm, Digest, Problem
from vfs.workspace.condemned import Doomed, Object
from vfs.workspace.outs import Claim
from vfs.workspace.packed_stores import with_packed
from vfs.workspace.stores import RemoteRef

if TYPE_CHECKING:
    from typing import BinaryIO

    from vfs.remotes import Remote

_WHOLE: Final = 8 << 20  # bytes; up to this a file is read once, into memory
_BATCH: Final = 256  # files that are on their way
Sources = Mapping[bytes, bytes]
"""Out -> the absolute path its data lies at, where that is not the out's own."""


def add_to_remote(
    project: Project,
    targets: Sequence[bytes],
    remote: str | None,
    *,
    desc: str = "",
    force: bool = False,
    sources: Sources | None = None,
) -> Added:
    """Track what lies at some paths, keeping the contents on a remote only.

    Args:
        project: that the outs lie in.
        targets: paths of the outs.
        remote: its name; None is the default one.
        desc: what to say of the outs.
        force: as `add`.
        sources: where data is that lies elsewhere.

    Raises:
        UsageError: there is no such remote, or a target cannot be a whole out.
        RemoteError: it did not take something.
        VfsError: as `add`.
    """
    ref = target_of(project, remote)
    elsewhere = sources or {}
    claims = {
        path: check_target(project, path, force=force, there=path not in elsewhere)
        for path in targets
    }
    for path, claim in claims.items():
        if claim is not None and claim.out.path != path:
            raise UsageError(
                f"{told(path)} lies in {told(claim.out.path)}; --to-remote takes whole outs"
            )
    check_apart(claims)
    check_untracked(project, [path for path, claim in claims.items() if claim is None])
    changes: list[Change] = []
    notes: list[Problem] = []
    for path, claim in claims.items():
        source = elsewhere.get(path, project.absolute(path))
        recorded = _send(project, source, ref, claim)
        if claim is not None and not force and path not in elsewhere:
            check_whole(project, claim, recorded)
        changes.append(change_of(project, path, claim, recorded, desc))
        notes += recorded.notes
    written = apply(project, changes, store=False)
    changed = [change.out for change in changes if change.text is not None]
    return Added([change.out for change in changes], changed, written, notes)


def target_of(project: Project, name: str | None) -> RemoteRef:
    """The remote that contents go to; raises UsageError, Unsupported."""
    wanted = name or project.workspace.settings.remote_default
    store = with_packed(project.store, Path(os.fsdecode(project.top)))
    ref = store.target(wanted) or store.target(wanted.lower())
    if ref is None:
        which = f"no remote {name!r}" if name else "no default remote"
        raise UsageError(f"there is {which}", hint="vfs remote add -d NAME URL")
    if ref.versioned:
        raise Unsupported(f"{ref.name} is version-aware, vfs does not write to such remotes")
    if ref not in project.store.remotes and project.form is not Algorithm.MD5:
        raise Unsupported(
            "here are stages of DVC 0.x, and no DVC that reads these knows packed remotes",
            hint="vfs migrate, or name a remote in DVC's layout",
        )
    return ref


def _send(project: Project, source: bytes, ref: RemoteRef, claim: Claim | None) -> Recorded:
    """Send what lies at a path, the listing last."""
    remote = project.workspace.session.remote(ref)
    top, _, name = source.rpartition(b"/")
    inside = source.startswith(project.top + b"/")
    scanner = project.scanner() if inside else Scanner(top, mounts=frozenset())
    start, top = (source[len(project.top) + 1 :], project.top) if inside else (name, top)
    entries: Entries = []
    size, last = 0, None
    files = scanner.files(start)
    packed = Packing(top, _pointer(claim)) if ref not in project.store.remotes else None
    if ref.local:
        with suppress(OSError):  # what is sent will say why
            os.makedirs(ref.directory, exist_ok=True)
    send = _sender(remote, ref, top, packed, project.form)
    jobs = project.workspace.settings.jobs
    with ThreadPoolExecutor(jobs, thread_name_prefix="vfs-send") as pool:
        while batch := list(islice(files, _BATCH)):
            scanner.check()
            began, known = time.time_ns(), []
            for file, (digest, found) in zip(batch, pool.map(send, batch), strict=True):
                known.append(Known(file.path, found, digest))
                entries.append((file.path[len(start) + 1 :], digest))
                size, last = size + file.fingerprint.size, file
                project.progress("upload", size, None)
            if inside:
                project.state.remember(known, now=began)
    scanner.check()
    notes = tuple(scanner.notes)
    if os.path.isdir(source):
        listing = dump_listing(entries)
        tree = listing_digest(listing, project.form)
        if packed is None:
            remote.put(ref.prefix + object_path(tree, is_tree=True), listing)
        else:
            packed.push(remote, jobs, Pointer(tree, True), start)
        return Recorded(Described(tree, True, size, len(entries)), listing, entries, notes)
    if last is None:
        raise UnknownPath(f"there is no {told(source)}")
    content = Described(entries[0][1], size=size, executable=last.executable)
    if packed is not None:
        packed.push(remote, jobs, Pointer(content.digest, False), start)
    return Recorded(content, None, [], notes)


def _pointer(claim: Claim | None) -> Pointer | None:
    """What an out's pointer says until now."""
    if claim is None or claim.out.digest is None:
        return None
    return Pointer(claim.out.digest, claim.out.is_tree)


def _sender(
    remote: "Remote", ref: RemoteRef, top: bytes, packed: Packing | None, form: Algorithm
) -> Callable[[File], tuple[Digest, Fingerprint]]:
    """What sends one file; its digest, and the state it had."""
    if packed is not None:
        return packed.file
    doomed = Doomed(remote, ref.prefix)
    return lambda file: _send_file(top, file, remote, ref.prefix, form, doomed)


def _send_file(
    top: bytes,
    file: File,
    remote: "Remote",
    prefix: str,
    form: Algorithm,
    doomed: Container[Object],
) -> tuple[Digest, Fingerprint]:
    """Send one file, over what is about to be removed (`doomed`), too; its digest, and the state it had."""
    path = top + b"/" + file.path
    if file.fingerprint.size <= _WHOLE:
        (digest, data), found = read_stable(path, partial(_read_whole, form=form), follow=file.link)
        key, absent = prefix + object_path(digest), (digest, False) not in doomed
        if not remote.put(key, data, if_absent=absent) and not _whole(remote, key, found.size):
            remote.put(key, data)
        return digest, found
    digest, found = hash_source(path, form, follow=file.link)
    key, absent = prefix + object_path(digest), (digest, False) not in doomed
    descriptor, _ = open_source(path, follow=file.link)
    with io.BufferedReader(_Checked(descriptor, found.size, digest, path), 1 << 20) as reader:
        body = cast("BinaryIO", reader)
        if not remote.put(key, body, if_absent=absent) and not _whole(remote, key, found.size):
            body.seek(0)
            remote.put(key, body)
    return digest, found


def _whole(remote: "Remote", key: str, size: int) -> bool:
    """Whether an object that was there has all its bytes; it may be gone by now."""
    try:
        return remote.head(key).size == size
    except ObjectMissing:
        return False


def _read_whole(descriptor: int, size: int, form: Algorithm) -> tuple[Digest, bytes] | None:
    data = bytearray()
    while piece := os.read(descriptor, max(size + 1 - len(data), 1)):
        data += piece
        if len(data) > size:
            return None
    hasher = new_hasher(form)
    hasher.update(data)
    return (Digest(form, hasher.digest()), bytes(data)) if len(data) == size else None


class _Checked(io.RawIOBase):
    """A file that gives its last bytes only if all of them are those that a digest names."""

    def __init__(self, descriptor: int, size: int, digest: Digest, path: bytes) -> None:
        self._descriptor = descriptor
        self._size = size
        self._digest = digest
        self._path = path
        self._done = 0
        self._hasher = new_hasher(digest.algorithm)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._done

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Back to the start, to send it again, or to the end, to see how long it is."""
        if offset or whence == os.SEEK_CUR:
            raise OSError("only to the start or end")
        self._hasher = new_hasher(self._digest.algorithm)
        self._done = os.lseek(self._descriptor, 0, whence)
        return self._done

    def readinto(self, buffer: object, /) -> int:
        """The next bytes. Raises DataUnavailable where they are others than they were."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        count = os.readv(self._descriptor, [view])
        self._hasher.update(view[:count])
        self._done += count
        ended = self._done >= self._size or not count
        if ended and (self._done != self._size or not self._hasher.matches(self._digest.value)):
            raise DataUnavailable(
                f"{os.fsdecode(self._path)} changes while it is read",
                hint="let its writer end, then try again",
            )
        return count

    def close(self) -> None:
        """Close the file too."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()
