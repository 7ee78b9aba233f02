"""What a mount tells about itself besides its counters."""

import os
from pathlib import Path
from typing import Any

from vfs.workspace import Snapshot


def memory() -> int | None:
    """Resident bytes of this process (statm in proc(5)); None where there is no /proc."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def problems(snapshot: Snapshot) -> list[dict[str, Any]]:
    """What is wrong with paths of a snapshot."""
    return [
        {
            "path": os.fsdecode(p.path),
            "code": p.code,
            "message": p.message,
            "hint": p.hint,
            "severity": p.severity.name.lower(),
            "heals": p.heals,
        }
        for p in snapshot.problems
    ]


def plain(value: Any) -> dict[str, Any]:
    """A frozen dataclass or NamedTuple of numbers as a dict."""
    if hasattr(value, "_asdict"):
        return dict(value._asdict())
    return {name: getattr(value, name) for name in value.__slots__}
