"""The errors that verbs can end with, by what they do; the one table behind every "Exit status" of `--help`.

Rule: a verb names the steps it takes, never single errors of a step. Tests fail when a verb ends with a code that is not
in its table.
"""

from vfs.errors import (
    AccessDenied,
    ConfigError,
    ContentMismatch,
    DaemonError,
    DataUnavailable,
    FormatError,
    NoSuchMount,
    NotARepository,
    ObjectChanged,
    ObjectMissing,
    Offline,
    RemoteError,
    RemoteUnavailable,
    StoreError,
    StoreFull,
    UnknownRevision,
    Unsupported,
    VfsError,
)

Errors = tuple[type[VfsError], ...]

MOUNT: Errors = (NoSuchMount, DaemonError)
"""Finding a mount and asking its daemon."""

OPEN: Errors = (
    NotARepository,
    ConfigError,
    RemoteError,
    ObjectMissing,
    RemoteUnavailable,
    AccessDenied,
    Offline,
    StoreError,
    Unsupported,
)
"""Opening a repository, which may be a URL or a partial clone."""

SNAPSHOT: Errors = (*OPEN, UnknownRevision, FormatError)
"""Building the snapshot of a revision."""

READ: Errors = (DataUnavailable, ContentMismatch, ObjectChanged)
"""Reading contents."""

CACHE: Errors = (ConfigError, StoreError, StoreFull)
"""Working on the chunk store."""
