"""What a mount tells about itself besides its counters."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vfs.remotes import RemoteStatistics
from vfs.types import Problem

MOST_LISTED: Final = 10_000
"""Problems told one by one, so that an answer stays far below `control.protocol.REPLY_LIMIT`; all are counted."""


def memory() -> int | None:
    """Resident bytes of this process (statm in proc(5)); None where there is no /proc."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def problems(found: Sequence[Problem]) -> list[dict[str, Any]]:
    """What is wrong with paths of a snapshot, what cannot be served first."""
    listed = sorted(found, key=lambda problem: problem.severity)[:MOST_LISTED]
    return [
        {
            "path": os.fsdecode(p.path),
            "code": p.code,
            "message": p.message,
            "hint": p.hint,
            "severity": p.severity.name.lower(),
            "heals": p.heals,
        }
        for p in listed
    ]


def remotes(asked: Mapping[str, RemoteStatistics]) -> dict[str, Any]:
    """What was asked of each remote."""
    return {
        name: said._asdict()
        | {
            "errors": dict(said.errors),
            "latency": {str(percent): seconds for percent, seconds in said.latency.items()},
        }
        for name, said in asked.items()
    }


def plain(value: Any) -> dict[str, Any]:
    """A frozen dataclass or NamedTuple of numbers as a dict."""
    if hasattr(value, "_asdict"):
        return dict(value._asdict())
    return {name: getattr(value, name) for name in value.__slots__}
