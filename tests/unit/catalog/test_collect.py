"""Collections: what is in use stays readable, what was learned for ever stays, the rest goes."""

import gc
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfs.catalog import Catalog, Rules, Tree, TreeEntry
from vfs.catalog.pins import BUILDING, Pins
from vfs.catalog.unneeded import DAY, RECENT, UNUSED
from vfs.errors import StoreError, StoreFull
from vfs.types import Algorithm, Digest, Kind

RULES = Rules(summaries={b"names\0": 0, b"contents\0": 8}, bound=(b"dir\0",))


class Clock:
    now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


def digest(number: int) -> Digest:
    return Digest(Algorithm.MD5, number.to_bytes(16, "big"))


def entries(count: int, changed: int = -1) -> list[TreeEntry]:
    return [
        TreeEntry(b"%08d" % n, Kind.FILE, digest(n), n + (n == changed), 7) for n in range(count)
    ]


def everything(catalog: Catalog) -> object:
    return catalog.collect(RULES, 0, recent=-1)


def orphans(catalog: Catalog) -> set[bytes]:
    """Pages that no root names."""
    named: set[bytes] = set()
    for tree_id, record in catalog._storage.all("trees"):
        if len(record) > 8:
            named.update(catalog.open_tree(tree_id).root.page_ids)
    return {key for key, _ in catalog._storage.all("pages")} - named


def test_what_nobody_uses_goes_and_its_time_stays(catalog: Catalog) -> None:
    tree_id = catalog.build_tree(entries(3000), mtime=3).tree_id
    catalog.learn([(digest(1), 2, 3)])
    catalog.remember_many(
        [
            (b"dir\0a", tree_id + b"details"),
            (b"names\0a", b"pointers"),
            (b"contents\0a", b"the time" + b"the rest"),
            (b"seen\0a", b"kept"),
        ]
    )
    everything(catalog)
    with pytest.raises(StoreError, match="unknown tree"):
        catalog.open_tree(tree_id)
    found = catalog.statistics()
    assert (found.pages, found.trees, found.facts) == (0, 1, 1)
    assert catalog.recall_many([b"dir\0a", b"names\0a", b"contents\0a", b"seen\0a"]) == [
        None,
        None,
        b"the time",
        b"kept",
    ]
    again = catalog.build_tree(entries(3000), mtime=99)
    assert (again.tree_id, again.mtime) == (tree_id, 3)
    assert list(again.walk()) == entries(3000)


def test_an_open_tree_stays_until_it_is_let_go(catalog: Catalog) -> None:
    tree = catalog.build_tree(entries(3000), mtime=3)
    second = catalog.open_tree(tree.tree_id)
    other = catalog.build_tree(entries(3000, changed=5), mtime=3).tree_id
    catalog.remember(b"dir\0a", tree.tree_id)
    everything(catalog)
    catalog._pages.clear()
    assert list(tree.walk()) == entries(3000)
    assert catalog.recall(b"dir\0a") == tree.tree_id
    with pytest.raises(StoreError, match="unknown tree"):
        catalog.open_tree(other)
    assert not orphans(catalog)
    tree_id = tree.tree_id
    del tree
    everything(catalog)
    assert second.lookup(b"00000001") is not None
    del second
    gc.collect()
    everything(catalog)
    with pytest.raises(StoreError, match="unknown tree"):
        catalog.open_tree(tree_id)
    assert catalog.statistics().pages == 0


def test_no_collection_while_a_tree_is_built(catalog: Catalog) -> None:
    shared = catalog.build_tree(entries(3000), mtime=3).tree_id

    def collecting_meanwhile() -> Iterator[TreeEntry]:
        yield from entries(3000, changed=2999)
        assert everything(catalog) is None

    tree = catalog.build_tree(collecting_meanwhile(), mtime=3)
    with catalog._storage.pins.holding(BUILDING):
        assert everything(catalog) is None
    assert catalog.open_tree(shared).count == tree.count


def test_recency_is_known_to_the_day(tmp_path: Path) -> None:
    clock = Clock()
    catalog = Catalog.open(tmp_path, clock=clock)
    old = catalog.build_tree(entries(1000), mtime=3).tree_id
    new = catalog.build_tree(entries(1000, changed=1), mtime=3).tree_id
    catalog.tidy(RULES, 1 << 30)
    clock.now += UNUSED - DAY
    catalog.open_tree(new)
    catalog.close()
    clock.now += 2 * DAY
    catalog = Catalog.open(tmp_path, clock=clock)
    collected = catalog.tidy(RULES, 1 << 30)
    assert collected is not None
    assert collected.trees == 1
    with pytest.raises(StoreError, match="unknown tree"):
        catalog.open_tree(old)
    catalog.open_tree(new)
    clock.now += RECENT - 3 * DAY
    assert catalog.tidy(RULES, 0) is not None, "beyond the limit it looks, but"
    assert catalog.open_tree(new).count == 1000, "what was used lately stays"
    catalog.close()


def test_a_tree_whose_builder_died_ages_from_the_first_collection_on(tmp_path: Path) -> None:
    clock = Clock()
    catalog = Catalog.open(tmp_path, clock=clock)
    tree_id = catalog.build_tree(entries(1000), mtime=3).tree_id
    catalog._used.clear()  # its process was killed before it said so
    assert catalog.collect(RULES, 1 << 30) == (0, 0, 0)
    clock.now += UNUSED
    collected = catalog.collect(RULES, 1 << 30)
    assert collected is not None
    assert collected.trees == 1
    with pytest.raises(StoreError, match="unknown tree"):
        catalog.open_tree(tree_id)
    catalog.close()


def test_a_mounted_tree_is_used_every_day(tmp_path: Path) -> None:
    clock = Clock()
    catalog = Catalog.open(tmp_path, clock=clock)
    tree = catalog.build_tree(entries(1000), mtime=3)
    for _ in range(2 * UNUSED // (30 * DAY)):
        clock.now += 30 * DAY
        catalog.tidy(RULES, 0)
    tree_id = tree.tree_id
    del tree
    catalog.tidy(RULES, 0)
    assert catalog.open_tree(tree_id).count == 1000
    catalog.close()


def test_tidying_is_due_once_a_day_or_beyond_the_limit(tmp_path: Path) -> None:
    clock = Clock()
    catalog = Catalog.open(tmp_path, clock=clock)
    catalog.build_tree(entries(1000), mtime=3)
    assert catalog.tidy(RULES, 1 << 30) is not None
    assert catalog.tidy(RULES, 1 << 30) is None
    assert catalog.tidy(RULES, 10) is not None
    clock.now += DAY
    assert catalog.tidy(RULES, 1 << 30) is not None
    catalog.close()


def test_summaries_go_together_when_they_are_too_much(catalog: Catalog) -> None:
    catalog.remember_many((b"names\0%d" % n, bytes(90)) for n in range(100))
    catalog.collect(RULES, 100_000)
    assert catalog.recall(b"names\0" + b"5") == bytes(90)
    catalog.collect(RULES, 10_000)
    assert catalog.recall_many([b"names\0%d" % n for n in range(100)]) == [None] * 100


def test_a_catalog_partly_in_memory_is_not_collected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = Catalog.open(tmp_path)

    def full(*_: object, **__: object) -> int:
        raise StoreFull("no room left on the disk")

    monkeypatch.setattr(catalog._storage._primary, "put", full)
    tree = catalog.build_tree(entries(1000), mtime=3)
    assert everything(catalog) is None
    pins = Pins(tmp_path / "pins")
    with pins.claims() as claims:
        assert not claims.take(BUILDING), "nor by others"
    pins.close()
    assert list(tree.walk()) == entries(1000)
    catalog.close()


VERSIONS = st.lists(
    st.tuples(st.lists(st.integers(0, 40), unique=True, min_size=1), st.booleans()), max_size=6
)


@given(VERSIONS, st.integers(0, 20_000))
@settings(max_examples=30, deadline=None)
def test_whatever_is_kept_can_be_read(
    shared_catalog: Catalog, versions: list[tuple[list[int], bool]], limit: int
) -> None:
    """Versions that share pages; some stay open. The catalog holds what earlier examples left."""
    held: list[tuple[Tree, list[TreeEntry]]] = []
    known: dict[bytes, list[TreeEntry]] = {}
    for changes, hold in versions:
        wanted = [
            e._replace(size=e.size + (n // 10 in changes)) for n, e in enumerate(entries(400))
        ]
        tree = shared_catalog.build_tree(wanted, mtime=1)
        known[tree.tree_id] = wanted
        if hold:
            held.append((tree, wanted))
        del tree
    shared_catalog.collect(RULES, limit, recent=-1)
    shared_catalog._pages.clear()
    for opened, wanted in held:
        assert list(opened.walk()) == wanted
    for tree_id, wanted in known.items():
        try:
            again = shared_catalog.open_tree(tree_id)
        except StoreError:
            again = shared_catalog.build_tree(wanted, mtime=2)
        assert list(again.walk()) == wanted
        assert again.mtime == 1


def python(code: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().strip()


COLLECTOR = """
    import sys
    from pathlib import Path
    from tests.unit.catalog.test_collect import RULES, entries
    from vfs.catalog import Catalog
    catalog = Catalog.open(Path(sys.argv[1]))
    trees = 0
    print("ready", flush=True)
    for number, _ in enumerate(iter(sys.stdin.readline, "")):
        catalog.build_tree(entries(20_000, changed=number), mtime=1)
        found = catalog.collect(RULES, 0, recent=-1)
        trees += 0 if found is None else found.trees
        print(trees, flush=True)
    catalog.close()
"""


@pytest.mark.slow
def test_one_process_collects_while_another_lists_100_000_entries(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path)
    catalog._pages.limit = 1  # every page comes from the file
    wanted = entries(100_000)
    tree = catalog.build_tree(wanted, mtime=1)
    with python(COLLECTOR, tmp_path) as other:
        assert other.stdin is not None
        assert line(other.stdout) == "ready"
        trees = 0
        for number in range(5):
            other.stdin.write("again\n")
            other.stdin.flush()
            assert [entry for entry, _ in tree.children()] == wanted
            again = catalog.build_tree(entries(20_000, changed=number), mtime=1)  # at the same time
            assert sum(1 for _ in again.walk()) == 20_000
            trees = int(line(other.stdout))
        assert trees > 0, "something was collected meanwhile"
        other.stdin.close()
        assert other.wait(60) == 0
    del again
    everything(catalog)
    assert catalog.statistics().pages == tree.root.pages
    assert [entry for entry, _ in tree.children()] == wanted
    catalog.close()


KILLED = """
    import sys
    from pathlib import Path
    from tests.unit.catalog.test_collect import RULES
    from vfs.catalog import Catalog, collect
    from vfs.catalog.tables import Tables
    collect._BATCH = 2
    catalog = Catalog.open(Path(sys.argv[1]))
    write = Tables.write
    def told(self, function):
        def inside(transaction):
            result = function(transaction)
            print("writing", flush=True)
            sys.stdin.readline()
            return result
        return write(self, inside)
    Tables.write = told
    catalog.collect(RULES, 0, recent=-1)
    print("done", flush=True)
"""


@pytest.mark.slow
def test_a_collector_killed_at_any_step_leaves_a_sound_catalog(tmp_path: Path) -> None:
    step = 0
    while True:
        catalog = Catalog.open(tmp_path)
        held = catalog.build_tree(entries(1500), mtime=1)
        ids = [
            catalog.build_tree(entries(1500, changed=n), mtime=1).tree_id for n in (0, 700, 1499)
        ]
        for tree_id in ids:
            catalog.remember(b"dir\0" + tree_id, tree_id)
        with python(KILLED, tmp_path) as collector:
            assert collector.stdin is not None
            said = line(collector.stdout)
            for _ in range(step):
                if said == "done":
                    break
                collector.stdin.write("\n")
                collector.stdin.flush()
                said = line(collector.stdout)
            collector.kill()
        catalog._pages.clear()
        assert list(held.walk()) == entries(1500)
        for tree_id in ids:
            with suppress(StoreError):
                assert sum(1 for _ in catalog.open_tree(tree_id).walk()) == 1500
        assert catalog.losses == 0
        everything(catalog)
        assert not orphans(catalog)
        assert catalog.statistics().pages == held.root.pages
        assert catalog.verify()
        del held
        catalog.close()
        if said == "done":
            break
        step += 1
    assert step > 3
