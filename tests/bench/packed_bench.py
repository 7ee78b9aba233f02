"""How large should chunks be, and does compression pay? The tables of docs/benchmarks.md, "Chunks".

    python -m tests.bench.packed_bench [--scratch DIRECTORY] [--parquet PYTHON]

Each data set is cut with several sizes; a second version of it is cut as well, and what is new in it is what a push adds.
`--parquet` names an interpreter that has pyarrow; without it that row is left out. Needs 5 GiB of disk.
"""

import argparse
import io
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from tests.bench.harness import GIB, MIB, number
from vfs.formats.chunking import CUTS, Cuts, chunks
from vfs.formats.zstd import Compressor, Decompressor

KIB = 1024
AVERAGES = (64, 128, 256, 512, 1024, 2048)
LEVELS = (1, 3, 6)
ROW_BYTES = 48 + 16
"""Of a manifest for one chunk, and of a pack's table."""


class Version(NamedTuple):
    """One version of a data set: a file per name, and how many bytes of it differ from the version before."""

    files: list[tuple[str, bytes]]
    changed: int


Dataset = tuple[str, Callable[[Path], Iterator[Version]]]


def small_files(_: Path) -> Iterator[Version]:
    made = random.Random(1)
    files = {f"{n:05}": made.randbytes(8192) for n in range(20_000)}
    yield Version([*files.items()], 0)
    for name in made.sample(sorted(files), 2000):
        files[name] = made.randbytes(8192)
    yield Version([*files.items()], 2000 * 8192)


def images(_: Path) -> Iterator[Version]:
    made = random.Random(2)
    files = {f"{n:05}": made.randbytes(int(made.lognormvariate(11.5, 0.5))) for n in range(2500)}
    yield Version([*files.items()], 0)
    changed = 0
    for name in made.sample(sorted(files), 250):
        files[name] = made.randbytes(len(files[name]))
        changed += len(files[name])
    yield Version([*files.items()], changed)


def table_of_text(_: Path) -> Iterator[Version]:
    made = random.Random(3)
    digits = b"".join(made.randbytes(32 * MIB).hex().encode() for _ in range(GIB // (64 * MIB)))
    text = bytearray(digits.translate(bytes.maketrans(b"abcdef", b"0123,\n")))
    yield Version([("t.csv", bytes(text))], 0)
    rows = b"17,42,23\n" * 20
    for at in (100 * MIB, 500 * MIB, 900 * MIB):
        text[at : at + 90] = rows
    text += digits[: 4 * MIB]
    yield Version([("t.csv", bytes(text))], 3 * len(rows) + 4 * MIB)


def parquet(python: str, scratch: Path, pages: str) -> Iterator[Version]:
    for version in (1, 2):
        path = scratch / f"{version}.parquet"
        subprocess.run([python, "-c", _PARQUET, str(path), str(version), pages], check=True)
        yield Version([("t.parquet", path.read_bytes())], 0)


def checkpoints(_: Path) -> Iterator[Version]:
    made = random.Random(5)
    layers = [made.randbytes(16 * MIB) for _ in range(32)]
    yield Version([("m.pt", b"head 1" + b"".join(layers))], 0)
    for n in range(24, 32):  # the frozen ones stay
        layers[n] = made.randbytes(16 * MIB)
    yield Version([("m.pt", b"the head of version 2" + b"".join(layers))], 128 * MIB)


_PARQUET = """
import sys, numpy, pyarrow, pyarrow.parquet
made = numpy.random.default_rng(4)
n = 8_000_000
columns = {"id": numpy.arange(n), "a": made.normal(size=n), "b": made.integers(0, 1000, n), "c": made.random(n)}
if sys.argv[2] == "2":
    keep = numpy.ones(n, bool); keep[3_000_000:3_000_100] = False
    columns = {name: values[keep] for name, values in columns.items()}
pyarrow.parquet.write_table(pyarrow.table(columns), sys.argv[1], use_content_defined_chunking=sys.argv[3] == "cut")
"""


def cut(version: Version, average: int, known: set[bytes]) -> tuple[int, int, int]:
    """Chunks, new chunks, and new bytes of a version; `known` learns."""
    cuts = Cuts(average * KIB // 4, average * KIB, average * KIB * 4)
    count = new = size = 0
    for _, content in version.files:
        for piece in chunks(io.BytesIO(content), cuts):
            count += 1
            name = blake3(piece).digest()
            if name not in known:
                known.add(name)
                new += 1
                size += len(piece)
    return count, new, size


def chunk_table(datasets: list[Dataset], scratch: Path) -> None:
    print(
        "| data | average chunk | chunks | rows of a manifest | added by version 2 | of what changed | cut and BLAKE3 |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, make in datasets:
        first, second = make(scratch)
        total = sum(len(content) for _, content in first.files)
        for average in AVERAGES:
            known: set[bytes] = set()
            began = time.perf_counter()
            count, _, _ = cut(first, average, known)
            speed = total / (time.perf_counter() - began) / 1e6
            _, new, size = cut(second, average, known)
            part = f"{size / second.changed:.2f} x" if second.changed else "-"
            print(
                f"| {name} ({total / MIB:,.0f} MiB) | {average} KiB | {count:,} | {count * ROW_BYTES / KIB:,.0f} KiB "
                f"| {size / MIB:.2f} MiB in {new:,} | {part} | {number(speed)} MB/s |",
                flush=True,
            )


def compression_table(datasets: list[Dataset], scratch: Path) -> None:
    print("\n| data | level | stored | compress | decompress |")
    print("|---|---|---|---|---|")
    for name, make in datasets:
        version = next(make(scratch))
        pieces = [
            bytes(piece) for _, content in version.files[:8000]
            for piece in chunks(io.BytesIO(content[: 64 * MIB]), CUTS)
        ]  # fmt: skip
        total = sum(map(len, pieces))
        for level in LEVELS:
            compressor, opener = Compressor(level), Decompressor()
            began = time.perf_counter()
            stored = [compressor.shorter(piece) for piece in pieces]
            middle = time.perf_counter()
            for frame, piece in zip(stored, pieces, strict=True):
                opener.plain(frame, len(piece), what="bench")
            end = time.perf_counter()
            print(
                f"| {name} | {level} | {sum(map(len, stored)) / total:.0%} "
                f"| {number(total / (middle - began) / 1e6)} MB/s "
                f"| {number(total / (end - middle) / 1e6)} MB/s |",
                flush=True,
            )


def json_files(_: Path) -> Iterator[Version]:
    made = random.Random(6)

    def rows() -> bytes:
        return b"".join(
            b'{"id": %d, "label": "cat", "x": %.4f, "y": %.4f}\n'
            % (n, made.random(), made.random())
            for n in range(160)
        )

    yield Version([(f"{n:05}", rows()) for n in range(2000)], 0)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--parquet")
    parser.add_argument(
        "--skip", type=int, default=0, help="data sets to leave out of the first table"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.scratch) as directory:
        datasets: list[Dataset] = [
            ("20,000 x 8 KiB, 2,000 rewritten", small_files),
            ("images around 110 KiB, 10 % replaced", images),
            ("CSV, three edits, 4 MiB appended", table_of_text),
            ("checkpoint, a quarter of the layers trained", checkpoints),
        ]
        if given.parquet:
            name = "Parquet, 100 rows of 8,000,000 removed"
            datasets += [
                (name, lambda path: parquet(given.parquet, path, "")),
                (
                    f"{name}, content-defined pages",
                    lambda path: parquet(given.parquet, path, "cut"),
                ),
            ]
        chunk_table(datasets[given.skip :], Path(directory))
        texts: list[Dataset] = [("JSON lines, 10 KiB files", json_files)]
        compression_table([*texts, *datasets[1:]], Path(directory))


if __name__ == "__main__":
    main()
