"""`vfs cat`: the bytes of one file of a revision, through a mount or without one."""

import os
import stat
import sys
from contextlib import ExitStack

import click

from vfs.control.registry import MountRecord
from vfs.errors import (
    ContentMismatch,
    DataUnavailable,
    RemoteError,
    UnknownPath,
    UsageError,
)
from vfs.formats.hashing import new_hasher
from vfs.types import Algorithm, Blob, Digest, Entry, Kind
from vfs_cli.exits import MOUNT, READ, SNAPSHOT
from vfs_cli.group import VerbCommand
from vfs_cli.options import mount_option, offline_option, repo_option, rev_option
from vfs_cli.parameters import PATH
from vfs_cli.progress import Progress
from vfs_cli.target import Target, locate, opened, snapshot
from vfs_cli.text import readable

_READ = 1 << 20


@click.command(
    "cat",
    cls=VerbCommand,
    examples=(
        ("vfs cat data/labels.csv | head", "only what is read is fetched"),
        ("vfs cat --rev v1.0 model.pt > old.pt", "another revision"),
        ("vfs cat --mount /mnt/data :/README.md", "what a mount shows"),
    ),
    exits=(*MOUNT, *SNAPSHOT, UnknownPath, *READ),
)
@click.argument("path", type=PATH)
@rev_option
@offline_option
@repo_option
@mount_option
@click.option(
    "--json", "as_json", is_flag=True, help="Report errors as JSON; the data stays as it is."
)
def command(path: str, rev: str | None, repo: str | None, mount: str | None, as_json: bool) -> None:
    """Write a file of a revision to standard output.

    PATH is relative to this directory; ':/PATH' begins at the top of the repository. A symlink is not followed.
    What was written is compared with the file's digest: if it is wrong, the command ends with an error. Of a part (`| head`) nothing is
    compared.
    """
    target, wanted = locate(path, repo, mount, rev)
    if mount is not None and rev is None and target.mount is not None:
        _from_mount(target.mount, wanted)
    else:
        _from_snapshot(target, wanted)


def _from_mount(record: MountRecord, path: bytes) -> None:
    """Read through the kernel; no component may be a symlink, which could lead anywhere on this machine."""
    name = readable(path)
    with ExitStack() as stack:
        try:
            here = os.open(record.mountpoint, os.O_PATH | os.O_DIRECTORY)
            stack.callback(os.close, here)
            parts = path.split(b"/")
            for part in parts[:-1]:
                here = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
                stack.callback(os.close, here)
            file = os.open(parts[-1] or b".", os.O_RDONLY | os.O_NOFOLLOW, dir_fd=here)
            stack.callback(os.close, file)
            if stat.S_ISDIR(os.fstat(file).st_mode):
                raise UsageError(f"{name} is a directory", hint=f"vfs ls {name}")
            digest = _digest(file)
            hasher = None if digest is None else new_hasher(digest.algorithm)
            while data := os.read(file, _READ):
                sys.stdout.buffer.write(data)
                if hasher is not None:
                    hasher.update(data)
            if digest is not None and hasher is not None and not hasher.matches(digest.value):
                raise ContentMismatch(
                    f"{name}: what {record.mountpoint} gave is not what its digest names",
                    hint="read it again: the mount gives up what it finds wrong",
                )
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UnknownPath(f"{record.mountpoint} has no {name}") from error
        except BrokenPipeError:
            raise
        except OSError as error:
            reason = error.strerror or "cannot be read"
            raise DataUnavailable(
                f"{name}: {reason}", hint=f"vfs status {record.mountpoint} shows why"
            ) from error


def _digest(file: int) -> Digest | None:
    """What names the content of an open file of a mount; None if it is Git's, or nobody hashed it."""
    try:
        algorithm, _, value = os.getxattr(file, "user.vfs.digest").decode().partition(":")
        digest = Digest(Algorithm[algorithm.replace("-", "_").upper()], bytes.fromhex(value))
    except (OSError, KeyError, ValueError):
        return None
    return None if digest.algorithm in (Algorithm.GIT, Algorithm.PLACE) else digest


def _from_snapshot(target: Target, path: bytes) -> None:
    name = readable(path)
    with opened(target) as workspace:
        with Progress() as progress:
            shown = snapshot(workspace, target.rev, progress)
        found = shown.resolve(path)
        if not isinstance(found, Entry):
            raise UsageError(f"{name} is a directory", hint=f"vfs ls {name}")
        if found.kind is Kind.BROKEN:
            raise shown.unavailable(path, path, found)
        blob = _blob(found, name)
        from vfs_cli.fetching import stream

        try:
            stream(workspace, shown, found, blob, sys.stdout.buffer.write)
        except (DataUnavailable, RemoteError) as error:
            told = type(error)(f"{name} of {shown.rev}: {error.message}", hint=error.hint)
            told.log_level = error.log_level  # what is in the log already is not written again
            raise told from error


def _blob(entry: Entry, name: str) -> Blob:
    """The content of an entry that is a plain file."""
    if entry.kind is Kind.SYMLINK:
        raise UsageError(f"{name} is a symlink", hint="name the file it points to")
    assert entry.digest is not None
    return Blob(entry.digest, entry.size)
