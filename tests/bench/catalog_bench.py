"""Measures the catalog: build, memory, lookups, listings, differences, facts.

Run: python tests/bench/catalog_bench.py [entries]   (default 1,000,000)
"""

import hashlib
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from vfs.catalog import Catalog, TreeEntry
from vfs.types import Algorithm, Digest, Kind

T = TypeVar("T")


def main(count: int) -> None:
    """Print one line per measurement."""
    with tempfile.TemporaryDirectory() as directory:
        catalog = Catalog.open(Path(directory) / "catalog")
        measure_tree(catalog, count)
        measure_flat(catalog)
        measure_diff(catalog)
        measure_facts(catalog, count)
        print(f"on disk: {catalog.statistics().bytes / 2**20:.0f} MiB, peak RSS {peak():.0f} MiB")
        catalog.close()


def entries(count: int, *, fanout: int = 1000, salt: int = 0) -> Iterator[TreeEntry]:
    """A dataset of `count` files in directories of `fanout`."""
    for index in range(count):
        path = b"train/%06d/%08d.jpg" % (index // fanout, index)
        value = hashlib.md5(b"%d-%d" % (index, salt)).digest()
        yield TreeEntry(path, Kind.FILE, Digest(Algorithm.MD5, value), index, 1_700_000_000)


def peak() -> float:
    """Peak resident memory of this process, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(label: str, function: Callable[[], T], items: int = 0) -> T:
    """Run and print the time (and rate)."""
    start = time.perf_counter()
    result = function()
    seconds = time.perf_counter() - start
    rate = f"  {items / seconds:,.0f}/s  {seconds / items * 1e6:.2f} us each" if items else ""
    print(f"{label}: {seconds * 1000:,.1f} ms{rate}")
    return result


def measure_tree(catalog: Catalog, count: int) -> None:
    """Build, open and look up in one big tree."""
    before = peak()
    timed("generate only", lambda: sum(1 for _ in entries(count)), count)
    tree_id = timed("build", lambda: catalog.build_tree(entries(count), mtime=0).tree_id, count)
    print(f"build: peak RSS grew by {peak() - before:.0f} MiB")
    timed(
        "build again (all pages known)", lambda: catalog.build_tree(entries(count), mtime=0).tree_id
    )
    tree = timed("open", lambda: catalog.open_tree(tree_id))
    print(f"root: {tree.root.pages} pages")
    paths = [e.path for e in entries(count)]
    some = random.Random(1).sample(paths, min(2000, count))
    timed("lookup cold", lambda: [tree.lookup(path) for path in some], len(some))
    some = paths[: min(count, 20000)]
    timed("lookup warm", lambda: [tree.lookup(path) for path in some], len(some))
    timed("walk", lambda: sum(1 for _ in tree.walk()), count)
    timed("list 'train'", lambda: sum(1 for _ in tree.children(b"train")), max(count // 1000, 1))
    timed("summary 'train/000001'", lambda: tree.summary(b"train/000001"))


def measure_flat(catalog: Catalog) -> None:
    """List one directory of 100,000 files."""
    tree = catalog.build_tree(entries(100_000, fanout=10**9), mtime=0)
    timed("list flat 100k", lambda: sum(1 for _ in tree.children(b"train/000000")), 100_000)


def measure_diff(catalog: Catalog) -> None:
    """Difference of two versions of 100,000 files with 1,000 changes."""
    base = list(entries(100_000))
    old = catalog.build_tree(base, mtime=0)
    changed = list(base)
    for at in range(50_000, 51_000):
        changed[at] = changed[at]._replace(size=7)
    new = catalog.build_tree(changed, mtime=0)
    timed("diff, 1,000 changes together", lambda: sum(1 for _ in old.diff(new)))
    spread = list(base)
    for at in range(0, 100_000, 100):
        spread[at] = spread[at]._replace(size=7)
    new = catalog.build_tree(spread, mtime=0)
    timed("diff, 1,000 changes spread", lambda: sum(1 for _ in old.diff(new)))
    holes = [entry for at, entry in enumerate(base) if at % 100]
    new = catalog.build_tree(holes, mtime=0)
    timed("diff, 1,000 removals spread", lambda: sum(1 for _ in old.diff(new)))


def measure_facts(catalog: Catalog, count: int) -> None:
    """Store and find facts."""
    digests = [entry.digest for entry in entries(count)]
    timed("learn", lambda: catalog.learn((d, 5, 6) for d in digests), count)
    timed("learn again", lambda: catalog.learn((d, 5, 7) for d in digests), count)
    timed("facts_many", lambda: catalog.facts_many(digests), count)
    some = digests[:20000]
    timed("facts", lambda: [catalog.facts(digest) for digest in some], len(some))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
