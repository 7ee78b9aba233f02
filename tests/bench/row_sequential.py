"""Reading one large file whose bytes are in the chunk store, or in the kernel already."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from tests.bench.harness import (
    GIB,
    MIB,
    Bench,
    Row,
    bindfs,
    drop_caches,
    forget_pages,
    median,
    read_through,
    repeat,
    seconds,
    spread,
)
from vfs.testing.mounts import Mount

SIZE = GIB
TURNS = 6


def run(bench: Bench) -> Iterator[Row]:
    """Kernel-warm against bindfs; chunk-warm with the read-ahead vfs sets and with the default."""
    repo = bench.repository("sequential")
    source = bench.sandbox.root / "plain"
    source.mkdir()
    piece = os.urandom(MIB)
    data = b"".join(n.to_bytes(8, "little") + piece[8:] for n in range(SIZE // MIB))
    (source / "big.bin").write_bytes(data)
    repo.commit(files={"big.bin": data}, tag="v1")
    del data
    mount = bench.mounts(repo.root, "v1")
    big = mount.path / "big.bin"
    read_through(big)
    yield from _kernel_warm(bench, mount, big, source)
    yield from _chunk_warm(mount, big, source)


def _rate(path: Path) -> float:
    return SIZE / 1e9 / seconds(lambda: read_through(path))


def _kernel_warm(bench: Bench, mount: Mount, big: Path, source: Path) -> Iterator[Row]:
    """Which file gets its pages first decides which memory they lie in, and that is a fifth of the rate: so by turns."""
    ours: list[float] = []
    theirs: list[float] = []
    extra = 0
    with bindfs(source, bench.sandbox.root / "bindfs") as point:
        files = [(big, ours), (point / "big.bin", theirs)]
        for _ in range(TURNS):
            drop_caches()
            for path, _ in files:
                read_through(path)
            before = _reads(mount)
            for path, rates in files * 3:
                rates.append(_rate(path))
            extra += _reads(mount) - before
            files.reverse()
    value = median(ours)
    yield Row(
        "warm",
        "kernel-warm re-read of 1 GiB",
        value,
        "GB/s",
        ">= 90 % of bindfs",
        value >= 0.9 * median(theirs),
        f"bindfs: {median(theirs):.3g} GB/s ({spread(theirs)})",
        spread(ours),
    )
    yield Row("warm", "READ requests during that", float(extra), "", "0", extra == 0)


def _reads(mount: Mount) -> int:
    status = json.loads(mount.cli("status", "--json", mount.path).stdout)
    return int(_find(status, "reads"))


def _find(value: object, key: str) -> int:
    """The number under `key`, wherever in the document it is."""
    if isinstance(value, dict):
        if isinstance(value.get(key), int):
            return int(value[key])
        for inner in value.values():
            found = _find(inner, key)
            if found >= 0:
                return found
    if isinstance(value, list):
        for inner in value:
            found = _find(inner, key)
            if found >= 0:
                return found
    return -1


def _chunk_warm(mount: Mount, big: Path, source: Path) -> Iterator[Row]:
    device = os.stat(mount.path).st_dev
    knob = Path(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb")
    raised = max(int(knob.read_text()), 1024)

    def rate(path: Path) -> float:
        forget_pages(path)
        return _rate(path)

    drop_caches()
    read_through(source / "big.bin")
    plain = median(repeat(lambda: _rate(source / "big.bin"), 3))
    yardstick = f"same file in the page cache of ext4: {plain:.3g} GB/s"
    for kilobytes, goal in ((128, 0.8), (raised, 1.6)):
        knob.write_text(str(kilobytes))
        read_through(big)
        values = repeat(lambda: rate(big), 5)
        value = median(values)
        yield Row(
            "sequential",
            f"chunk-warm sequential 1 GiB, read-ahead {kilobytes} KiB",
            value,
            "GB/s",
            f">= {goal} GB/s",
            value >= goal,
            yardstick,
            spread(values),
        )
