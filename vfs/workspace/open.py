"""Opening what a user names: a directory inside a repository, or the URL of one."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from vfs.catalog import Catalog
from vfs.config import Settings
from vfs.errors import VfsError
from vfs.git import Repository, clone_metadata
from vfs.offline import go_offline
from vfs.workspace.session import Session
from vfs.workspace.urls import shown_url
from vfs.workspace.workspace import Workspace

log = logging.getLogger("vfs.workspace")


def open_workspace(
    path: Path | str, settings: Settings, *, clock: Callable[[], float] = time.time
) -> Workspace:
    """Open a repository.

    Args:
        path: any directory of a working tree (also a linked one), a bare repository, or a Git URL
            (`https://…`, `ssh://…`, `file://…`, `user@host:path`), of which the metadata is cloned;
            if the remote does not answer, what was cloned before is used, and a notice says so.
        settings: of the process.
        clock: seconds since the epoch; dates contents of working trees.

    Raises:
        NotARepository: there is none.
        Unsupported: Git URLs of that scheme are not allowed.
        RemoteError: the URL cannot be cloned.
        StoreError: no place for the catalog.
    """
    url = str(path) if isinstance(path, str) and is_url(path) else None
    notices: list[str] = []

    if settings.offline:
        go_offline()

    def offline(error: VfsError) -> None:
        notices.append(f"{error.message}; showing what was fetched before")
        log.warning("%s", notices[-1])

    if url is not None:
        repository = clone_metadata(url, settings.cache_dir, refresh=True, offline=offline)
    else:
        repository = Repository.discover(Path(path))
    catalog = Catalog.open(settings.cache_dir / "catalog")
    session = Session(settings, catalog, clock)
    name = shown_url(url) if url is not None else str(repository.root or repository.git_dir)
    return Workspace(session, repository, name=name, foreign=url is not None, notices=notices)


def is_url(text: str) -> bool:
    """Whether a user means a URL: it has a scheme, or is scp-like and no existing path."""
    if "://" in text:
        return True
    head, colon, _ = text.partition(":")
    return bool(colon) and "/" not in head and bool(head) and not Path(text).exists()
