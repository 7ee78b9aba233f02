"""`vfs import`: data of another Git repository becomes an out here; `vfs update` of such an out.

Rules:

* A commit is imported, never what lies uncommitted in somebody's working tree.
* What the source tracks with DVC comes by its digest, only if the cache lacks it; the rest is read and hashed.
* As with DVC, executable bits are lost, and a symlink is a file that holds its text; it is followed only where DVC would look
  at a working tree: in a repository of this machine, if no revision is named. (A fresh clone must find the same content.)
"""

import os
from dataclasses import replace
from typing import Final

from vfs.errors import DataUnavailable, UsageError
from vfs.formats.dirlisting import dump_listing
from vfs.formats.pointer_text import Described, edited_import, import_pointer
from vfs.formats.values import ImportSource
from vfs.objects import ObjectCache
from vfs.sharing.streams import check, from_places, stored, verified
from vfs.sharing.taken import newest, taken
from vfs.tracking import writes
from vfs.tracking.caches import Caches
from vfs.tracking.change import Change
from vfs.tracking.parallel import each
from vfs.tracking.project import Project
from vfs.tracking.record import Recorded, in_form, listing_digest
from vfs.transfer import Body
from vfs.types import Algorithm, Blob, Digest, Entry, Kind
from vfs.workspace.import_refs import Base, is_remote, ref_text
from vfs.workspace.origins import ImportRef
from vfs.workspace.outs import Claim
from vfs.workspace.projection import Item

_SMALL: Final = 1 << 20  # bytes; up to this a content is hashed before anything is written


def imported(
    project: Project, source: ImportSource, out: bytes, *, download: bool = True
) -> Change:
    """The change that makes an out of what a source has; its contents are in the cache then.

    Args:
        project: that the out lies in.
        source: a relative URL starts at the top of the working tree; `rev_lock` is found out.
        out: path of the out.
        download: without it only the pointer is made.

    Raises:
        UnknownRevision, UnknownPath: the source has no such thing.
        VfsError: the source or some content cannot be had.
    """
    commit = newest(project.workspace, _url(project, source.url), source.rev)
    source = replace(source, rev_lock=commit)
    recorded = _take(project, source, download=download)
    repo = {"url": source.url, "rev": source.rev, "rev_lock": commit}
    dependency = {
        "path": source.path,
        "repo": {key: value for key, value in repo.items() if value is not None},
    }
    name = os.path.basename(out).decode()
    text = import_pointer(
        name, dependency, None if recorded is None else recorded.content, project.form
    )
    return change_to(out, out + b".dvc", text, recorded)


def updated(
    project: Project, claim: Claim, rev: str | None, *, download: bool = True
) -> Change | None:
    """The change that brings an import up to date; None if it is.

    Args:
        project: that the out lies in.
        claim: the out.
        rev: to follow from now on; None: as before.
        download: without it the pointer names no content, as after `import --no-download`.

    Raises:
        VfsError: as `imported`.
    """
    source = claim.source
    assert isinstance(source, ImportSource)
    follows = rev or source.rev
    commit = newest(project.workspace, _url(project, source.url), follows)
    same = commit == source.rev_lock and follows == source.rev
    if same and (claim.out.digest is not None or not download):
        return None
    recorded = _take(project, replace(source, rev=follows, rev_lock=commit), download=download)
    dependency = {"rev_lock": commit} if rev is None else {"rev": rev, "rev_lock": commit}
    old = writes.read(project.absolute(claim.pointer)) or b""
    content = None if recorded is None else recorded.content
    text = edited_import(old, claim.pointer, claim.out.path, dependency, content)
    return change_to(claim.out.path, claim.pointer, text, recorded)


def change_to(out: bytes, pointer: bytes, text: bytes, recorded: Recorded | None) -> Change:
    """A change that writes a pointer and, for a directory, its listing."""
    listing = None
    if recorded is not None and recorded.listing is not None:
        listing = (recorded.content.digest, recorded.listing)
    return Change(out, pointer, text, listing)


def relative_url(project: Project, url: str, here: bytes) -> str:
    """A URL of the command line as a pointer has it: a relative path starts at the top of the working tree.

    (DVC writes it as it was typed, and finds it only from the same directory again.)
    """
    if is_remote(url) or os.path.isabs(url):
        return url
    lies = os.path.join(os.fsdecode(project.absolute(here)), url)
    return os.path.relpath(lies, os.fsdecode(project.top))


def _url(project: Project, url: str) -> str:
    return url if is_remote(url) else os.path.join(os.fsdecode(project.top), url)


def _take(project: Project, source: ImportSource, *, download: bool) -> Recorded | None:
    workspace = project.workspace
    ref = Base(str(workspace.repository.git_dir), workspace.root).reference(source)
    links = source.rev is None and not is_remote(source.url)
    found = taken(workspace, ref, project.progress, links=links)
    if not download:
        return None
    if not isinstance(found, Entry):
        return in_form(project, project.cache, _directory(project, found, ref))
    if found.kind is Kind.DIRECTORY:
        raise UsageError(f"{ref_text(ref)} is a submodule", hint="import from its own repository")
    [(digest, size)] = _bring(project, [Item(b"", found, found.digest)], ref).values()
    recorded = Recorded(Described(digest, size=size), None, [], ())
    return in_form(project, project.cache, recorded)


def _directory(project: Project, items: list[Item], ref: ImportRef) -> Recorded:
    brought = _bring(project, items, ref)
    entries = [(path, digest) for path, (digest, _) in sorted(brought.items())]
    listing = dump_listing(entries)
    size = sum(size for _, size in brought.values())
    content = Described(listing_digest(listing, Algorithm.MD5), True, size, len(entries))
    return Recorded(content, listing, entries, ())


def _bring(project: Project, items: list[Item], ref: ImportRef) -> dict[bytes, tuple[Digest, int]]:
    """Bring contents into the cache; path -> their MD5 and size."""
    caches = Caches(project.store)
    by_path = {item.path: item for item in items}
    found: dict[bytes, tuple[Digest, int]] = {}

    def bring(path: bytes) -> None:
        found[path] = _content(project, caches, by_path[path])

    jobs = project.workspace.settings.jobs
    tick = lambda: project.progress("import", len(found), len(items))  # noqa: E731
    check(each(by_path, bring, jobs, tick), ref_text(ref))
    return found


def _content(project: Project, caches: Caches, item: Item) -> tuple[Digest, int]:
    entry, digest = item.entry, item.digest
    if digest is not None and digest.algorithm is Algorithm.MD5:
        holder = caches.holder(digest)
        size = None if holder is None else holder.size(digest)
        if size is not None:
            return digest, size
    if entry.kind is Kind.BROKEN or digest is None:
        raise DataUnavailable(entry.problem or "it has no content")
    blob = Blob(digest, entry.size)
    workspace, made = project.workspace, []
    places = workspace.places_of(workspace.session.origins.all()[entry.origin], blob)

    def put(body: Body) -> int:
        made.append(_put(body, blob, caches.home))
        return 0

    from_places(places, blob, put)
    return made[-1]


def _put(body: Body, blob: Blob, cache: ObjectCache) -> tuple[Digest, int]:
    if blob.digest.algorithm is Algorithm.MD5:
        return blob.digest, cache.receive(blob.digest, body.readinto)
    fill = verified(body, blob)
    if blob.size > _SMALL:
        return stored(fill, cache)
    data, view = bytearray(), memoryview(bytearray(blob.size + 1))
    while count := fill(view):
        data += view[:count]
    return cache.put(bytes(data)), len(data)
