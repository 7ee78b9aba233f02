"""The data that every peer reads: one large file and many small ones, the same for each run of one size.

A second version differs in every hundredth small file.
"""

import random
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
BIG = "big.bin"
_PER_DIRECTORY = 500
_SMALLEST, _LARGEST = 8 << 10, 110 << 10
_CHANGED = 100


@dataclass(frozen=True)
class Size:
    """How much of everything.

    Attributes:
        large: bytes of the large file.
        files: how many small ones.
        seconds: how long a random read lasts.
        epoch: after how many seconds an epoch is cut short; its rate counts what was read.
    """

    large: int
    files: int
    seconds: float
    epoch: float


QUICK = Size(128 * MIB, 1_000, 2.0, 10.0)
FULL = Size(1024 * MIB, 20_000, 10.0, 60.0)


def names(size: Size) -> list[str]:
    """Paths of the small files, in order."""
    return [f"small/d{n // _PER_DIRECTORY:03}/f{n:06}.bin" for n in range(size.files)]


def changed(size: Size) -> list[str]:
    """Those that differ in the second version."""
    return names(size)[::_CHANGED]


def shuffled(listed: list[str], seed: int) -> list[str]:
    """The same in the order of an epoch."""
    copy = list(listed)
    random.Random(seed).shuffle(copy)
    return copy


def write(root: Path, size: Size) -> None:
    """Write the first version."""
    made = random.Random(1)
    root.mkdir(parents=True, exist_ok=True)
    with open(root / BIG, "wb") as file:
        for _ in range(size.large // MIB):
            file.write(made.randbytes(MIB))
    for name in names(size):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made.randbytes(made.randint(_SMALLEST, _LARGEST)))


def change(root: Path, size: Size) -> None:
    """Turn the first version into the second; files that share blocks or inodes with the first are replaced."""
    made = random.Random(2)
    for name in changed(size):
        path = root / name
        length = path.stat().st_size
        path.unlink()
        path.write_bytes(made.randbytes(length))


def total(size: Size) -> int:
    """About how many bytes one version has."""
    return size.large + size.files * (_SMALLEST + _LARGEST) // 2
