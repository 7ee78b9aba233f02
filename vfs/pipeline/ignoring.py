"""Paths that are nobody's dependency or out, so that no trace has to tell them.

Rules:

* Files that Git, DVC and vfs keep for themselves, and what interpreters cache.
* What matches a pattern of `trace.ignore` (docs/configuration.md), which are those of a `.dvcignore` at the top of the repository; white space is between them.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Self

from vfs.config import load_settings
from vfs.sandbox.trace import Trace
from vfs.workspace.ignore import Pattern, ignored, parse_ignore

_OURS = frozenset((b"dvc.yaml", b"dvc.lock", b".gitignore", b".gitattributes", b".dvcignore", b".git", b".dvc", b".vfs", b"__pycache__"))  # fmt: skip


class Ignoring:
    """Whether a path is nobody's; call it."""

    def __init__(self, patterns: str = "") -> None:
        """`patterns`: as `trace.ignore` has them."""
        found = parse_ignore(b"\n".join(os.fsencode(patterns).split()))
        self._patterns: Mapping[bytes, list[Pattern]] = {b"": found} if found else {}
        self._known: dict[bytes, bool] = {}

    @classmethod
    def of(cls, top: bytes) -> Self:
        """As it is set for the working tree at `top`. Raises ConfigError."""
        return cls(load_settings(Path(os.fsdecode(top))).trace_ignore)

    def __call__(self, path: bytes) -> bool:
        """Of a path of the repository."""
        parts = path.split(b"/")
        ours = not _OURS.isdisjoint(parts) or parts[-1].endswith((b".dvc", b".pyc"))
        return ours or self._theirs(path)

    def without(self, trace: Trace) -> Trace:
        """The trace without what the user does not want to see."""
        if not self._patterns:
            return trace
        touches = {p: touch for p, touch in trace.touches.items() if not self._theirs(p)}
        return replace(trace, touches=touches)

    def _theirs(self, path: bytes) -> bool:
        if not self._patterns:
            return False
        return ignored(path, b"", self._patterns, self._known, is_directory=False)
