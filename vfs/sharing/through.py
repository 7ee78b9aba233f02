"""`import-url --to-remote`: what was read into a spool goes to a remote of either layout, past the cache.

Rule: files before the listing or manifest that names them. The disk holds all of it until the end: nobody knows the name of
a content before all of it was read.
"""

from typing import BinaryIO

from vfs.objects import ObjectCache
from vfs.packed import Item, PackedRemote, Pointer, Pusher, learn_packs
from vfs.sharing.layout import open_layout
from vfs.tracking.change import put_listing
from vfs.tracking.packing import whole
from vfs.tracking.parallel import each
from vfs.tracking.project import Project
from vfs.tracking.record import Recorded
from vfs.types import Digest
from vfs.workspace.stores import RemoteRef


def send(project: Project, ref: RemoteRef, cache: ObjectCache, recorded: Recorded) -> None:
    """Send what was read.

    Args:
        project: that has the remote.
        ref: the remote.
        cache: the spool.
        recorded: what is in it.

    Raises:
        RemoteError: the remote did not take something.
        StoreError: the spool cannot be written.
    """
    layout = open_layout(project.workspace, ref)
    layout.prepare()
    if ref not in project.store.remotes:
        _pack(project, ref, cache, recorded)
        return
    top = recorded.content.digest
    digests = dict.fromkeys(digest for _, digest in recorded.entries)
    sent: list[int] = []
    failed = each(
        digests if recorded.listing is not None else [top],
        lambda digest: sent.append(layout.send(cache, digest)),
        layout.jobs,
        lambda: project.progress("upload", len(sent), len(digests) or 1),
    )
    for _, error in failed:
        raise error
    layout.sync()
    if recorded.listing is not None:
        put_listing(cache, top, recorded.listing)
        layout.send(cache, top, is_tree=True)
        layout.sync()


def _pack(project: Project, ref: RemoteRef, cache: ObjectCache, recorded: Recorded) -> None:
    content, session = recorded.content, project.workspace.session
    store = PackedRemote(session.remote(ref))
    pointer = Pointer(content.digest, content.is_tree)
    there = store.present([pointer])
    if there and whole(store, pointer):
        return
    entries = sorted(recorded.entries) if content.is_tree else [(b"", content.digest)]
    known = learn_packs(store, [], expected=content.size or 0, jobs=session.settings.jobs)
    with Pusher(store, known, replace=bool(there)) as pusher:
        pusher.add(pointer, (_item(cache, path, digest) for path, digest in entries))
        pusher.finish()


def _item(cache: ObjectCache, path: bytes, digest: Digest) -> Item:
    def opened() -> BinaryIO:
        return open(cache.open(digest), "rb", buffering=0)

    return Item(path, digest, cache.size(digest) or 0, opened)
