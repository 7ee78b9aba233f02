"""What a verb that works without a mount is about: a repository, a revision, and where paths begin.

One rule for `ls`, `cat`, `log`, `diff`, `prefetch` and `doctor`: in a mount (or with `--mount`) what it shows is meant; in
a repository HEAD, as with Git, also while it is mounted somewhere; `--rev` names another revision in either place.

Paths are those of the snapshot. As with Git, one on the command line is relative to the current directory when that lies
in the repository (or in a mount of it); `:/` in front, or an absolute path into the repository or mount, begins at its
top. `ls`, `cat` and `log` look a path that leads elsewhere up where it lies, in its own mount or repository.
"""

import contextlib
import os
import posixpath
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vfs.control.client import call
from vfs.control.mountinfo import dead_mounts
from vfs.control.registry import MountRecord, containing, find_mount, find_mounts, repository_root
from vfs.errors import DaemonError, NoSuchMount, NotARepository, UnknownPath, UsageError
from vfs_cli.options import chosen

if TYPE_CHECKING:
    from vfs.workspace import Snapshot, Workspace
    from vfs_cli.progress import Progress

WORKTREE = "worktree"
"""The revision that is no commit (`vfs.workspace.workspace.WORKTREE`, which takes long to import)."""

_ANSWER_SECONDS = 10.0


class Target(NamedTuple):
    """The object of a verb.

    Attributes:
        repo: directory or URL for `open_workspace`.
        rev: the revision meant.
        tops: directories of this machine that stand for the snapshot's top.
        here: the current directory within the snapshot (b"" at the top).
        mount: the mount that was named, or that the current directory lies in.
    """

    repo: str
    rev: str
    tops: tuple[Path, ...] = ()
    here: bytes = b""
    mount: MountRecord | None = None

    def path(self, text: str) -> bytes:
        """A path of the command line as a path of the snapshot.

        Raises:
            UsageError: it leads out of the repository.
            UnknownPath: it is `.snapshots` of a mount, which holds revisions.
        """
        path = self._path(text)
        if self.mount is not None and path.split(b"/")[0] == b".snapshots":
            raise UnknownPath(
                f"{os.fsdecode(path)} is in no revision: .snapshots holds revisions",
                hint="go into one, or name it with --rev and a path that begins with ':/'",
            )
        return path

    def _path(self, text: str) -> bytes:
        if text.startswith(":/"):
            return _normal(os.fsencode(text[2:].lstrip("/")), text)
        if not text.startswith("/"):
            return _normal(posixpath.join(self.here, os.fsencode(text)), text)
        plain = Path(os.path.normpath(text))
        for top in self.tops:
            if plain.is_relative_to(top):
                return _normal(os.fsencode(plain.relative_to(top)), text)
        raise _outside(
            text,
            f"{text} is not inside {self.repo}",
            "a path is relative to this directory; ':/PATH' begins at the top of the repository",
        )

    def typed(self, path: bytes) -> bytes:
        """A path of the snapshot as one would type it in the current directory."""
        return posixpath.relpath(b"/" + path, b"/" + self.here) if self.here else path


def _normal(path: bytes, text: str) -> bytes:
    plain = posixpath.normpath(path)
    if plain == b".":
        return b""
    if plain == b".." or plain.startswith((b"../", b"/")) or b"\0" in plain:
        said = f"{text} leads out of the repository"
        raise _outside(text, said, "':/PATH' begins at the top of the repository")
    return plain


def _outside(text: str, said: str, hint: str) -> UsageError:
    """The error of a path that is not of the repository: it says which mount, alive or dead, the path lies in, or that it lies in none."""
    place, records = Path(os.path.normpath(Path.cwd() / text)), find_mounts()
    mount = containing(place, records)
    if mount is not None:
        point = mount.mountpoint
        return UsageError(
            f"{said}; it lies in the mount at {point}", hint=f"cd {point}, or --mount {point}"
        )
    if (lost := _lost(place, records)) is not None:
        return UsageError(f"{said}; {lost.message}", hint=lost.hint)
    return UsageError(
        f"{said}, nor in a mount", hint=f"{hint}; `vfs status --mounts` lists the mounts"
    )


def mounted(path: str | None, cwd: Path) -> MountRecord:
    """The mount that a command means, as `find_mount`; one whose daemon is gone is named.

    Raises:
        NoSuchMount: none fits, or several do.
        DaemonError: the only one that fits is dead.
    """
    records = find_mounts()
    try:
        return find_mount(path, cwd, records)
    except NoSuchMount:
        place = cwd if path is None else Path(os.path.normpath(cwd / path))
        root = repository_root(cwd) if path is None else None
        for dead in dead_mounts(records, os.geteuid()):
            if place.is_relative_to(dead.path) or dead.repo == str(root):
                raise gone(dead.path) from None
        raise


def _lost(place: Path, records: list[MountRecord]) -> DaemonError | None:
    """The error of a mount whose daemon is gone, if a place lies in one."""
    for dead in dead_mounts(records, os.geteuid()):
        if place.is_relative_to(dead.path):
            return gone(dead.path)
    return None


def gone(path: Path) -> DaemonError:
    """The error of a mount whose daemon is gone."""
    return DaemonError(
        f"the daemon of {path} is gone", hint=f"vfs umount {path}, then mount it anew"
    )


def locate(path: str, repo: str | None, mount: str | None, rev: str | None) -> tuple[Target, bytes]:
    """The target of a verb about one path of the command line, and that path in the snapshot.

    Raises:
        UsageError, UnknownPath, NoSuchMount, NotARepository: as `choose` and `Target.path`.
        DaemonError: the path lies in a mount whose daemon is gone.
    """
    cwd = Path.cwd()
    place = Path(os.path.normpath(cwd / path))
    if repo is None and mount is None and not path.startswith(":/") and _elsewhere(place, cwd):
        target = choose(None, None, rev, place)
        wanted = target.path(".")
        return target._replace(here=b""), wanted
    try:
        target = choose(repo, mount, rev, cwd)
    except NotARepository:
        if (lost := _lost(place, find_mounts())) is not None:
            raise lost from None
        raise
    return target, target.path(path)


def _elsewhere(place: Path, cwd: Path) -> bool:
    """Whether a place lies in a mount or repository, and not in the one that the current directory means."""
    records = find_mounts()
    here, there = containing(cwd, records), containing(place, records)
    if there is not None:
        return there != here
    top = repository_root(cwd) if here is None else Path(here.repo)
    if top is not None and place.is_relative_to(top):
        return False
    with contextlib.suppress(OSError):  # it may not be looked at
        return repository_root(place) is not None
    return False


def choose(repo: str | None, mount: str | None, rev: str | None, cwd: Path | None = None) -> Target:
    """The target of a verb, by its options and the current directory.

    Raises:
        UsageError: `--repo` and `--mount` at once.
        NoSuchMount: `--mount` names none.
        NotARepository: nothing is named and there is none here.
    """
    cwd = Path.cwd() if cwd is None else cwd
    if repo is not None and mount is not None:
        raise UsageError("--repo and --mount exclude each other")
    if repo is not None:
        path = Path(repo).expanduser().absolute()
        if not path.exists():
            return Target(repo, rev or "HEAD")
        root = repository_root(path) or path
        return Target(str(root), rev or "HEAD", (root,))
    if mount is not None:
        return _of_mount(mounted(mount, cwd), rev, cwd)
    inside = containing(cwd, find_mounts())
    if inside is not None:
        return _of_mount(inside, rev, cwd)
    top = repository_root(cwd)
    if top is None:
        raise NotARepository(
            f"{cwd} is not in a Git repository", hint="cd into one, or name it with --repo"
        )
    return Target(str(top), rev or "HEAD", (top,), _relative(cwd, top))


def _of_mount(record: MountRecord, rev: str | None, cwd: Path) -> Target:
    tops = (
        (record.mountpoint, Path(record.repo))
        if record.repo.startswith("/")
        else (record.mountpoint,)
    )
    top = next((top for top in tops if cwd.is_relative_to(top)), cwd)
    here = _relative(cwd, top)
    if here.startswith(b".snapshots/"):
        shown, here = _in_snapshots(top, here.split(b"/")[1:])
        rev = rev or shown
    if rev is None:
        status = call(record, "status", timeout=_ANSWER_SECONDS)
        rev = str(status.get("commit") or status.get("rev") or record.rev)
    return Target(record.repo, rev, tops, here, record)


def _in_snapshots(top: Path, parts: list[bytes]) -> tuple[str, bytes]:
    """The revision of a path below `.snapshots`, and the path in it; a revision's name may have slashes."""
    length = 1
    for number in range(1, len(parts) + 1):
        directory = os.path.join(os.fsencode(top), b".snapshots", *parts[:number])
        with contextlib.suppress(OSError):
            os.getxattr(directory, "user.vfs.rev")
            length = number
            break
    return os.fsdecode(b"/".join(parts[:length])), b"/".join(parts[length:])


def _relative(path: Path, top: Path) -> bytes:
    return b"" if path == top else os.fsencode(path.relative_to(top))


@contextmanager
def opened(target: Target, jobs: int | None = None) -> Iterator["Workspace"]:
    """The workspace of a target, closed at the end; `jobs` is instead of `transfer.jobs`."""
    with opening(target, jobs) as workspace:
        yield workspace()


@contextmanager
def opening(target: Target, jobs: int | None = None) -> Iterator[Callable[[], "Workspace"]]:
    """As `opened`, of a verb that may do without: what opens the workspace when it is first called."""
    from vfs_cli.notices import noticed

    with noticed(), ExitStack() as stack:

        @cache
        def workspace() -> "Workspace":
            from vfs.config import load_settings
            from vfs.workspace import open_workspace

            root = Path(target.repo)
            settings = load_settings(
                root if root.is_absolute() and root.is_dir() else None, chosen()
            )
            settings = settings if jobs is None else replace(settings, jobs=jobs)
            found = open_workspace(target.repo, settings)
            stack.callback(found.close)
            return found

        yield workspace


def snapshot(workspace: "Workspace", rev: str, progress: "Progress") -> "Snapshot":
    """A snapshot, with progress shown while it is built."""
    return workspace.snapshot(rev, progress.step)
