"""Starting a mount: a daemon of its own in the background, or this process in the foreground."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

from vfs.control.mountinfo import Life, is_mounted, look
from vfs.control.protocol import REPLY_LIMIT, Decoder, Failure, Progress, decode_reply, error_of
from vfs.control.registry import MountOptions, MountRecord, find_mounts
from vfs.control.unmount import unmount
from vfs.daemon.ending import HEARD
from vfs.daemon.request import MountRequest, encode
from vfs.descriptors import given
from vfs.errors import DaemonError, MountPointRefused

OnProgress = Callable[[dict[str, Any]], None]

_READ: Final = 65536

_ENDING: Final = 10.0
"""Seconds a daemon is given to end when nobody wants the mount any more."""


def start_mount(
    repo: str | None,
    rev: str,
    mountpoint: Path,
    options: MountOptions,
    foreground: bool,
    progress: OnProgress,
    tell: Callable[[MountRecord], None],
) -> None:
    """Mount a revision of a repository.

    Args:
        repo: directory or Git URL; None means the repository of the current directory.
        rev: revision to show.
        mountpoint: an existing, empty directory; a dead mount of ours on it is taken down first.
        options: how to mount.
        foreground: serve in this process and return when unmounted.
        progress: told about long work (`stage`, `done`, `total`).
        tell: says what is mounted, if this process does not serve it itself. Whatever it raises is raised, and nothing is mounted then.

    Raises:
        VfsError: whatever kept the mount from being made.
    """
    where = _free(mountpoint, rev)
    source = repo if repo is not None else os.getcwd()
    request = MountRequest(source, rev, where, options, foreground)
    if foreground:
        _in_foreground(request)
    _in_background(request, progress, tell)


@contextmanager
def held_mount(
    repo: str, rev: str, mountpoint: Path, progress: OnProgress
) -> Iterator[MountRecord]:
    """A mount that is there until the block ends, or this process does, however that ends; it counts what is read (verb `handed`).

    Raises:
        VfsError: whatever kept the mount from being made.
    """
    where = _free(mountpoint, rev)
    request = MountRequest(repo, rev, where, MountOptions(), counted=True)
    with _daemon(request, progress) as process:
        try:
            yield _record(where)
        finally:
            assert process.stdin is not None
            process.stdin.close()  # not heard: it ends
            try:
                process.wait(_ENDING)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if is_mounted(where):
                unmount(where, lazy=True)


def _record(where: Path) -> MountRecord:
    for mount in find_mounts():
        if mount.mountpoint == where:
            return mount
    raise DaemonError(f"the daemon of {where} ended as soon as it was ready")


def _free(mountpoint: Path, rev: str) -> Path:
    """The mount point without symlinks, clear of a mount whose daemon has died.

    Raises:
        MountPointRefused: something that lives is mounted there.
    """
    plain = Path(os.path.abspath(mountpoint))
    if given(plain) is not None:
        return plain
    if not is_mounted(plain):
        plain = Path(os.path.realpath(plain))
    if not is_mounted(plain):
        return plain
    life = look(plain)
    if life is Life.DEAD:
        unmount(plain, lazy=True)
        return plain
    if life is Life.SILENT:
        raise MountPointRefused(
            f"a mount of vfs on {plain} does not answer", hint=f"vfs umount --lazy {plain}"
        )
    raise MountPointRefused(
        f"vfs is mounted on {plain} already",
        hint=f"`vfs switch {rev} --mount {plain}` changes what it shows",
    )


def _in_foreground(request: MountRequest) -> NoReturn:
    from vfs.daemon.run import Reporter, run

    run(request, Reporter(-1))
    raise SystemExit(0)


def _in_background(
    request: MountRequest, progress: OnProgress, tell: Callable[[MountRecord], None]
) -> None:
    """Start the daemon and wait until it says that it is ready, or why it is not; then tell what is mounted.

    It ends if this process does before: then its standard input ends without the word that we have heard it.
    """
    with _daemon(request, progress) as process:
        assert process.stdin is not None
        tell(_record(request.mountpoint))
        with contextlib.suppress(BrokenPipeError):  # it has ended since
            process.stdin.write(HEARD)
        process.returncode = 0  # it lives on without us; nobody is to wait for it
        process.stdin.close()


@contextmanager
def _daemon(request: MountRequest, progress: OnProgress) -> "Iterator[subprocess.Popen[bytes]]":
    """A daemon that is ready. It ends with this process, or if the block fails."""
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb", buffering=0) as reports:
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "vfs.daemon"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs, *_handed_on(request)],
                bufsize=0,
                start_new_session=True,
                cwd="/",
            )
        finally:
            os.close(theirs)
        assert process.stdin is not None
        try:
            process.stdin.write(encode(request._replace(report=theirs)))
            _await_ready(reports.read, process, progress)
            yield process
        except BaseException:
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_ENDING)
            raise


def _handed_on(request: MountRequest) -> list[int]:
    """The descriptor that the daemon is to serve, if somebody else mounted it."""
    number = given(request.mountpoint)
    return [] if number is None else [number]


def _await_ready(
    read: Callable[[int], bytes], process: "subprocess.Popen[bytes]", progress: OnProgress
) -> None:
    decoder = Decoder(REPLY_LIMIT)
    while data := read(_READ):
        for payload in decoder.feed(data):
            reply = decode_reply(payload)
            if isinstance(reply, Failure):
                process.wait()
                raise error_of(reply)
            if isinstance(reply, Progress):
                progress(reply.data)
            else:
                return
    code = process.wait()
    raise DaemonError(
        f"the daemon died while it started (exit {code})", hint="`vfs mount --foreground` shows why"
    )
