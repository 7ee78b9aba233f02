"""Stages of pipelines, as values.

Rule: plain immutable data. `written` is a path as the file has it, after `${…}`: DVC names deps and outs in locks and the run cache so.
`path` is that of the repository; None: outside of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from vfs.types import Digest

Command = str | tuple[str, ...]
"""Text (each line of it is a command), or a list."""


class OutKind(StrEnum):
    """What an out is for; the names are those of the lists in `dvc.yaml`."""

    OUT = "outs"
    METRIC = "metrics"
    PLOT = "plots"


@dataclass(frozen=True, slots=True)
class DeclaredDep:
    """A dependency: a file or directory."""

    written: str
    path: bytes | None

    @property
    def at_url(self) -> bool:
        """Whether it is on no disk of this machine."""
        return self.path is None and "://" in self.written


@dataclass(frozen=True, slots=True)
class DeclaredParams:
    """Parameters of one file.

    Attributes:
        keys: dotted; none: the whole file.
    """

    written: str
    path: bytes | None
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeclaredOut:
    """An out.

    Attributes:
        cached: False for `cache: false`.
        extra: `desc`, `type`, `labels`, `meta`, and of a plot its properties, as written.
    """

    written: str
    path: bytes | None
    kind: OutKind = OutKind.OUT
    cached: bool = True
    persist: bool = False
    remote: str | None = None
    push: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Definition:
    """A stage as a `dvc.yaml`, or a single-stage file of DVC 0.x, declares it.

    Attributes:
        file: repository path of that file.
        line: where it begins there (1 is the first), None if unknown.
        name: `name`, or `name@item` of a `foreach` or `matrix`; "" in a single-stage file.
        group: the `name` that it was made from, if it was.
        wdir: repository directory that paths and the command are relative to.
        desc: what it says of itself.
    """

    file: bytes
    line: int | None
    name: str
    command: Command
    wdir: bytes
    deps: tuple[DeclaredDep, ...] = ()
    params: tuple[DeclaredParams, ...] = ()
    outs: tuple[DeclaredOut, ...] = ()
    frozen: bool = False
    always_changed: bool = False
    group: str | None = None
    desc: str | None = None
    meta: Any = None

    @property
    def callback(self) -> bool:
        """Whether it has nothing that could change, so that it always runs."""
        return not (self.deps or self.params or self.outs)


@dataclass(frozen=True, slots=True)
class LockedItem:
    """A dep or out in a lock.

    Attributes:
        digest: with its algorithm (`hash: md5` or, without, that of DVC 2); None if none is recorded.
        is_tree: a directory; `digest` is that of its list.
        rest: other keys (`cloud`, `files`, `etag`…), which are written again as they are.
    """

    written: str
    digest: Digest | None
    is_tree: bool = False
    size: int | None = None
    nfiles: int | None = None
    executable: bool = False
    rest: Mapping[str, Any] = field(default_factory=dict)

    def same(self, other: "LockedItem") -> bool:
        """Whether both say the same of a content; where nothing else does, the size tells."""
        mine, theirs = self._told, other._told
        return mine == theirs and (any(mine) or self.size == other.size)

    @property
    def _told(self) -> tuple[Any, ...]:
        return self.digest, self.rest.get("etag"), self.rest.get("checksum")


@dataclass(frozen=True, slots=True)
class Locked:
    """What the last run of a stage had and made.

    Attributes:
        deps, outs: by path as written.
        params: file as written -> key -> value.
    """

    command: Command
    deps: Mapping[str, LockedItem] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    outs: Mapping[str, LockedItem] = field(default_factory=dict)
