"""Files that a stage looked for in vain when it last ran, and that are there now: a hint, and no reason to run it.

Rule: at most `MOST` paths of a run are kept and looked at, one `lstat` each, in the working tree only.
"""

import os
from collections.abc import Container, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from vfs.core.paths import show
from vfs.pipeline.history import History
from vfs.pipeline.ignoring import Ignoring
from vfs.pipeline.nodes import Stage
from vfs.sandbox.trace import Touch, Trace

MOST: Final = 64


class Appeared(NamedTuple):
    """Of a stage.

    Attributes:
        stage: it.
        paths: what its last run looked for in vain, and is there now.
    """

    stage: Stage
    paths: list[bytes]

    def told(self) -> str:
        """What to tell the user."""
        more = f" (and {len(self.paths) - 3} more)" if len(self.paths) > 3 else ""
        there = "is" if len(self.paths) == 1 else "are"
        named = ", ".join(map(show, self.paths[:3])) + more
        return f"its last run looked for {named} in vain; {'it' if there == 'is' else 'they'} {there} there now"


def ghosts_of(trace: Trace | None, ignore: Ignoring) -> list[bytes]:
    """The first ones of a run, for its record."""
    found = trace.of(Touch.GHOST) if trace is not None else []
    return list(islice((path for path in found if not ignore(path)), MOST))


def appeared(top: bytes, made: Container[bytes], ghosts: Iterable[bytes]) -> list[bytes]:
    """Those that are in the working tree, but for what stages make."""
    return [
        path for path in ghosts if path not in made and os.path.lexists(os.path.join(top, path))
    ]


def hints(root: Path, stages: Sequence[Stage]) -> list[Appeared]:
    """What there is to say of stages by the records of their last runs. Raises NotARepository."""
    top = os.fsencode(root)
    by_name = {stage.address(): stage for stage in stages}
    made = {path for stage in stages for path in stage.out_paths}
    found = []
    for record in History.of(top).last(by_name):
        stage = by_name[record.stage]
        paths = appeared(top, made, map(os.fsencode, record.ghosts[:MOST]))
        if paths:
            found.append(Appeared(stage, paths))
    return found
