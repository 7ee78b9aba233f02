"""Progress of long work: one line on standard error, rewritten in place, on a terminal only.

Elsewhere nothing is said, but for one line when a remote is waited for; on a terminal that line stays as well.
"""

import sys
import time
from types import TracebackType
from typing import Any

from vfs_cli.failure import warn
from vfs_cli.text import format_size, printable

_INTERVAL = 0.1
_WAITING = "waiting for"  # `vfs.workspace.patience.WAITING`, which would be dear to import
_BYTE_STAGES = frozenset({"fetch", "read", "download", "verify"})


class Progress:
    """Shows reports `{"stage": str, "done": int, "total": int|None}` while in use; clears its line at the end."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._shown = False
        self._last = 0.0
        self._active = not quiet and sys.stderr.isatty()
        self._silent = quiet

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the line away, before something else is printed."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False

    def data(self, report: dict[str, Any]) -> None:
        """Take a report as the control socket delivers it."""
        total = report.get("total")
        self.step(
            str(report.get("stage", "")),
            int(report.get("done") or 0),
            total if isinstance(total, int) else None,
        )

    def step(self, stage: str, done: int, total: int | None) -> None:
        """Take a report as the library gives it; may be called from any thread."""
        if not self._silent and stage.startswith(_WAITING):
            self._silent = True
            self.clear()
            warn(waiting(stage.rpartition(",")[0] or stage), as_json=False)
        now = time.monotonic()
        if not self._active or now - self._last < _INTERVAL:
            return
        self._last = now
        self._shown = True
        sys.stderr.write(f"\r\x1b[K{printable(describe(stage, done, total))}")
        sys.stderr.flush()


def waiting(what: str) -> str:
    """The sentence that says what is waited for."""
    return f"{what}; the setting `transfer.deadline` says for how long, `vfs doctor` what is wrong"


def describe(stage: str, done: int, total: int | None) -> str:
    """`fetch: 1.0 MiB of 2.0 MiB (50 %)`."""
    show = format_size if stage in _BYTE_STAGES else str
    if not total:
        return f"{stage}: {show(done)}"
    return f"{stage}: {show(done)} of {show(total)} ({min(100, 100 * done // total)} %)"
