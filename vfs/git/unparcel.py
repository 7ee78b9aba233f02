"""A working tree made of a parcel (`vfs.git.parcel`), on another machine.

Rules:

* What the parcel left out is fetched into a mirror, which is kept; the objects of the parcel itself go with the tree.
* What counts is that the commits are here, whatever Git said. A fetch that outlives us keeps the lock of the mirror.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from vfs.errors import AccessDenied, ObjectMissing, RemoteError, RemoteUnavailable, StoreError
from vfs.git.command import GitFailed, explain, run_git, run_remote
from vfs.git.locks import exclusive
from vfs.git.parcel import Parcel

_WHOLE: Final = ("-c", "fetch.unpackLimit=1")
"""A pack as it comes, however small: objects that are unpacked one by one may be a commit without what it has, if Git is ended."""


def unpack(parcel: Parcel, mirror: Path, tree: Path, check: Callable[[], object]) -> None:
    """Make a working tree of a parcel.

    Args:
        parcel: what it is to be.
        mirror: a bare repository of what was fetched, kept for the next one; made if need be.
        tree: a directory that is not there.
        check: called now and then; whatever it raises ends the work.

    Raises:
        RemoteError: what the parcel left out cannot be fetched.
        StoreError: it cannot be written.
    """
    try:
        mirror.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with exclusive(mirror.with_suffix(".lock"), check) as lock, _told(mirror):
            if not mirror.exists():  # all of it or nothing
                new = mirror.with_suffix(".new")
                run_git(["init", "-q", "--bare", str(new)])
                new.rename(mirror)
            _fetch(parcel, mirror, lock, check)
        with _told(tree):
            _make(parcel, mirror, tree, check)
    except OSError as error:
        raise StoreError(f"{tree}: {error.strerror}") from error


@contextmanager
def _told(place: Path) -> Iterator[None]:
    try:
        yield
    except GitFailed as error:
        raise StoreError(f"{place}: {error.stderr}") from error


def _fetch(parcel: Parcel, mirror: Path, lock: int, check: Callable[[], object]) -> None:
    """Bring what the parcel left out, if it is not here: by branches, else by name (of pull requests; where a branch was before)."""

    def fetch(*words: str) -> RemoteError | None:
        try:
            run_remote(
                [*_WHOLE, "fetch", "-q", "--force", "--no-tags", *words],
                git_dir=mirror, check=check, inherited=[lock],
            )  # fmt: skip
        except GitFailed as error:
            return explain(error, parcel.url)
        return None

    if not _lacking(parcel, mirror):
        return
    # pruned: "a" that is gone would be in the way of "a/b"
    trouble = fetch("--prune", "--", parcel.url, "+refs/heads/*:refs/heads/*")
    lacking = _lacking(parcel, mirror)
    if lacking and not isinstance(trouble, AccessDenied | RemoteUnavailable):
        fetch("--", parcel.url, *lacking)
        lacking = _lacking(parcel, mirror)
    if lacking:
        raise trouble or ObjectMissing(
            f"Git remote {parcel.url} has no commit {lacking[0]} any more", hint="git fetch --prune"
        )


def _lacking(parcel: Parcel, mirror: Path) -> list[str]:
    names = "".join(base + "\n" for base in parcel.bases).encode()
    if not names:
        return []
    found = run_git(["cat-file", "--batch-check"], git_dir=mirror, data=names).decode()
    return [line.split()[0] for line in found.splitlines() if line.endswith(" missing")]


def _make(parcel: Parcel, mirror: Path, tree: Path, check: Callable[[], object]) -> None:
    """A repository with HEAD, its index, and the files of the tree."""
    run_git(["init", "-q", str(tree)])
    alternates = tree / ".git" / "objects" / "info" / "alternates"
    alternates.write_bytes(os.fsencode(mirror / "objects") + b"\n")
    run_git(["index-pack", "--stdin"], git_dir=tree / ".git", data=parcel.pack, check=check)
    where = ["-C", str(tree)]
    if parcel.url:
        run_git([*where, "config", "remote.origin.url", parcel.url])
    if parcel.commit:
        run_git([*where, "update-ref", "--no-deref", "HEAD", parcel.commit])
    run_git([*where, "read-tree", "--reset", "-u", parcel.tree], check=check)
    if parcel.commit:
        run_git([*where, "reset", "-q"])  # what was not committed there is not committed here
