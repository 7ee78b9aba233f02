"""Which mounts of this user run: one record beside each control socket.

    <runtime_dir>/<id>.sock   the socket of the daemon
    <runtime_dir>/<id>.json   the record: mount point, repository, revision, process, start, log

`id` is a hash of the mount point. A record is written atomically once the socket listens, and removed by the daemon
that wrote it. A daemon that was killed leaves both files behind: its socket refuses connections, which no live daemon's
does, so that is the test for *stale* (process ids are reused, and differ between containers).

Invariants: standard library only, and cheap to import (`vfs status` counts on it); nothing here touches a mount point
through the file system, because a dead or hung mount would make us hang with it.
"""

import contextlib
import errno
import fcntl
import json
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from vfs.config.places import runtime_dir
from vfs.descriptors import again
from vfs.errors import DaemonError, NoSuchMount

_RECORD_LIMIT = 64 << 10
_REFUSING = (errno.ECONNREFUSED, errno.ENOENT, errno.ENOTSOCK, errno.EPROTOTYPE)


class MountOptions(NamedTuple):
    """How a mount is made (`-o` of `vfs mount`).

    Attributes:
        allow_other: every user may read the mount.
        allow_root: root may, besides the user.
        transport: which FUSE transport serves it; None picks the default.
        extra: further FUSE mount options, already checked against the list the command line knows.
        settings: overrides for `vfs.config.load_settings`, (key, value) each.
        fuse_fd: inherited descriptor of a mount that whoever passes it has made; None for none.
        fuse_socket: where a helper makes the mount (`vfs.fuse_helper`); None if we make it ourselves.
    """

    allow_other: bool = False
    allow_root: bool = False
    transport: str | None = None
    extra: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    fuse_fd: int | None = None
    fuse_socket: str | None = None

    @property
    def made_here(self) -> bool:
        """Whether the daemon makes the mount itself."""
        return self.fuse_fd is None and self.fuse_socket is None


class MountRecord(NamedTuple):
    """A mount that runs, as written by its daemon.

    Attributes:
        id: names the record and the socket.
        mountpoint: absolute, without symlinks.
        repo: working tree (or Git directory, if bare) or URL that was mounted.
        rev: the revision as the user named it; a switch writes the record anew.
        pid: process of the daemon.
        started: seconds since the epoch.
        log: the daemon's log file; None when it runs in the foreground only.
        socket: the control socket.
    """

    id: str
    mountpoint: Path
    repo: str
    rev: str
    pid: int
    started: float
    log: Path | None
    socket: Path


def mount_id(mountpoint: Path) -> str:
    """The id of a mount point (absolute, without symlinks): 16 hexadecimal digits."""
    import hashlib  # daemons and `vfs mount` only

    return hashlib.blake2b(os.fsencode(mountpoint), digest_size=8).hexdigest()


def socket_path(mountpoint: Path) -> Path:
    """Where the daemon of `mountpoint` listens."""
    return runtime_dir() / f"{mount_id(mountpoint)}.sock"


def register(record: MountRecord) -> None:
    """Write a record, or replace it after a switch; the socket must be listening already.

    Raises:
        DaemonError: it cannot be written.
    """
    directory = record.socket.parent
    document = record._asdict() | {
        "mountpoint": str(record.mountpoint),
        "log": None if record.log is None else str(record.log),
    }
    del document["socket"], document["id"]
    temporary = directory / f".{record.id}.{os.getpid()}"
    try:
        with locked(directory):
            try:
                _write(temporary, json.dumps(document).encode())
                temporary.replace(directory / f"{record.id}.json")
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise DaemonError(f"{directory}: no mount record here: {error.strerror}") from error


def _write(file: Path, data: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)


def unregister(record: MountRecord) -> None:
    """Remove a record if it is still the one this process wrote.

    Raises:
        DaemonError: the directory is gone, or cannot be changed.
    """
    directory = record.socket.parent
    try:
        with locked(directory):
            now = _load(directory / f"{record.id}.json")
            if now is not None and now.pid == record.pid:
                _remove(now)
    except OSError as error:
        raise DaemonError(f"{directory}: a mount record is left: {error.strerror}") from error


def find_mounts(directory: Path | None = None) -> list[MountRecord]:
    """All mounts of this user that run, by mount point; records of dead daemons are removed on the way."""
    directory = runtime_dir() if directory is None else directory
    found = []
    for file in sorted(directory.glob("*.json")):
        record = _load(file)
        if record is None:
            continue
        if _listens(record.socket):
            found.append(record)
        else:
            _clear(record)
    return sorted(found, key=lambda record: record.mountpoint)


def find_mount(
    path: str | Path | None, cwd: Path, mounts: list[MountRecord] | None = None
) -> MountRecord:
    """The mount a command means.

    `path` names a mount point or something below it. Without it: the mount that `cwd` is inside of, else the only
    mount of the repository that `cwd` belongs to.

    Raises:
        NoSuchMount: none fits, or several do.
    """
    mounts = find_mounts() if mounts is None else mounts
    if path is not None:
        return _at(path, cwd, mounts)
    inside = containing(cwd, mounts)
    if inside is not None:
        return inside
    root = repository_root(cwd)
    fitting = [] if root is None else [m for m in mounts if m.repo == str(root)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise NoSuchMount(f"{root} is mounted {len(fitting)} times", hint=_choices(fitting))
    raise NoSuchMount(f"no mount belongs to {cwd}", hint=_choices(mounts))


def containing(path: Path, mounts: list[MountRecord]) -> MountRecord | None:
    """The innermost mount that `path` (absolute) is or lies in."""
    fitting = [mount for mount in mounts if path.is_relative_to(mount.mountpoint)]
    return max(fitting, key=lambda mount: len(mount.mountpoint.parts), default=None)


def repository_root(path: Path) -> Path | None:
    """The nearest directory at or above `path` that looks like a repository, without asking Git."""
    for candidate in (path, *path.parents):
        if (candidate / ".git").exists():
            return candidate
        if (candidate / "HEAD").is_file() and (candidate / "objects").is_dir():
            return candidate
    return None


def connect(path: Path, patience: int = 5) -> socket.socket:
    """A connection to the control socket at `path`, which may be longer than `sun_path` allows.

    A hung daemon accepts nobody; once its queue is full, connecting would block for ever. `patience` (seconds) bounds
    that: the kernel applies the send timeout to it (unix(7), socket(7)).

    Raises:
        OSError: nobody listens there (ECONNREFUSED, ENOENT), or nobody accepts (EAGAIN).
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if patience:
            connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", patience, 0)
            )
        connection.setblocking(patience > 0)
        with socket_address(path) as address:
            connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """An address for `path` of at most 107 bytes: through a descriptor of its directory if need be."""
    if len(os.fsencode(path)) <= 107:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def _at(path: str | Path, cwd: Path, mounts: list[MountRecord]) -> MountRecord:
    """The mount at `path`; compared as text first, since looking at a dead mount fails and at a hung one hangs."""
    plain = Path(os.path.normpath(cwd / path))
    found = containing(plain, mounts)
    if found is None:
        found = containing(Path(os.path.realpath(plain.parent)) / plain.name, mounts)
    if found is None:
        found = containing(Path(os.path.realpath(plain)), mounts)
    if found is None:
        raise NoSuchMount(f"{plain}: nothing is mounted there by vfs", hint=_choices(mounts))
    return found


def _choices(mounts: list[MountRecord]) -> str:
    if not mounts:
        return "mount it first: vfs mount MOUNTPOINT"
    return "name one of: " + ", ".join(str(mount.mountpoint) for mount in mounts)


def _load(file: Path) -> MountRecord | None:
    """The record in `file`; None if it is gone or damaged (then nothing can be said about its mount)."""
    try:
        with file.open("rb") as stream:
            document: Any = json.loads(stream.read(_RECORD_LIMIT))
        log = document["log"]
        return MountRecord(
            id=file.stem,
            mountpoint=Path(document["mountpoint"]),
            repo=str(document["repo"]),
            rev=str(document["rev"]),
            pid=int(document["pid"]),
            started=float(document["started"]),
            log=None if log is None else Path(log),
            socket=file.with_suffix(".sock"),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _listens(path: Path) -> bool:
    try:
        connect(path, patience=0).close()
    except OSError as error:
        return error.errno not in _REFUSING
    return True


def _clear(record: MountRecord) -> None:
    """Remove a stale record, unless a new daemon has taken its place meanwhile."""
    with locked(record.socket.parent):
        if not _listens(record.socket):
            _remove(record)


def _remove(record: MountRecord) -> None:
    for suffix in (".json", ".sock"):
        record.socket.with_suffix(suffix).unlink(missing_ok=True)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Exclude other processes that write or clear records, or make a socket; held for a few file operations.

    A socket that is bound but does not listen yet looks like one of a daemon that was killed.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    descriptor = again(os.open, directory / ".lock", flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
