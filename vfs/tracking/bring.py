"""`vfs add SOURCE -o OUT`: data from outside the repository, copied in and tracked.

Rule: the copy gets its name when it is whole; a failure leaves what was there.
"""

import errno
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from vfs.errors import (
    DataUnavailable,
    StoreError,
    StoreFull,
    UnknownPath,
    Unsupported,
    WouldOverwrite,
)
from vfs.objects.incoming import FULL
from vfs.objects.source import open_source
from vfs.tracking.add import Added, add, check_target, check_untracked
from vfs.tracking.file import File
from vfs.tracking.project import Project, told
from vfs.tracking.scan import Scanner
from vfs.tracking.upload import add_to_remote

_PIECE: Final = 64 << 20
_PLAIN: Final = (errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF)


def add_from(
    project: Project,
    source: str,
    out: bytes,
    *,
    desc: str = "",
    force: bool = False,
    to_remote: bool = False,
    remote: str | None = None,
) -> Added:
    """Track a copy of what lies somewhere on this machine.

    Args:
        project: that the out lies in.
        source: a path; relative to the current directory.
        out: path of the out; a directory that exists takes the source in under its name.
        desc: what to say of it.
        force: replace what is at the out.
        to_remote: copy it to a remote instead of the working tree.
        remote: name of that remote; None is the default one.

    Raises:
        Unsupported: the source is a URL.
        UnknownPath: there is no source.
        WouldOverwrite: something is at the out.
        VfsError: as `add` and `add_to_remote`.
    """
    if "://" in source:
        raise Unsupported(f"{source} is a URL", hint="vfs import-url")
    path = os.fsencode(os.path.abspath(source))
    if not os.path.exists(path):
        raise UnknownPath(f"there is no {source}")
    if os.path.isdir(project.absolute(out)):
        out = (out + b"/" if out else b"") + os.path.basename(path)
    if os.path.lexists(project.absolute(out)) and not force:
        raise WouldOverwrite(f"{told(out)} is there already", hint="--force replaces it")
    if to_remote:
        return add_to_remote(project, [out], remote, desc=desc, force=force, sources={out: path})
    claim = check_target(project, out, force=force, there=False)
    if claim is None:
        check_untracked(project, [out])
    kept = _put(project, path, out)
    try:
        done = add(project, [out], desc=desc, force=True)
    except BaseException:
        _remove(project.absolute(out))
        if kept:
            os.rename(kept, project.absolute(out))
        raise
    if kept:
        _remove(kept)
    return done


def _put(project: Project, source: bytes, out: bytes) -> bytes:
    """Copy the source to the out; where what was there is now, b"" if nothing was."""
    target = project.absolute(out)
    token = secrets.token_hex(8).encode()
    new, old = (os.path.join(os.path.dirname(target), b".vfs-%s-%s.tmp" % (token, part))
                for part in (b"new", b"old"))  # fmt: skip
    top, _, name = source.rpartition(b"/")
    scanner = Scanner(top, mounts=frozenset())
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.isdir(source):
            os.mkdir(new)
        for file in scanner.files(name):
            scanner.check()
            below = file.path[len(name) :]
            os.makedirs(os.path.dirname(new + below), exist_ok=True)
            _copy(top + b"/" + file.path, new + below, file)
            project.progress("copy", file.fingerprint.size, None)
        scanner.check()
        kept = b""
        if os.path.lexists(target):
            os.rename(target, old)
            kept = old
        os.rename(new, target)
    except OSError as error:
        _remove(new)
        kind = StoreFull if error.errno in FULL else StoreError
        raise kind(f"{told(out)}: {error.strerror}") from error
    except BaseException:
        _remove(new)
        raise
    return kept


def _copy(source: bytes, target: bytes, file: File) -> None:
    """Copy one file; on file systems that can, its blocks are shared."""
    descriptor, found = open_source(source, follow=file.link)
    with open(descriptor, "rb") as reading, open(target, "xb") as writing:
        left = found.st_size
        try:
            while left:
                count = os.copy_file_range(reading.fileno(), writing.fileno(), min(left, _PIECE))
                if not count:
                    raise DataUnavailable(f"{os.fsdecode(source)} changes while it is read")
                left -= count
        except OSError as error:
            if error.errno not in _PLAIN:
                raise
            reading.seek(0)
            writing.seek(0)
            shutil.copyfileobj(reading, writing, 1 << 20)
        if file.executable:
            os.fchmod(writing.fileno(), 0o755)


def _remove(path: bytes) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            Path(os.fsdecode(path)).unlink()
