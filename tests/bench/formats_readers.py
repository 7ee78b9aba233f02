"""A process that reads one file as people do: `python -m tests.bench.formats_readers READER PATH SEED`.

It says `ready` when everything is imported, reads when a line comes in, and tells how many bytes of the file it wanted.
"""

import json
import os
import random
import sqlite3
import sys
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any, Final

MIB: Final = 1 << 20


def cat(path: str, seed: int) -> Callable[[], int]:
    """All of a file, or of the files of a directory, in order."""
    names = [os.path.join(at, n) for at, _, files in os.walk(path) for n in sorted(files)]

    def read() -> int:
        total, buffer = 0, bytearray(MIB)
        for name in names or [path]:
            with open(name, "rb", buffering=0) as file:
                while count := file.readinto(buffer):
                    total += count
        return total

    return read


def tensors(path: str, seed: int) -> Callable[[], int]:
    """All tensors by mmap, in an order of one's own."""
    from safetensors import safe_open

    def read() -> int:
        total = 0
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            random.Random(seed).shuffle(names)
            for name in names:
                total += file.get_tensor(name).nbytes
        return total

    return read


def columns(path: str, seed: int) -> Callable[[], int]:
    """Three columns of a Parquet file."""
    from pyarrow import parquet

    def read() -> int:
        return int(parquet.read_table(path, columns=["c3", "c9", "c20"]).nbytes)

    return read


def array(path: str, seed: int) -> Callable[[], int]:
    """The first half of a Zarr array, 4 MiB at a time."""
    import zarr

    def read() -> int:
        found = zarr.open_array(path, mode="r")
        step, total = 4 * MIB // 8, 0
        for start in range(0, found.shape[0] // 2, step):
            total += found[start : start + step].nbytes
        return total

    return read


def slices(path: str, seed: int) -> Callable[[], int]:
    """Slices of 1 MiB of an HDF5 data set, every fourth."""
    import h5py

    def read() -> int:
        total = 0
        with h5py.File(path, "r") as file:
            data = file["x"]
            for start in range(0, data.shape[0], 4 * MIB // 8):
                total += data[start : start + MIB // 8].nbytes
        return total

    return read


def shard(path: str, seed: int) -> Callable[[], int]:
    """A tar from start to end, as a stream."""

    def read() -> int:
        total = 0
        with tarfile.open(path, "r|") as file:
            for member in file:
                content = file.extractfile(member)
                total += len(content.read()) if content is not None else 0
        return total

    return read


def rows(path: str, seed: int) -> Callable[[], int]:
    """All rows of a memory-mapped .npy, in any order: an epoch."""
    import numpy

    def read() -> int:
        found = numpy.load(path, mmap_mode="r")
        order = numpy.random.default_rng(seed).permutation(len(found))
        return sum(int(found[row].copy().nbytes) for row in order)

    return read


def queries(path: str, seed: int) -> Callable[[], int]:
    """200 rows of an SQLite table by its index."""

    def read() -> int:
        database = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
        most = os.path.getsize(path) >> 11
        chosen = random.Random(seed).sample(range(most), 200)
        found = [database.execute("select v from t where k = ?", (f"key{n:09}",)) for n in chosen]
        total = sum(len(cursor.fetchone()[0]) for cursor in found)
        database.close()
        return total

    return read


def values(path: str, seed: int) -> Callable[[], int]:
    """200 values of an LMDB environment."""
    import lmdb

    def read() -> int:
        options: dict[str, Any] = {"subdir": False, "readonly": True, "lock": False}
        with lmdb.open(path, **options) as environment, environment.begin() as transaction:
            most = transaction.stat()["entries"]
            chosen = random.Random(seed).sample(range(most), 200)
            return sum(len(transaction.get(b"key%09d" % n) or b"") for n in chosen)

    return read


def members(path: str, seed: int) -> Callable[[], int]:
    """A quarter of the members of a zip, in any order."""

    def read() -> int:
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
            chosen = random.Random(seed).sample(names, len(names) // 4)
            return sum(len(file.read(name)) for name in chosen)

    return read


def _at(path: str, offsets: Callable[[int], list[int]], length: int) -> Callable[[], int]:
    def read() -> int:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            size = os.fstat(descriptor).st_size
            return sum(len(os.pread(descriptor, length, at)) for at in offsets(size))
        finally:
            os.close(descriptor)

    return read


def anywhere(path: str, seed: int) -> Callable[[], int]:
    """A quarter of a file, 256 KiB at a time, in any order."""

    def offsets(size: int) -> list[int]:
        found = list(range(0, size, MIB // 4))
        return random.Random(seed).sample(found, len(found) // 4)

    return _at(path, offsets, MIB // 4)


def strides(path: str, seed: int) -> Callable[[], int]:
    """1 MiB of every 17."""
    return _at(path, lambda size: list(range(0, size - MIB, 17 * MIB)), MIB)


def backwards(path: str, seed: int) -> Callable[[], int]:
    """From the end to the start, 256 KiB at a time."""
    return _at(path, lambda size: list(range(size - MIB // 4, -1, -MIB // 4)), MIB // 4)


READERS: Final[dict[str, Callable[[str, int], Callable[[], int]]]] = {
    found.__name__: found
    for found in (
        cat, tensors, columns, array, slices, shard, rows, queries, values, members, anywhere, strides, backwards,
    )
}  # fmt: skip


def main(name: str, path: str, seed: str) -> None:
    read: Any = READERS[name](path, int(seed))
    for module in {"tensors": ["safetensors.numpy"], "rows": ["numpy"]}.get(name, []):
        __import__(module)
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(read()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
