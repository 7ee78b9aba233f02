"""What programs read of this mount's repository in their last run: the paths, in the order in which they were first opened.

    <state>/reads/<key>      zlib of the paths, each ended by NUL

Rules: kept for the `MOST_KEPT` programs that ran last; at most `MOST_FILES` paths each; what cannot be read is as if it were not there.
Everything here blocks.
"""

import hashlib
import os
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from vfs.config import state_dir
from vfs.core.programs import SPAWNED, program_of
from vfs.errors import ConfigError

MOST_FILES: Final = 50_000
MOST_KEPT: Final = 64
LARGEST: Final = 64 << 20
"""Bytes that the paths of a trace may take when unpacked."""

_GENERATIONS: Final = 4
"""Parents that are looked at for what a spawned worker runs."""


class Program(NamedTuple):
    """What a process runs, as the name of its trace."""

    key: str


def identify(pid: int, repository: bytes) -> Program | None:
    """What a process runs; None if the kernel does not tell (another user's, or gone)."""
    with suppress(OSError, ValueError):
        for _ in range(_GENERATIONS):
            argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
            if SPAWNED not in argv:
                break
            stat = Path(f"/proc/{pid}/stat").read_bytes()
            pid = int(stat.rpartition(b")")[2].split()[1])
        name = program_of(argv, os.readlink(b"/proc/%d/cwd" % pid))
        if argv:
            hashed = hashlib.blake2b(repository + b"\0" + name, digest_size=16)
            return Program(hashed.hexdigest())
    return None


def ended(pids: Sequence[int]) -> list[int]:
    """Those of which there is no process."""
    return [pid for pid in pids if not os.path.exists(f"/proc/{pid}") or not pid]


def load(program: Program) -> list[bytes]:
    """What it read in its last run; empty if that is not known."""
    with suppress(OSError, zlib.error, ConfigError):
        file = _directory() / program.key
        packer = zlib.decompressobj()
        data = packer.decompress(file.read_bytes(), LARGEST)
        return data.split(b"\0")[:-1][:MOST_FILES]
    return []


def save(program: Program, paths: Sequence[bytes]) -> None:
    """Keep what it read. Raises OSError, ConfigError."""
    directory = _directory()
    directory.mkdir(mode=0o700, exist_ok=True)
    data = zlib.compress(b"".join(path + b"\0" for path in paths[:MOST_FILES]), 1)
    temporary = directory / f".{program.key}.{os.getpid()}"
    try:
        temporary.write_bytes(data)
        temporary.replace(directory / program.key)
    finally:
        temporary.unlink(missing_ok=True)
    _prune(directory)


def _prune(directory: Path) -> None:
    kept = []
    for path in directory.iterdir():
        with suppress(OSError):
            kept.append((path.stat().st_mtime, path))
    for _, path in sorted(kept)[:-MOST_KEPT]:
        path.unlink(missing_ok=True)


def _directory() -> Path:
    return state_dir() / "reads"
