"""What pointers say, as values.

Rule: plain immutable data. Paths are `bytes`; sizes are in bytes; whatever a file did not say is
None (or empty, where empty can mean nothing else).
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from vfs.types import Digest, Problem


class Era(IntEnum):
    """The oldest generation of DVC that could have written a file.

    Descriptive only: no decision hangs on it (how content is hashed is decided per out).
    """

    DVC0 = 0
    DVC1 = 1
    DVC2 = 2
    DVC3 = 3


class Place(NamedTuple):
    """Where a version-aware remote or an import source keeps one content.

    Attributes:
        remote: name of the remote (lower case, as in the configuration); None for the source
            of an import.
        etag: as the storage reported it, "" if not recorded.
        version_id: the storage's version, "" if not recorded.
    """

    remote: str | None
    etag: str = ""
    version_id: str = ""


class FileEntry(NamedTuple):
    """One file of an out whose pointer lists them itself (cloud versioning).

    Attributes:
        path: relative to the out.
        digest: None if the pointer names the content by `place` alone.
    """

    path: bytes
    digest: Digest | None
    size: int | None
    executable: bool
    place: Place | None


@dataclass(frozen=True, slots=True)
class Out:
    """One file or directory that a pointer places in the workspace.

    Attributes:
        path: repository-relative, `wdir` applied, validated.
        digest: of the content or, for a tree, of its listing; None if the pointer has no hash
            (a partial import, a stage that never ran).
        is_tree: a directory.
        size: as recorded; DVC lets it be stale or wrong, so it is a hint only.
        nfiles: as recorded, a hint only.
        executable: a single file with the executable bit.
        cached: False for `cache: false`: the content lives in Git or nowhere and must not be
            grafted over Git's own file.
        persist: recorded for completeness; no effect on reading.
        remote: the remote this out is pushed to instead of the default one.
        push: False if it is never pushed.
        files: the files themselves, if the pointer lists them; then `digest` names no `.dir`.
        place: for a single file, where a version-aware remote keeps it.
    """

    path: bytes
    digest: Digest | None
    is_tree: bool = False
    size: int | None = None
    nfiles: int | None = None
    executable: bool = False
    cached: bool = True
    persist: bool = False
    remote: str | None = None
    push: bool = True
    files: tuple[FileEntry, ...] | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class ImportSource:
    """`dvc import`: a path in another Git repository.

    Attributes:
        url: of the repository, as written (may be relative to the repository root).
        rev: what to follow on `dvc update`.
        rev_lock: the commit the content was taken from.
        path: inside that repository, as written.
        config: a path to, or the entries of, a configuration laid over the repository's own.
        remote: the remote there, or its settings.
    """

    url: str
    path: str
    rev: str | None = None
    rev_lock: str | None = None
    config: "str | dict[str, object] | None" = None
    remote: "str | dict[str, object] | None" = None


@dataclass(frozen=True, slots=True)
class UrlSource:
    """`dvc import-url`: a file or directory at a URL or local path.

    Attributes:
        url: as written: `s3://…`, `https://…`, `remote://name/path`, or a path relative to wdir.
        digest: of the source at import time, if it was hashed.
        is_tree: the source is a directory.
        size: recorded, or None.
        place: version id and ETag (or HTTP/HDFS checksum, as `etag`) at import time.
        files: for version-aware directory imports, the files with their versions.
    """

    url: str
    digest: Digest | None = None
    is_tree: bool = False
    size: int | None = None
    place: Place | None = None
    files: tuple[FileEntry, ...] | None = None


@dataclass(frozen=True, slots=True)
class Pointer:
    """A `.dvc` file or `Dvcfile`.

    Attributes:
        era: see `Era`.
        outs: those that are usable.
        source: where an import came from.
        command: of an old single-stage file, else None.
        frozen: `frozen` (or its old name `locked`).
        problems: outs (or a source) that are not usable, each on its own path.
        unreadable: the first of them that is about what is written, for which no command may rely on the file.
    """

    era: Era
    outs: tuple[Out, ...]
    source: ImportSource | UrlSource | None = None
    command: str | None = None
    frozen: bool = False
    problems: tuple[Problem, ...] = ()
    unreadable: Problem | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a lock file.

    Attributes:
        name: `name`, or `name@item` for one of a foreach or matrix.
        command: as locked; lines joined by newlines.
        wdir: repository directory its paths are relative to (from `dvc.yaml`).
        outs: those that `dvc.yaml` still declares (all, if that cannot be told).
        declared: False if `dvc.yaml` no longer has the stage; DVC then ignores it.
    """

    name: str
    command: str
    wdir: bytes
    outs: tuple[Out, ...]
    declared: bool


@dataclass(frozen=True, slots=True)
class Lock:
    """A `dvc.lock`."""

    era: Era
    stages: tuple[Stage, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def outs(self) -> tuple[Out, ...]:
        """The outs of all declared stages, in file order."""
        return tuple(out for stage in self.stages if stage.declared for out in stage.outs)
