"""The first catalog of a large tracked directory, mounting it again, and the memory it takes."""

import os
from collections.abc import Iterator

from tests.bench.harness import Bench, Row, commit_listing, flat_names, median, seconds, spread
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import vfs

GOALS = {100_000: (4.0, 250.0), 1_000_000: (40.0, 800.0)}


def run(bench: Bench) -> Iterator[Row]:
    """100,000 files; but for `--short` also 1,000,000."""
    for count in (100_000, 1_000_000) if bench.large else (100_000,):
        yield from _one(bench, count)


def _one(bench: Bench, count: int) -> Iterator[Row]:
    repo = bench.repository(f"catalog-{count}")
    _fill(repo, count)
    mount = bench.mounts.prepare(repo.root)
    mount.path.mkdir()

    def mounting() -> float:
        def action() -> None:
            vfs(bench.sandbox, "mount", "--repo", repo.root, "--rev", "v1", mount.path, timeout=600)
            assert len(os.listdir(mount.path / "data")) == -(-count // 1_000)

        return seconds(action)

    limit, memory = GOALS[count]
    first = mounting()
    peak = bench.peak(mount)
    label = f"{count:,} files"
    yield Row(
        "catalog",
        f"first catalog from a `.dir` of {label}, sizes from the remote's listing,"
        " with mount and first `ls`",
        first,
        "s",
        f"<= {limit:g} s",
        first <= limit,
    )
    yield Row(
        "catalog",
        f"largest memory of the daemon while it builds that ({label})",
        peak,
        "MB",
        f"<= {memory:g} MB",
        peak <= memory,
    )
    values = []
    for _ in range(5 if count < 1_000_000 else 3):
        mount.umount()
        values.append(mounting())
    value = median(values)
    yield Row(
        "mount",
        f"mount to the end of the first `ls`, catalog known, {label}",
        value,
        "s",
        "<= 0.7 s",
        value <= 0.7,
        "",
        spread(values),
    )
    mount.umount()


def _fill(repo: HandmadeRepository, count: int) -> None:
    """As many contents as names: each costs the remote a listed key and the catalog a fact."""
    names = flat_names(count)
    entries = [{"md5": repo.put(b"%07d" % n), "relpath": name} for n, name in enumerate(names)]
    commit_listing(repo, entries, 7 * count, "v1")
