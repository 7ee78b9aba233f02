"""Files as people have them, made by the libraries people make them with; what is in them is random, so nothing gains by compressing.

Rule: every maker writes one file (Zarr: one directory) of about `size` bytes, the same each time.
"""

import io
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

MIB: Final = 1 << 20
ROW: Final = 64 << 10
"""Bytes of a row of the `.npy` file, of a member of zip and tar."""

COLUMNS: Final = 24
"""Of the Parquet file, float64."""


def _numbers(count: int, seed: int) -> Any:
    import numpy

    return numpy.random.default_rng(seed).random(count)


def safetensors(path: Path, size: int) -> None:
    """Layers of a matrix of 4 MiB and a vector of 8 KiB."""
    import numpy
    from safetensors.numpy import save_file

    made = numpy.random.default_rng(1)
    tensors = {}
    for layer in range(size // (4 * MIB)):
        tensors[f"layer.{layer}.weight"] = made.random((1024, 1024), dtype=numpy.float32)
        tensors[f"layer.{layer}.norm"] = made.random(2048, dtype=numpy.float32)
    save_file(tensors, path)


def parquet(path: Path, size: int) -> None:
    """Row groups of 8 MiB, column chunks of a third of a MiB."""
    import pyarrow
    from pyarrow import parquet as writer

    rows = size // (8 * COLUMNS)
    table = pyarrow.table({f"c{n}": _numbers(rows, n) for n in range(COLUMNS)})
    writer.write_table(
        table,
        path,
        row_group_size=8 * MIB // (8 * COLUMNS),
        compression="none",
        use_dictionary=False,
    )


def zarr(path: Path, size: int) -> None:
    """A directory of chunks of 1 MiB."""
    import zarr as library

    array = library.create_array(
        str(path), shape=(size // 8,), chunks=(MIB // 8,), dtype="f8", compressors=None
    )
    array[:] = _numbers(size // 8, 3)


def hdf5(path: Path, size: int) -> None:
    """One data set in chunks of 256 KiB."""
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=_numbers(size // 8, 4), chunks=(MIB // 32,))


def tar(path: Path, size: int) -> None:
    """A WebDataset shard: an image and a label for each sample."""
    made = _bytes(size, 5)
    with tarfile.open(path, "w") as file:
        for number in range(size // ROW):
            for name, data in (
                (f"{number:06}.jpg", made[number * ROW : (number + 1) * ROW]),
                (f"{number:06}.cls", b"7"),
            ):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                file.addfile(member, io.BytesIO(data))


def npy(path: Path, size: int) -> None:
    """Rows of 64 KiB."""
    import numpy

    numpy.save(path, numpy.frombuffer(_bytes(size, 6), dtype="u1").reshape(-1, ROW))


def sqlite(path: Path, size: int) -> None:
    """A table of rows of 1 KiB with an index."""
    made = _bytes(size, 7)
    with sqlite3.connect(path) as database:
        database.execute("create table t (k text primary key, v blob)")
        database.executemany(
            "insert into t values (?, ?)",
            ((f"key{n:09}", made[n << 10 : (n + 1) << 10]) for n in range(size >> 10)),
        )
    database.close()


def lmdb(path: Path, size: int) -> None:
    """Values of 4 KiB."""
    import lmdb as library

    made = _bytes(size, 8)
    options: dict[str, Any] = {"subdir": False, "map_size": 4 * size, "lock": False}
    with library.open(str(path), **options) as environment, environment.begin(write=True) as order:
        for number in range(size >> 12):
            order.put(b"key%09d" % number, made[number << 12 : (number << 12) + 4000])


def zip_(path: Path, size: int) -> None:
    """Members of 64 KiB, stored."""
    made = _bytes(size, 9)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for number in range(size // ROW):
            file.writestr(f"{number:06}.bin", made[number * ROW : (number + 1) * ROW])


def plain(path: Path, size: int) -> None:
    """Bytes."""
    path.write_bytes(_bytes(size, 10))


def _bytes(size: int, seed: int) -> bytes:
    import numpy

    made: bytes = numpy.random.default_rng(seed).bytes(size)
    return made


MAKERS: Final[dict[str, Callable[[Path, int], None]]] = {
    "x.safetensors": safetensors,
    "x.parquet": parquet,
    "x.zarr": zarr,
    "x.h5": hdf5,
    "x.tar": tar,
    "x.npy": npy,
    "x.sqlite": sqlite,
    "x.mdb": lmdb,
    "x.zip": zip_,
    "x.bin": plain,
}
"""File by file; the name says what it is."""
