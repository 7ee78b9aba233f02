"""A working tree as Git would see it, packed for a machine that has nothing of it, and unpacked there.

In it: HEAD, and the tree that HEAD would have if all that Git does not ignore were committed now; of both the objects that the tracked branches of
one Git remote (`origin`, else the first) lack. What is left out, the other machine fetches from the URL of that remote. A repository without a remote is packed with
its history.

Rules:

* The user's index and object directories are read and not written.
* What Git ignores stays here, and of `.dvc` all but its configuration and ignore files: the rest may hold secrets.
* Passwords in a URL stay here. Submodules are not packed.
"""

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from vfs.errors import ObjectMissing, StoreError, Unsupported, VfsError
from vfs.git.clone import parse_source
from vfs.git.command import GitFailed, explain, run_git, run_remote
from vfs.git.here import git_directories
from vfs.git.locks import exclusive

MOST: Final = 64 << 20
"""Bytes of the files that differ from HEAD, and of the packed objects."""
_OF_DVC: Final = (b"config", b".gitignore", b".dvcignore")
_HINT: Final = "commit and push it; or let Git ignore it, or vfs add it if it is data"


class Parcel(NamedTuple):
    """What was packed.

    Attributes:
        commit: HEAD; "" if nothing was committed yet.
        tree: what the working tree holds.
        bases: commits that the remote has, with all below them.
        url: of the remote, without secrets; "" if there is none.
        pack: a Git pack of what they lack.
    """

    commit: str
    tree: str
    bases: tuple[str, ...]
    url: str
    pack: bytes


def packed(top: bytes, also: Sequence[bytes], but: Collection[bytes]) -> Parcel:
    """Pack a working tree.

    Args:
        top: of it.
        also: paths that go even if Git ignores them.
        but: paths that stay, with what is below them, if Git does not track them.

    Raises:
        StoreError: Git cannot read it.
        Unsupported: it is more than `MOST` bytes.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="vfs-parcel-") as place:
            return _packed(top, also, but, place)
    except GitFailed as error:
        raise StoreError(f"{os.fsdecode(top)}: {error.stderr}") from error


def _packed(top: bytes, also: Sequence[bytes], but: Collection[bytes], place: str) -> Parcel:
    where = ["-C", os.fsdecode(top)]
    git, shared = git_directories(Path(os.fsdecode(top)))
    index, objects = os.path.join(place, "index"), os.path.join(place, "objects")
    if (git / "index").exists():
        shutil.copy2(git / "index", index)
    os.mkdir(objects)
    apart = {
        "GIT_INDEX_FILE": index,
        "GIT_OBJECT_DIRECTORY": objects,
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(str(shared / "objects")),
    }
    files = _differing(where, top, also, but)
    run_git(
        [*where, "update-index", "-z", "--add", "--remove", "--replace", "--stdin"],
        data=b"".join(path + b"\0" for path in files), variables=apart,
    )  # fmt: skip
    tree = run_git([*where, "write-tree"], variables=apart).decode().strip()
    commit = _commit(where)
    name, url = _remote(where, top)
    bases = _bases(where, commit, name) if commit and name else ()
    wanted = [commit, tree] if commit else [tree]
    lines = [*wanted, *(f"^{base}" for base in bases)]
    pack = run_git(
        [*where, "pack-objects", "--revs", "--stdout", "-q"],
        data="".join(line + "\n" for line in lines).encode(), variables=apart,
    )  # fmt: skip
    if len(pack) > MOST:
        what = f"lacks {len(pack) >> 20} MiB of this repository" if url else "has no remote"
        raise Unsupported(
            f"Git {'remote ' + name if url else 'repository'} {what}; a worker is sent {MOST >> 20} MiB at most",
            hint="git push, to a remote that workers can fetch from",
        )
    return Parcel(commit, tree, bases, url, pack)


def _differing(
    where: list[str], top: bytes, also: Sequence[bytes], but: Collection[bytes]
) -> list[bytes]:
    """Files that are not as in the index. Raises Unsupported: they are too large."""
    list_files = [*where, "ls-files", "-z"]
    changed = run_git([*list_files, "-m", "-d"])
    new = run_git([*list_files, "-o", "--exclude-standard"])
    hidden = b""
    if also:
        names = [":(top,literal)" + os.fsdecode(path) for path in also]
        hidden = run_git([*list_files, "-o", "-i", "--exclude-standard", "--", *names])
    found = dict.fromkeys(path for path in changed.split(b"\0") if path)
    for path in (new + hidden).split(b"\0"):
        if path and not path.endswith(b"/") and _goes(path, but):  # with "/": another repository
            found[path] = None
    sizes = {path: _size(os.path.join(top, path)) for path in found}
    if sum(sizes.values()) > MOST:
        largest = os.fsdecode(max(sizes, key=lambda path: sizes[path]))
        raise Unsupported(
            f"the files that differ from HEAD have more than {MOST >> 20} MiB, {largest} the most of it",
            hint=_HINT,
        )
    return list(found)


def _goes(path: bytes, but: Collection[bytes]) -> bool:
    parts = path.split(b"/")
    if b".dvc" in parts[:-1] and (parts[-2] != b".dvc" or parts[-1] not in _OF_DVC):
        return False
    return not any(b"/".join(parts[:number]) in but for number in range(1, len(parts) + 1))


def _size(path: bytes) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0  # it was deleted


def _commit(where: list[str]) -> str:
    try:
        return run_git([*where, "rev-parse", "-q", "--verify", "HEAD^{commit}"]).decode().strip()
    except GitFailed:
        return ""


def _remote(where: list[str], top: bytes) -> tuple[str, str]:
    """Name and URL of the Git remote; "" if there is none."""
    names = run_git([*where, "remote"]).decode().split()
    if not names:
        return "", ""
    name = "origin" if "origin" in names else names[0]
    try:
        source = parse_source(run_git([*where, "remote", "get-url", "--", name]).decode().strip())
    except VfsError as error:
        raise type(error)(f"Git remote {name}: {error.message}", hint=error.hint) from error
    if source.local is not None:
        return name, os.path.abspath(os.path.join(os.fsdecode(top), source.local.expanduser()))
    return name, source.url


def _bases(where: list[str], commit: str, remote: str) -> tuple[str, ...]:
    refs = ["for-each-ref", "--format=%(objectname)", f"refs/remotes/{remote}/"]
    there = run_git([*where, *refs]).decode().split()
    if not there:
        return ()
    lines = "".join(line + "\n" for line in (commit, *(f"^{one}" for one in there)))
    found = run_git([*where, "rev-list", "--boundary", "--stdin"], data=lines.encode())
    listed = found.decode().split()
    return tuple(one[1:] for one in listed if one[0] == "-") if listed else (commit,)


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def unpack(parcel: Parcel, mirror: Path, tree: Path) -> None:
    """Make a working tree of a parcel.

    Args:
        parcel: what it is to be.
        mirror: a bare repository of what was fetched, kept for the next one; made if need be.
        tree: a directory that is not there.

    Raises:
        RemoteError: what the parcel left out cannot be fetched.
        StoreError: it cannot be written.
    """
    try:
        mirror.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with exclusive(mirror.with_suffix(".lock")), _told(mirror):
            if not (mirror / "HEAD").exists():
                run_git(["init", "-q", "--bare", str(mirror)])
            _fetch(parcel, mirror)
        with _told(tree):
            _make(parcel, mirror, tree)
    except OSError as error:
        raise StoreError(f"{tree}: {error.strerror}") from error


@contextmanager
def _told(place: Path) -> Iterator[None]:
    try:
        yield
    except GitFailed as error:
        raise StoreError(f"{place}: {error.stderr}") from error


def _fetch(parcel: Parcel, mirror: Path) -> None:
    """Bring what the parcel left out, if it is not here."""
    if not _lacking(parcel, mirror):
        return
    refs = "+refs/heads/*:refs/heads/*"  # pruned: "a" that is gone would be in the way of "a/b"
    words = ["fetch", "-q", "--force", "--prune", "--no-tags", "--", parcel.url, refs]
    try:
        run_remote(words, git_dir=mirror)
    except GitFailed as error:
        raise explain(error, parcel.url) from error
    lacking = _lacking(parcel, mirror)
    if lacking:
        raise ObjectMissing(
            f"Git remote {parcel.url} has no commit {lacking[0]} any more", hint="git fetch --prune"
        )


def _lacking(parcel: Parcel, mirror: Path) -> list[str]:
    names = "".join(base + "\n" for base in parcel.bases).encode()
    if not names:
        return []
    found = run_git(["cat-file", "--batch-check"], git_dir=mirror, data=names).decode()
    return [line.split()[0] for line in found.splitlines() if line.endswith(" missing")]


def _make(parcel: Parcel, mirror: Path, tree: Path) -> None:
    """A repository with HEAD, its index, and the files of the tree."""
    run_git(["init", "-q", str(tree)])
    alternates = tree / ".git" / "objects" / "info" / "alternates"
    alternates.write_bytes(os.fsencode(mirror / "objects") + b"\n")
    run_git(["index-pack", "--stdin"], git_dir=tree / ".git", data=parcel.pack)
    where = ["-C", str(tree)]
    if parcel.url:
        run_git([*where, "config", "remote.origin.url", parcel.url])
    if parcel.commit:
        run_git([*where, "update-ref", "--no-deref", "HEAD", parcel.commit])
    run_git([*where, "read-tree", "--reset", "-u", parcel.tree])
    if parcel.commit:
        run_git([*where, "reset", "-q"])  # what was not committed there is not committed here
