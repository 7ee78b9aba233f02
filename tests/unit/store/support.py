"""Helpers of the store's tests: stores of a handy size, chunks with known bytes, other processes."""

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vfs.store import ChunkStore

ROOT = Path(__file__).resolve().parents[3]
MIB = 1 << 20
SIZE = 100_000
"""Bytes of a chunk, of which ten go into a segment of 1 MiB."""


def open_store(directory: Path, *, limit: int = 64 * MIB, **settings: Any) -> ChunkStore:
    """A store that ignores how full the disk is."""
    return ChunkStore.open(directory, limit=limit, min_free=0, **settings)


def key_of(number: int) -> bytes:
    """Key of the chunk with a number."""
    return b"\x02" + bytes(16) + number.to_bytes(4, "big")


def payload_of(number: int, size: int = 64 * 1024) -> bytes:
    """The bytes of the chunk with a number, different for each number."""
    return random.Random(number).randbytes(size)


def fetch(store: ChunkStore, key: bytes) -> bytes | None:
    """All of a chunk as a reader gets it, or None for a miss."""
    extent = store.locate(key)
    return None if extent is None else store.read(extent, 0, extent.length)


def segment_files(directory: Path) -> list[Path]:
    """The segment files, oldest first."""
    return sorted((directory / "segments").iterdir())


def start_python(code: str, *arguments: object) -> "subprocess.Popen[str]":
    """Run code in another process; `arguments` are its sys.argv[1:]."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_python(code: str, *arguments: object) -> str:
    """Run code in another process to its end; its standard output."""
    with start_python(code, *arguments) as process:
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return output


def fill(store: ChunkStore, numbers: Sequence[int], size: int = 64 * 1024) -> None:
    """Append chunks, one call each."""
    for number in numbers:
        assert store.append([(key_of(number), payload_of(number, size))])


def present(store: ChunkStore, numbers: range) -> set[int]:
    """Which of the chunks of some numbers are there."""
    keys = [key_of(n) for n in numbers]
    return {n for n, here in zip(numbers, store.contains_many(keys), strict=True) if here}
