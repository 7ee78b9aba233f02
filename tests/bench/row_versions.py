"""What a second version adds to a packed remote: 2,000 of 20,000 x 8 KiB rewritten, 4 KiB changed in two of 64 MiB.

And how soon a fresh clone has the first byte of one file, beside `git clone` and `dvc pull FILE`. Both by a local directory.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from blake3 import blake3

from tests.bench.harness import MIB, Bench, Row, median, repeat, seconds, spread
from vfs.formats.chunking import chunks, cuts_for
from vfs.testing.clones import Clone
from vfs.testing.fix_dvc import program

SMALL, SMALL_SIZE = 20_000, 8192
BIG, BIG_SIZE = 2, 64 * MIB
ONE = "data/000/00000.bin"


def run(bench: Bench) -> Iterator[Row]:
    """The rows."""
    root = bench.sandbox.root / "one"
    root.mkdir()
    one = Clone(bench.sandbox, root, program("VFS_TEST_DVC3", "dvc3"))
    packed, plain = bench.sandbox.root / "packed", bench.sandbox.root / "plain"
    one.git("init", "-q", "-b", "main")
    one.vfs("init")
    one.vfs("remote", "add", "-d", "store", str(plain))
    one.vfs("remote", "add", "--packed", "team", str(packed))
    for number in range(SMALL):
        one.write(_name(number), os.urandom(SMALL_SIZE))
    for number in range(BIG):
        one.write(f"data/big{number}", os.urandom(BIG_SIZE))
    _commit(one)
    yield _first_byte(bench, one)
    before = [_size(packed), _size(plain)]
    changed = _change(one)
    _commit(one)
    ours, theirs = (
        (_size(at) - was) / MIB for at, was in zip((packed, plain), before, strict=True)
    )
    yield Row(
        "versions", "bytes that a second version adds to a packed remote", ours, "MiB",
        "<= 1.1 x the changed chunks", ours * MIB <= 1.1 * changed,
        f"changed chunks: {changed / MIB:.4g} MiB; dvc: {theirs:.4g} MiB",
    )  # fmt: skip


def _first_byte(bench: Bench, one: Clone) -> Row:
    root = bench.sandbox.root
    numbers = iter(range(100))

    def ours() -> float:
        name = f"ours{next(numbers)}"

        def work() -> None:
            bench.sandbox.git(root, "clone", "-q", one.root, root / name)
            mount = bench.mounts(root / name)
            with open(mount.path / ONE, "rb") as file:
                assert file.read(1)

        return seconds(work)

    def theirs() -> float:
        name = f"theirs{next(numbers)}"

        def work() -> None:
            clone = one.clone(name)
            clone.dvc("pull", "-q", ONE)
            assert (clone.root / ONE).stat().st_size

        return seconds(work)

    cold = Path(bench.sandbox.environ["XDG_CACHE_HOME"]) / "vfs"
    taken, beside = [], []
    for _ in range(3):
        shutil.rmtree(cold, ignore_errors=True)
        taken += repeat(ours, 1)
        beside += repeat(theirs, 1)
        bench.mounts.close()
    value = median(taken)
    return Row(
        "versions", f"`git clone`, mount, first byte of one of {SMALL:,} files", value, "s",
        "<= 1 s", value <= 1, f"git clone, dvc pull of it: {median(beside):.3g} s", spread(taken),
    )  # fmt: skip


def _commit(one: Clone) -> None:
    one.vfs("add", "data")
    one.git("add", "--all")
    one.git("commit", "-q", "-m", "a version")
    one.vfs("push", "-r", "team")
    one.vfs("push", "-r", "store")


def _change(one: Clone) -> int:
    """Make the second version; bytes of the chunks that it has and the first has not."""
    for number in range(0, SMALL, 10):
        one.write(_name(number), os.urandom(SMALL_SIZE))
    changed = SMALL // 10 * SMALL_SIZE
    for number in range(BIG):
        file = one.root / f"data/big{number}"
        old = set(_chunks(file))
        with open(file, "r+b") as data:
            data.seek(BIG_SIZE // 3)
            data.write(os.urandom(4096))
        changed += sum(size for name, size in _chunks(file) if (name, size) not in old)
    return changed


def _chunks(file: Path) -> Iterator[tuple[bytes, int]]:
    with open(file, "rb", buffering=0) as data:
        for piece in chunks(data, cuts_for(BIG_SIZE)):
            yield blake3(piece).digest(), len(piece)


def _name(number: int) -> str:
    return f"data/{number // 200:03d}/{number:05d}.bin"


def _size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
