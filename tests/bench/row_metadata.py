"""Looking at 100,000 and 1,000,000 files that the kernel does not know yet, and the memory of the daemon that answers."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.bench.harness import Bench, Row, commit_listing, flat_names, median, seconds, spread
from tests.bench.noop import noop

RUNS = 3


def run(bench: Bench) -> Iterator[Row]:
    """100,000 files; but for `--short` also 1,000,000."""
    for count in (100_000, 1_000_000) if bench.large else (100_000,):
        yield from _rows(bench, count)


def _rows(bench: Bench, count: int) -> Iterator[Row]:
    """Cold stat of single files, `ls -lR`, memory when idle and when all is known."""
    names = flat_names(count)
    repo = bench.repository(f"metadata-{count}")
    entries = [{"md5": repo.put(b"%07d" % n), "relpath": name} for n, name in enumerate(names)]
    commit_listing(repo, entries, 7 * count, "v1")
    mount = bench.mounts(repo.root, "v1")
    built = bench.rss(mount)
    if count == 100_000:
        label = f"memory of a daemon that has just built the catalog of {count:,} files"
        yield Row("memory", label, built, "MB", "<= 70 MB", built <= 70)
    mount.umount()
    mount.start("v1")
    idle = bench.rss(mount)
    label = f"memory of an idle daemon, catalog of {count:,} files known"
    yield Row("memory", label, idle, "MB", "<= 70 MB", idle <= 70)
    some = names[:100_000]
    ours, theirs, listed = [], [], []
    for index in range(RUNS):
        mount.umount()
        mount.start("v1")
        ours.append(_stat(mount.path / "data", some))
        with noop(bench.sandbox.root / f"noop-{count}-{index}", 100_000, 6) as point:
            theirs.append(_stat(point, some))
    value, ceiling = median(ours), median(theirs)
    yield Row(
        "metadata",
        f"cold stat of 100,000 files, {count:,} in the commit",
        value,
        "files/s",
        ">= 0.8 x no-op daemon",
        value >= 0.8 * ceiling,
        f"no-op daemon: {ceiling:,.0f}/s",
        spread(ours),
    )
    for _ in range(RUNS):
        mount.umount()
        mount.start("v1")
        listed.append(count / seconds(lambda: _ls(mount.path / "data")))
    value = median(listed)
    yield Row(
        "metadata",
        f"`ls -lR` of {count:,} files, cold kernel",
        value,
        "entries/s",
        ">= 60,000/s",
        value >= 60_000,
        "",
        spread(listed),
    )
    known = bench.rss(mount)
    limit = 120 if count == 100_000 else 350
    yield Row(
        "memory",
        f"memory with {count:,} inodes known",
        known,
        "MB",
        f"<= {limit} MB",
        known <= limit,
    )


def _stat(root: Path, names: list[str]) -> float:
    prefix = f"{root}/"

    def action() -> None:
        for name in names:
            os.stat(prefix + name)

    return len(names) / seconds(action)


def _ls(root: Path) -> None:
    subprocess.run(["ls", "-lR", str(root)], check=True, stdout=subprocess.DEVNULL)
