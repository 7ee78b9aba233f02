"""The scope of a repository: whose remotes may stand for the bytes of a large content until all of it was compared (`vfs.types.Blob`).

Rule: 16 random bytes in `vfs/scope` of the Git directory, made when they are first asked for, so another repository at the same path is
another one, and nobody can name a scope that is not theirs. Linked working trees have one. Where nothing can be written (a repository of
another user), its place stands for it.
"""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from blake3 import blake3

from vfs.git import Repository

_SIZE: Final = 16


def scope_of(repository: Repository) -> bytes:
    """The scope of a repository; blocking."""
    git_dir = repository.common_dir
    file = git_dir / "vfs" / "scope"
    return _read(file) or _made(file) or _place(git_dir)


def _read(file: Path) -> bytes:
    """What was written before; empty if nothing was, or it is none of ours."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        found = os.read(descriptor, _SIZE + 1)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
    return found if len(found) == _SIZE else b""


def _made(file: Path) -> bytes:
    """A new one, or what another process made at the same time; empty if it cannot be kept."""
    temporary = file.with_name(f".scope-{secrets.token_hex(8)}.tmp")
    try:
        file.parent.mkdir(exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            os.write(descriptor, secrets.token_bytes(_SIZE))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, file)
    except OSError:
        return b""
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return _read(file)


def _place(git_dir: Path) -> bytes:
    try:
        status = git_dir.stat()
        name = f"{status.st_dev} {status.st_ino} "
    except OSError:
        name = ""
    return blake3(name.encode() + os.fsencode(git_dir)).digest(_SIZE)
