"""A working tree as Git would see it, packed for a machine that has nothing of it (which unpacks it: `vfs.git.unparcel`).

In it: HEAD, and the tree that HEAD would have if all that Git does not ignore were committed now; of both the objects that the tracked branches of
one Git remote (`origin`, else the first) lack. What is left out, the other machine fetches from the URL of that remote. A repository without a remote is packed with
its history.

Rules:

* The user's index and object directories are read and not written.
* What Git ignores stays here, and of new files in `.dvc` and `.vfs` all but configuration and ignore files: the rest may hold secrets. The files of one
  machine's configuration stay even if Git tracks them (unless they were committed, since history goes whole).
* Passwords in a URL stay here. Submodules are not packed.
"""

import os
import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from vfs.errors import StoreError, Unsupported, VfsError
from vfs.git.clone import parse_source
from vfs.git.command import GitFailed, run_git
from vfs.git.here import git_directories

MOST: Final = 64 << 20
"""Bytes of the files that differ from HEAD, and of the packed objects."""
_OPEN: Final = {
    b".dvc": (b"config", b".gitignore", b".dvcignore"),
    b".vfs": (b"config.yaml", b".gitignore"),
}
"""Names of directories with what goes of them."""
_PRIVATE: Final = (":(top,glob)**/.dvc/config.local", ":(top,glob)**/.vfs/local.yaml")
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


def packed(
    top: bytes,
    also: Sequence[bytes],
    but: Collection[bytes],
    place: bytes,
    check: Callable[[], object],
) -> Parcel:
    """Pack a working tree.

    Args:
        top: of it.
        also: paths that go even if Git ignores them.
        but: paths that stay, with what is below them, if Git does not track them.
        place: an empty directory for what is needed meanwhile; whoever made it removes it, also if this process is killed.
        check: called now and then; whatever it raises ends the work.

    Raises:
        StoreError: Git cannot read it.
        Unsupported: it is more than `MOST` bytes.
    """
    try:
        return _packed(top, also, but, os.fsdecode(place), check)
    except GitFailed as error:
        raise StoreError(f"{os.fsdecode(top)}: {error.stderr}") from error


def _packed(
    top: bytes,
    also: Sequence[bytes],
    but: Collection[bytes],
    place: str,
    check: Callable[[], object],
) -> Parcel:
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
    gone = {path for path in files if _behind_link(top, path)}
    _put(where, [p for p in files if p not in gone], ["--add", "--remove", "--replace"], apart)
    private = run_git([*where, "ls-files", "-z", "--", *_PRIVATE]).split(b"\0")
    _put(where, [*gone, *private], ["--force-remove"], apart)
    tree = run_git([*where, "write-tree"], variables=apart).decode().strip()
    commit = _commit(where)
    name, url = _remote(where, top)
    there = _there(where, name) if name else []
    bases = _bases(where, commit, there) if commit and there else ()
    wanted = [commit, tree] if commit else [tree]
    lines = [*wanted, *(f"^{base}" for base in bases)]
    pack = _pack(where, lines, os.path.join(place, "pack"), apart, check)
    if pack is None:
        raise _too_much(name, url, asked=bool(there))
    return Parcel(commit, tree, bases, url, pack)


def _too_much(name: str, url: str, *, asked: bool) -> Unsupported:
    """What to do about a pack that is too large; `asked`: something is known of what the remote has."""
    what = "Git repository has no remote"
    if url:
        what = f"Git remote {name} lacks more than {MOST >> 20} MiB of this repository, as far as is known here"
    fetch = "" if asked or not url else f"git fetch {name}, to learn what it has; "
    return Unsupported(
        f"{what}; a worker is sent {MOST >> 20} MiB at most",
        hint=f"{fetch}git push, to a remote that workers can fetch from",
    )


def _put(where: list[str], files: Sequence[bytes], words: list[str], apart: dict[str, str]) -> None:
    """Bring the index to what the working tree has of some files."""
    data = b"".join(path + b"\0" for path in files if path)
    if data:
        run_git([*where, "update-index", "-z", *words, "--stdin"], data=data, variables=apart)


def _behind_link(top: bytes, path: bytes) -> bool:
    """Whether a symlink lies in the place of a directory above a path: Git has nothing there then."""
    parts = path.split(b"/")[:-1]
    return any(
        os.path.islink(os.path.join(top, *parts[:number])) for number in range(1, len(parts) + 1)
    )


def _pack(
    where: list[str],
    lines: list[str],
    place: str,
    apart: dict[str, str],
    check: Callable[[], object],
) -> bytes | None:
    """A pack of what some lines name, made in a file; None as soon as it is too much."""
    with open(place, "w+b") as file:

        def look() -> None:
            check()
            if os.fstat(file.fileno()).st_size > MOST:
                raise _TooMuch

        try:
            run_git(
                [*where, "pack-objects", "--revs", "--stdout", "-q"],
                data="".join(line + "\n" for line in lines).encode(),
                variables=apart, into=file, check=look,
            )  # fmt: skip
            look()
        except _TooMuch:
            return None
        file.seek(0)
        return file.read()


class _TooMuch(Exception):
    """A pack has become too large."""


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
    for name, goes in _OPEN.items():
        if name in parts[:-1] and (parts[-2] != name or parts[-1] not in goes):
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


def _there(where: list[str], remote: str) -> list[str]:
    """Commits that a remote had when it was last asked."""
    refs = ["for-each-ref", "--format=%(objectname)", f"refs/remotes/{remote}/"]
    return run_git([*where, *refs]).decode().split()


def _bases(where: list[str], commit: str, there: list[str]) -> tuple[str, ...]:
    lines = "".join(line + "\n" for line in (commit, *(f"^{one}" for one in there)))
    found = run_git([*where, "rev-list", "--boundary", "--stdin"], data=lines.encode())
    listed = found.decode().split()
    return tuple(one[1:] for one in listed if one[0] == "-") if listed else (commit,)


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
