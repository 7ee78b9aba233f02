"""open + read + close of 8 KiB files whose bytes are in the chunk store, one and four clients."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.harness import Bench, Row, flat_names, in_parallel, median, spread
from tests.bench.noop import noop

COUNT = 12_000
SIZE = 8_192
RUNS = 3


def run(bench: Bench) -> Iterator[Row]:
    """Files per second, cold in the kernel each time."""
    names = flat_names(COUNT)
    repo = bench.repository("small")
    files = {name: n.to_bytes(8, "little") * (SIZE // 8) for n, name in enumerate(names)}
    repo.commit(directories={"data": files}, tag="v1")
    files.clear()
    mount = bench.mounts(repo.root, "v1")
    _read(mount.path / "data", names)
    with noop(bench.sandbox.root / "noop", COUNT, SIZE) as point:
        for clients in (1, 4):
            ours, theirs = [], []
            for _ in range(RUNS):
                mount.umount()
                mount.start("v1")
                ours.append(_rate(mount.path / "data", names, clients))
            for index in range(RUNS):
                with noop(bench.sandbox.root / f"noop-{clients}-{index}", COUNT, SIZE) as fresh:
                    theirs.append(_rate(fresh, names, clients))
            value, ceiling = median(ours), median(theirs)
            yield Row(
                "small",
                f"open+read+close of 8 KiB files, chunk-warm, {clients} client(s)",
                value,
                "files/s",
                ">= 0.8 x no-op daemon",
                value >= 0.8 * ceiling,
                f"no-op daemon: {ceiling:,.0f}/s",
                spread(ours),
            )
        assert point.exists()


def _read(root: Path, names: list[str]) -> None:
    prefix = f"{root}/"
    for name in names:
        descriptor = os.open(prefix + name, os.O_RDONLY)
        assert len(os.read(descriptor, 65_536)) == SIZE
        os.close(descriptor)


def _share(root: Path, names: list[str], clients: int) -> Callable[[int], None]:
    return lambda number: _read(root, names[number::clients])


def _rate(root: Path, names: list[str], clients: int) -> float:
    return len(names) / in_parallel(clients, _share(root, names, clients))
