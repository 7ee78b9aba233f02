"""What a graph of stages is made of.

Rule: immutable; two nodes are equal only if they are one object.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from vfs.formats.stage_values import Definition, Locked

PIPELINE = b"dvc.yaml"


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Something that can be run.

    Attributes:
        definition: as the working tree declares it.
        locked: what its last run had and made; None if it never ran.
        led: paths of the repository that what it uses leads to (`vfs.pipeline.leads`), by how that is written.
    """

    definition: Definition
    locked: Locked | None
    led: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def file(self) -> bytes:
        """The file that declares it."""
        return self.definition.file

    @property
    def out_paths(self) -> tuple[bytes, ...]:
        """Where its outs are; those outside of the repository are left out."""
        return tuple(out.path for out in self.definition.outs if out.path is not None)

    @property
    def dep_paths(self) -> tuple[bytes, ...]:
        """What it depends on, then files of parameters, then what these lead to; what lies outside of the repository is left out."""
        used = (path for path in paths_used(self.definition) if path is not None)
        return tuple(dict.fromkeys((*used, *self.led.values()))) if self.led else tuple(used)

    @property
    def cut(self) -> bool:
        """Whether it is no matter what it depends on."""
        return self.definition.frozen

    def address(self, here: bytes = b"") -> str:
        """As one types it in a directory of the repository: `NAME`, or `PATH/dvc.yaml:NAME` (`DVC_STAGE` is this)."""
        name, file = self.definition.name, typed(self.file, here)
        return name if name and file == PIPELINE.decode() else f"{file}:{name}" if name else file


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A pointer of data that nothing here makes: `add`, `import`.

    Attributes:
        file: the `.dvc` file.
        out_paths: what it owns.
    """

    file: bytes
    out_paths: tuple[bytes, ...]

    @property
    def dep_paths(self) -> tuple[bytes, ...]:
        """What it comes from lies elsewhere."""
        return ()

    @property
    def cut(self) -> bool:
        """There is nothing to cut it off from."""
        return False

    def address(self, here: bytes = b"") -> str:
        """Its file, as one types it in a directory of the repository."""
        return typed(self.file, here)


Node = Stage | Source


def paths_used(definition: Definition) -> list[bytes | None]:
    """Paths of deps, then of files of parameters."""
    return [dep.path for dep in definition.deps] + [one.path for one in definition.params]


def typed(path: bytes, here: bytes) -> str:
    """A path of the repository, relative to a directory of it."""
    text = posixpath.relpath(b"/" + path, b"/" + here) if here else path
    return text.decode("utf-8", "surrogateescape")
