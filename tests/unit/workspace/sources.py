"""Repositories that import, and the source they import from."""

import json

from tests.unit.workspace.reading import content, dvc_config
from vfs.testing.handmade import HandmadeRepository, md5
from vfs.types import Entry, Kind
from vfs.workspace import Snapshot, Workspace

DATA = {"a/1": b"one", "a/sub/2": b"two", "b": b"three"}


def imported(
    out: str, url: str, rev: str, path: str, *, hash_line: str = "hash: md5", extra: str = ""
) -> bytes:
    """An import's pointer, as `dvc import` writes it (with `--no-download` by default)."""
    lock = f"    rev_lock: {rev}\n" if rev else ""
    return (
        f"frozen: true\ndeps:\n- path: {path}\n  repo:\n    url: {url}\n{lock}{extra}"
        f"outs:\n- {hash_line}\n  path: {out}\n"
    ).encode()


def config(repository: HandmadeRepository) -> dict[str, bytes]:
    return dvc_config(repository.remote)


def files(workspace: Workspace, snapshot: Snapshot, prefix: bytes) -> dict[bytes, bytes]:
    return {
        path[len(prefix) :].lstrip(b"/"): content(workspace, snapshot, path)
        for path, entry in snapshot.walk(prefix)
        if entry.kind is not Kind.DIRECTORY
    }


def entry_at(snapshot: Snapshot, path: bytes) -> Entry:
    found = snapshot.resolve(path)
    assert isinstance(found, Entry), path
    return found


def hashed(oid: str) -> str:
    return f"md5: {oid}\n  hash: md5"


def listing_of(contents: dict[str, bytes]) -> str:
    """The hash line of a directory with these files."""
    entries = [{"md5": md5(data), "relpath": path} for path, data in sorted(contents.items())]
    return hashed(md5(json.dumps(entries, sort_keys=True).encode()) + ".dir")


def from_url(out: str, path: str, oid: str, size: int, *, nfiles: str = "") -> bytes:
    """A pointer as `dvc import-url` of a local path writes it."""
    fields = f"md5: {oid}\n  size: {size}\n{nfiles}  hash: md5"
    return (
        f"frozen: true\ndeps:\n- {fields}\n  path: {path}\nouts:\n- {fields}\n  path: {out}\n"
    ).encode()
