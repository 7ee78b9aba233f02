"""What the commands of a view touched: the value, and the file it is kept in.

Format of the file: zstd of JSON lines. The first is `{"trace": 1, "paths": n, "gaps": [[of, why], …]}`, each other one `[touch, path]` or
`[touch, path, bytes read]`, in the order in which paths were first met,
ghosts last; bytes that are no UTF-8 are surrogates, as Python has them.
"""

import enum
import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Final, NamedTuple, cast

from vfs.errors import FormatError
from vfs.sandbox import watch

IGNORED: Final = frozenset(
    b".git .dvc .vfs .hg .svn __pycache__ node_modules .venv .tox .nox .mypy_cache .pytest_cache .ruff_cache .ipynb_checkpoints".split()
)
"""Directories that no trace is about: what is in them belongs to a tool or is a cache. A Python environment of any name is not gone into either."""
_SUFFIXES: Final = (b".pyc", b".pyo")
_VERSION: Final = 1
_PIECE: Final = 1 << 18


class Touch(enum.Enum):
    """What happened to a path; the value is its word in the file."""

    OPENED = "opened"
    """A file: read, mapped, run or written."""
    LISTED = "listed"
    """A directory that was opened, which is done to list it."""
    MADE = "made"
    """The command made it before it did anything else with it, whether or not it is there in the end."""
    GHOST = "ghost"
    """Looked for and not found, and not made later."""


class Of(enum.Enum):
    """What a gap is in."""

    FILES = "files"
    GHOSTS = "ghosts"


class Gap(NamedTuple):
    """Something that the trace does not have, and why."""

    of: Of
    why: str


@dataclass(frozen=True, slots=True)
class Trace:
    """What was touched, by path relative to the tree (`.` is the tree), in the order in which paths were first met.

    Attributes:
        touches: what happened to each.
        gaps: why it is not all.
        read: bytes read of those paths of which that is known.
    """

    touches: Mapping[bytes, Touch] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    read: Mapping[bytes, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether nothing that was opened or listed is missing."""
        return not any(gap.of is Of.FILES for gap in self.gaps)

    @property
    def ghosts_known(self) -> bool:
        """Whether no ghost is missing."""
        return not any(gap.of is Of.GHOSTS for gap in self.gaps)

    def of(self, *kinds: Touch) -> list[bytes]:
        """The paths to which one of these happened."""
        return [path for path, touch in self.touches.items() if touch in kinds]


_TOUCHES: Final = {
    watch.OPENED: Touch.OPENED,
    watch.LISTED: Touch.LISTED,
    watch.MADE: Touch.MADE,
    watch.GHOST: Touch.GHOST,
}
_GAPS: Final = {watch.GAP: Of.FILES, watch.GHOST_GAP: Of.GHOSTS}
_UNWRITTEN: Final = tuple(Gap(of, "the process that records was ended") for of in Of)


def recorded(file: BinaryIO) -> Trace:
    """What the program of a view wrote (`vfs.sandbox.watch`). Raises OSError."""
    touches: dict[bytes, Touch] = {}
    gaps: list[Gap] = []
    for record in _split(file, b"\0"):
        kind, path = record[0], record[1:]
        if kind == watch.END:
            return Trace(touches, tuple(gaps))
        if kind in _GAPS:
            gaps.append(Gap(_GAPS[kind], os.fsdecode(path)))
        elif not path.endswith(_SUFFIXES) and path not in touches:
            touches[path] = _TOUCHES[kind]
    return Trace(touches, (*gaps, *_UNWRITTEN))


def save(trace: Trace, file: BinaryIO) -> None:
    """Write the file. Raises OSError."""
    from zstandard import ZstdCompressor

    with ZstdCompressor(level=3).stream_writer(file, closefd=False) as packed:
        text = io.TextIOWrapper(cast("BinaryIO", packed), "ascii", write_through=False)
        gaps = [[gap.of.value, gap.why] for gap in trace.gaps]
        text.write(
            json.dumps({"trace": _VERSION, "paths": len(trace.touches), "gaps": gaps}) + "\n"
        )
        for path, touch in trace.touches.items():
            known = (trace.read[path],) if path in trace.read else ()
            text.write(json.dumps([touch.value, os.fsdecode(path), *known]) + "\n")
        text.flush()
        text.detach()


def load(file: BinaryIO, name: str) -> Trace:
    """Read a file that `save` wrote. Raises OSError, FormatError: `name` is not one."""
    from zstandard import ZstdDecompressor, ZstdError

    try:
        lines = _split(cast("BinaryIO", ZstdDecompressor().stream_reader(file)), b"\n")
        head = json.loads(next(lines))
        if head["trace"] != _VERSION:
            raise FormatError(f"{name}: a trace of another version", hint="update vfs")
        gaps = tuple(Gap(Of(of), str(why)) for of, why in head["gaps"])
        touches: dict[bytes, Touch] = {}
        read: dict[bytes, int] = {}
        for touch, text, *known in map(json.loads, lines):
            path = os.fsencode(text)
            touches[path] = Touch(touch)
            if known:
                read[path] = int(known[0])
        if len(touches) != head["paths"]:
            raise FormatError(f"{name}: a part of the trace is missing")
        return Trace(touches, gaps, read)
    except (ZstdError, StopIteration, ValueError, TypeError, LookupError) as error:
        raise FormatError(f"{name}: not a trace") from error


def _split(file: BinaryIO, end: bytes) -> Iterator[bytes]:
    """Records that end with a byte; what has no end is not one."""
    rest = b""
    while piece := file.read(_PIECE):
        *whole, rest = (rest + piece).split(end)
        yield from whole
