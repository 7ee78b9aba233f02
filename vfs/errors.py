"""Every error a user can meet, as one tree.

    VfsError
    ├── UsageError            the request itself is wrong (exit 2)
    │   ├── NotARepository
    │   ├── UnknownRevision
    │   ├── UnknownPath
    │   ├── MountPointRefused
    │   └── NoSuchMount
    ├── ConfigError           a configuration file cannot be used
    ├── FormatError           a pointer, lock, listing or manifest cannot be read
    │   └── UnsafePath        … because it names a place outside its bounds
    ├── RemoteError           a remote did not give what was asked
    │   ├── ObjectMissing     it answered: no such object
    │   ├── RemoteUnavailable it did not answer in time (retryable)
    │   ├── AccessDenied      it refused our credentials
    │   ├── ObjectChanged     the object is no longer the one we began to read
    │   └── ContentMismatch   its bytes are not those the digest names
    ├── DataUnavailable       no place has the bytes of a path
    ├── Offline               it is not on this machine, and no remote may be asked
    ├── StoreError            the local chunk store or catalog failed
    │   ├── StoreFull
    │   └── StoreCorrupt
    ├── DaemonError           the daemon of a mount failed or does not answer
    │   └── ProtocolError     … or the two ends of a control socket do not understand each other
    ├── Unsupported           known, but not built (yet)
    ├── RepositoryBusy        another `dvc` or `vfs` command is writing to it
    ├── WouldOverwrite        something in the working tree would be lost
    └── StageFailed           the command of a stage failed

Rule: domain code raises these and nothing else across a package boundary; a foreign
exception is translated where it enters (`map_exceptions` in the adapter). Only
`vfs.fuse.errnos` turns them into errnos for the kernel and only `vfs_cli.main` into
exit codes. The class carries `code` (stable, kebab-case, part of the API), `errno`,
`exit_code`, `retryable` and `log_level`; the instance carries the sentence (what
happened, where) and `hint` (what to do).
"""

import errno as _errno
import logging


class VfsError(Exception):
    """Base of all errors; never raised itself."""

    code = "error"
    errno = _errno.EIO
    exit_code = 1
    retryable = False
    log_level = logging.WARNING

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(VfsError):
    """The request cannot be understood or does not fit the situation."""

    code = "usage"
    errno = _errno.EINVAL
    exit_code = 2
    log_level = logging.INFO


class NotARepository(UsageError):
    """The directory is not inside a Git repository."""

    code = "not-a-repository"
    exit_code = 3


class UnknownRevision(UsageError):
    """Git does not resolve the revision."""

    code = "unknown-revision"
    errno = _errno.ENOENT
    exit_code = 4


class UnknownPath(UsageError):
    """The snapshot has no such path."""

    code = "unknown-path"
    errno = _errno.ENOENT
    exit_code = 5


class MountPointRefused(UsageError):
    """The mount point does not exist, is busy, or lies inside our own data."""

    code = "mount-point-refused"
    exit_code = 6


class NoSuchMount(UsageError):
    """No mount fits the request, or more than one does."""

    code = "no-such-mount"
    exit_code = 7


class ConfigError(VfsError):
    """A configuration file cannot be read or holds an impossible value."""

    code = "bad-config"
    errno = _errno.EINVAL
    exit_code = 8


class FormatError(VfsError):
    """A file of a known format breaks that format.

    Attributes:
        heals: something that it needs could not be had, and may be another time.
    """

    code = "bad-format"
    exit_code = 9

    def __init__(
        self,
        message: str,
        *,
        file: str = "",
        line: int | None = None,
        hint: str | None = None,
        heals: bool = False,
    ) -> None:
        where = file if line is None else f"{file}:{line}"
        super().__init__(f"{where}: {message}" if where else message, hint=hint)
        self.file = file
        self.line = line
        self.problem = message
        self.heals = heals


class UnsafePath(FormatError):
    """A path leads outside its bounds, into `.git`/`.dvc`/`.vfs`, or is no valid name."""

    code = "unsafe-path"


class RemoteError(VfsError):
    """A remote could not do what was asked."""

    code = "remote-failed"
    exit_code = 10


class ObjectMissing(RemoteError):
    """The remote answered that it has no such object."""

    code = "object-missing"
    exit_code = 11


class RemoteUnavailable(RemoteError):
    """The remote did not answer, or asked us to come back later.

    `retry_after`: seconds the remote asked us to wait, or None.
    """

    code = "remote-unavailable"
    exit_code = 12
    retryable = True
    retry_after: float | None = None


class AccessDenied(RemoteError):
    """The remote refused our credentials, or we have none."""

    code = "access-denied"
    errno = _errno.EACCES
    exit_code = 13


class ObjectChanged(RemoteError):
    """The object was replaced while it was being read."""

    code = "object-changed"
    exit_code = 14


class ContentMismatch(RemoteError):
    """The bytes received are not those the digest names."""

    code = "content-mismatch"
    exit_code = 15


class DataUnavailable(VfsError):
    """None of the places a path's bytes may come from has them."""

    code = "data-unavailable"
    exit_code = 16


class Offline(VfsError):
    """It is not on this machine, and nothing may be asked of a remote: somebody said so."""

    code = "offline"
    errno = _errno.ENETDOWN
    exit_code = 24


class StoreError(VfsError):
    """The chunk store or catalog on this machine failed."""

    code = "store-failed"
    exit_code = 17


class StoreFull(StoreError):
    """No room is left for the chunk store; reading goes on without caching."""

    code = "store-full"
    exit_code = 18


class StoreCorrupt(StoreError):
    """A chunk on this machine is not what was written; it has been dropped and can be fetched again."""

    code = "store-corrupt"
    exit_code = 17


class DaemonError(VfsError):
    """The daemon of a mount did not start, died, or does not answer."""

    code = "daemon-failed"
    exit_code = 19


class ProtocolError(DaemonError):
    """A frame on a control socket breaks the protocol or speaks another version of it."""

    code = "control-protocol"


class Unsupported(VfsError):
    """A known feature of a format or tool that vfs does not have."""

    code = "unsupported"
    errno = _errno.ENOTSUP
    exit_code = 20


class RepositoryBusy(VfsError):
    """Another `dvc` or `vfs` command is writing to the repository."""

    code = "repository-busy"
    errno = _errno.EBUSY
    exit_code = 21


class WouldOverwrite(VfsError):
    """Something in the working tree would be lost."""

    code = "would-overwrite"
    errno = _errno.EEXIST
    exit_code = 22


class StageFailed(VfsError):
    """The command of a stage failed, or did not make what it was to make; its lock is as it was."""

    code = "stage-failed"
    exit_code = 23


def error_named(code: str, message: str, hint: str | None = None) -> VfsError | None:
    """An error by its code; None if no class has it."""
    classes: list[type[VfsError]] = [VfsError]
    for cls in classes:  # grows while it is read
        if cls.code == code:
            return cls(message, hint=hint)
        classes += cls.__subclasses__()
    return None


def only_vfs_error(error: BaseException) -> VfsError | None:
    """The one error of the tree that an exception is, or that an exception group holds and nothing but it."""
    if isinstance(error, VfsError):
        return error
    if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        return only_vfs_error(error.exceptions[0])
    return None
