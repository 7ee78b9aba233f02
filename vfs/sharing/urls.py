"""`vfs import-url`: what lies at a URL or path of this machine becomes an out; `vfs update` of such an out.

What the pointer says of the source (its *dependency*), as DVC does: ETag and size of an object, the MD5 of the list of
ETags of several, `checksum` for HTTP; MD5 where the storage has no validator of contents (files of this machine, SSH).

Rule: what a validator named is read with that validator, so that the pointer never pairs one version with another's bytes.
"""

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from vfs.errors import DataUnavailable, ObjectMissing, UnknownPath, Unsupported, UsageError
from vfs.formats.dirlisting import dump_listing, listing_digest
from vfs.formats.pointer_text import (
    Described,
    described,
    edited_import,
    import_pointer,
    source_content,
)
from vfs.formats.values import UrlSource
from vfs.objects import ObjectCache, hash_source
from vfs.remotes import ObjectInfo, Remote
from vfs.sharing.imports import change_to
from vfs.sharing.spool import spool
from vfs.sharing.streams import check, stored
from vfs.sharing.through import send
from vfs.tracking import record as recording
from vfs.tracking import writes
from vfs.tracking.change import Change
from vfs.tracking.parallel import each
from vfs.tracking.project import Project
from vfs.tracking.record import Recorded, in_form
from vfs.tracking.scan import Scanner
from vfs.types import Algorithm, Digest
from vfs.workspace.outs import Claim
from vfs.workspace.stores import RemoteRef
from vfs.workspace.url_sources import remote_files
from vfs.workspace.urls import reference

_NO_VALIDATOR: Final = ("ssh", "sftp")

Read = Callable[[ObjectCache | None], tuple[Digest, int]]
Fields = dict[str, Any]


class Lying(NamedTuple):
    """What lies at a source.

    Attributes:
        is_tree: a directory.
        files: path below the source (b"" for a single file) -> what reads it, into a cache or to be hashed only.
        dependency: what describes its content; None if it has to be read for that.
        executable: a single file that anybody may execute.
    """

    is_tree: bool
    files: dict[bytes, Read]
    dependency: Fields | None
    executable: bool = False


def url_imported(
    project: Project,
    url: str,
    out: bytes,
    *,
    download: bool = True,
    to: RemoteRef | None = None,
) -> Change:
    """The change that makes an out of what lies at a URL; its contents are in the cache then.

    Args:
        project: that the out lies in.
        url: a URL, or a path that is absolute or relative to the directory of the out.
        out: path of the out.
        download: without it the pointer names no content.
        to: the contents go to that remote instead of the cache.

    Raises:
        UnknownPath, ObjectMissing: nothing lies there.
        VfsError: it cannot be read.
    """
    pointer = out + b".dvc"
    lying = _look(project, url, pointer)
    recorded = None
    if to is not None:
        with spool(project.workspace.repository.git_dir) as passing:
            recorded = read(project, lying, passing)
            send(project, to, passing, recorded)
    elif download:
        recorded = read(project, lying, project.cache)
    fields = _dependency(project, lying, recorded)
    dependency = {**fields, "hash": "md5", "path": url}
    name = os.path.basename(out).decode()
    text = import_pointer(
        name, dependency, None if recorded is None else recorded.content, project.form
    )
    return change_to(out, pointer, text, recorded if to is None else None)


def url_updated(project: Project, claim: Claim, *, download: bool = True) -> Change | None:
    """The change that brings an import from a URL up to date; None if it is. Raises as `url_imported`."""
    source = claim.source
    assert isinstance(source, UrlSource)
    if source.files is not None or claim.out.files is not None:
        raise Unsupported("versions on a version-aware source are only read", hint="dvc update")
    old = writes.read(project.absolute(claim.pointer)) or b""
    lying = _look(project, source.url, claim.pointer)
    fields = _dependency(project, lying, None)
    was = source_content(old, claim.pointer)
    tells = not fields.keys() <= {"size"}
    same = tells and fields == {key: value for key, value in was.items() if key != "hash"}
    if same and (claim.out.digest is not None or not download):
        return None
    recorded = read(project, lying, project.cache) if download else None
    if recorded is not None:
        fields = _dependency(project, lying, recorded)
    if "hash" in was:
        fields["hash"] = "md5"
    content = None if recorded is None else recorded.content
    text = edited_import(old, claim.pointer, claim.out.path, fields, content)
    return change_to(claim.out.path, claim.pointer, text, recorded)


def content_at(project: Project, url: str, file: bytes) -> Fields:
    """What a record says of what lies at a URL: `etag`, `checksum` or `md5`, `size`, `nfiles`; relative paths start beside `file`. Raises as `url_imported`."""
    return _dependency(project, _look(project, url, file), None)


def url_of(project: Project, text: str, out: bytes, here: bytes) -> str:
    """A URL or path of the command line as the pointer of an out has it: relative paths start beside the pointer."""
    if "://" in text:
        return text
    top = os.fsdecode(project.top)
    lies = os.path.normpath(os.path.join(top, os.fsdecode(here), text))
    inside = lies.startswith(top + "/")
    if os.path.isabs(text) and not inside:
        return lies
    return os.path.relpath(lies, os.path.join(top, os.fsdecode(os.path.dirname(out))))


def read(project: Project, lying: Lying, cache: ObjectCache | None) -> Recorded:
    """Read what lies at a source, into a cache if one is given. Raises the first error of a file."""
    found: dict[bytes, tuple[Digest, int]] = {}

    def bring(path: bytes) -> None:
        found[path] = lying.files[path](cache)

    jobs = project.workspace.settings.jobs
    tick = lambda: project.progress("import", len(found), len(lying.files))  # noqa: E731
    check(each(lying.files, bring, jobs, tick), "the source")
    if not lying.is_tree:
        digest, size = found[b""]
        one = Recorded(Described(digest, size=size), None, [], ())
        return one if cache is None else in_form(project, cache, one)
    entries = [(path, digest) for path, (digest, _) in sorted(found.items())]
    listing = dump_listing(entries)
    size = sum(size for _, size in found.values())
    digest = recording.listing_digest(listing, Algorithm.MD5)
    tree = Recorded(Described(digest, True, size, len(entries)), listing, entries, ())
    return tree if cache is None else in_form(project, cache, tree)


# Looking --------------------------------------------------------------------------------------


def _dependency(project: Project, lying: Lying, recorded: Recorded | None) -> Fields:
    """What the pointer says of the source's content; reads it if that is the only way."""
    if lying.dependency is not None:
        return dict(lying.dependency)
    content = (recorded or read(project, lying, None)).content
    fields = described(content._replace(executable=lying.executable))
    fields.pop("hash", None)
    return fields


def _look(project: Project, url: str, pointer: bytes) -> Lying:
    directory = Path(os.fsdecode(os.path.dirname(project.absolute(pointer))))
    found = reference(url.rstrip("/") or url, directory, project.store)
    if found is None:
        raise UsageError(f"{url} names no file or directory", hint="vfs remote list")
    ref, key = found[0], found[1].strip("/")
    if ref.local and "://" not in url:
        return _look_here(os.path.join(ref.directory, key))
    remote = project.workspace.session.remote(ref)
    try:
        return _file(ref, remote, remote.head(key))
    except ObjectMissing as missing:
        try:
            return _directory(project, ref, key)
        except Unsupported:
            raise missing from None


def _look_here(path: str) -> Lying:
    """What lies at a path of this machine."""
    absolute = os.fsencode(path)
    top, _, name = os.path.realpath(absolute).rpartition(b"/")
    scanner = Scanner(top, mounts=frozenset())
    files: dict[bytes, Read] = {}
    executable = False
    for file in scanner.files(name):
        scanner.check()
        files[file.path[len(name) + 1 :]] = _local(top + b"/" + file.path, follow=file.link)
        executable = file.executable
    scanner.check()
    is_tree = os.path.isdir(absolute)
    if not files and not is_tree:
        raise UnknownPath(f"there is no {path}")
    return Lying(is_tree, files, None, executable and not is_tree)


def _local(path: bytes, *, follow: bool) -> Read:
    def read(cache: ObjectCache | None) -> tuple[Digest, int]:
        if cache is None:
            digest, found = hash_source(path, follow=follow)
            return digest, found.size
        put = cache.ingest(path, follow=follow)
        return put.digest, put.size

    return read


def _file(ref: RemoteRef, remote: Remote, info: ObjectInfo) -> Lying:
    """A single object of a remote."""
    etag = _recorded(ref, info.etag)
    fields: Fields | None = None
    if _scheme(ref) in ("http", "https"):  # some servers have none: then nothing but the size tells
        fields = {"checksum": etag, "size": info.size} if etag else {"size": info.size}
    elif etag:
        fields = {"etag": etag, "size": info.size}
    return Lying(False, {b"": _object(remote, info.key, info.etag)}, fields)


def _directory(project: Project, ref: RemoteRef, key: str) -> Lying:
    """Everything below a name on a remote."""
    inner = ref._replace(url=f"{ref.url.rstrip('/')}/{key}")
    remote = project.workspace.session.remote(inner)
    listed = remote_files(remote)
    if not listed:
        raise UnknownPath(f"nothing lies at {inner.shown}")
    files: dict[bytes, Read] = {}
    tags: list[tuple[bytes, str]] = []
    for file in listed:
        etag = file.place.etag if file.place is not None else ""
        files[file.path] = _object(remote, file.path.decode("utf-8", "surrogateescape"), etag)
        if recorded := _recorded(ref, etag):
            tags.append((file.path, recorded))
    if len(tags) < len(files):
        return Lying(True, files, None)
    digest = listing_digest(tags, "etag").hex() + ".dir"
    size = sum(file.size or 0 for file in listed)
    return Lying(True, files, {"md5": digest, "size": size, "nfiles": len(files)})


def _object(remote: Remote, key: str, etag: str) -> Read:
    def read(cache: ObjectCache | None) -> tuple[Digest, int]:
        with remote.get(key, etag=etag) as body:
            return stored(body.readinto, cache)

    return read


def _recorded(ref: RemoteRef, etag: str) -> str:
    """An ETag as DVC writes it; "" if it writes none for storages of this kind."""
    scheme = _scheme(ref)
    if not etag or ref.local or scheme in _NO_VALIDATOR:
        return ""
    if scheme in ("http", "https", "azure"):
        return f'"{etag}"'
    if scheme == "gs":
        try:
            return base64.b64decode(etag, validate=True).hex()
        except ValueError as error:
            raise DataUnavailable(f"{ref.shown} has an ETag that is none") from error
    return etag


def _scheme(ref: RemoteRef) -> str:
    return ref.url.partition("://")[0].lower()
