"""The environment below: growth, several processes, forks, damage, unusable directories."""

import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vfs.catalog import Catalog, TreeEntry
from vfs.catalog import storage as storage_module
from vfs.catalog.pins import Pins
from vfs.catalog.tables import Tables
from vfs.errors import StoreError, StoreFull
from vfs.lmdb import Busy
from vfs.testing.mounts import wait_until
from vfs.types import Algorithm, Digest, Kind

SMALL = 1 << 16


def digest(number: int) -> Digest:
    return Digest(Algorithm.MD5, number.to_bytes(16, "big"))


def entries(count: int) -> list[TreeEntry]:
    return [TreeEntry(b"%08d" % n, Kind.FILE, digest(n), n, n) for n in range(count)]


def python(code: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_the_directory_is_private_and_contents_survive(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path / "deep" / "catalog")
    catalog.learn([(digest(1), 2, 3)])
    tree_id = catalog.build_tree(entries(10), mtime=1).tree_id
    catalog.close()
    catalog.close()
    assert (tmp_path / "deep" / "catalog").stat().st_mode & 0o777 == 0o700
    again = Catalog.open(tmp_path / "deep" / "catalog")
    assert again.facts(digest(1)) == (2, 3)
    assert list(again.open_tree(tree_id).walk()) == entries(10)
    assert not again.degraded
    again.close()


def test_one_process_opens_a_directory_once(tmp_path: Path) -> None:
    first = Catalog.open(tmp_path / "c")
    (tmp_path / "link").symlink_to("c")
    second = Catalog.open(tmp_path / "link")
    first.learn([(digest(1), 2, 3)])
    first.close()
    assert second.facts(digest(1)) == (2, 3)
    second.close()
    with pytest.raises(StoreError, match="after close"):
        second.facts(digest(1))
    third = Catalog.open(tmp_path / "c")
    assert third.facts(digest(1)) == (2, 3)
    third.close()


def test_the_map_grows(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path, map_size=SMALL)
    catalog.learn((digest(n), n, n) for n in range(20_000))
    tree_id = catalog.build_tree(entries(20_000), mtime=0).tree_id
    assert catalog.open_tree(tree_id).count == 20_000
    assert catalog.facts(digest(19_999)) == (19_999, 19_999)
    catalog.close()


def test_the_map_grows_under_running_readers(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path, map_size=SMALL)
    catalog.learn([(digest(0), 1, 1)])
    done = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not done.wait(0.0001):  # a tight loop would measure Python's own lock only
            if catalog.facts(digest(0)) != (1, 1):
                wrong.append("lost")

    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in readers:
        thread.start()
    for number in range(100):
        catalog.remember(b"%d" % number, bytes(20_000))
    done.set()
    for thread in readers:
        thread.join()
    assert wrong == []
    assert catalog.recall(b"99") == bytes(20_000)
    assert catalog.statistics().bytes > 16 * SMALL
    catalog.close()


def test_growth_by_another_process_is_adopted(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path, map_size=SMALL)
    code = """
        import sys
        from pathlib import Path
        from vfs.catalog import Catalog
        from vfs.types import Algorithm, Digest
        catalog = Catalog.open(Path(sys.argv[1]), map_size=1 << 16)
        catalog.learn((Digest(Algorithm.MD5, n.to_bytes(16, "big")), n + 1, n) for n in range(20_000))
        catalog.close()
    """
    worker = python(code, tmp_path)
    worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert catalog.facts(digest(19_999)) == (20_000, 19_999)
    catalog.learn([(digest(20_000), 1, 1)])
    assert catalog.statistics().facts == 20_001
    catalog.close()


def test_many_processes_write_at_once(tmp_path: Path) -> None:
    code = """
        import sys
        from pathlib import Path
        from vfs.catalog import Catalog
        from vfs.types import Algorithm, Digest
        catalog = Catalog.open(Path(sys.argv[1]), map_size=1 << 16)
        me = int(sys.argv[2])
        for start in range(0, 5000, 500):
            numbers = range(me * 5000 + start, me * 5000 + start + 500)
            catalog.learn((Digest(Algorithm.MD5, n.to_bytes(16, "big")), n + 1, me) for n in numbers)
        catalog.close()
    """
    workers = [python(code, tmp_path, number) for number in range(4)]
    for worker in workers:
        worker.communicate(timeout=120)
    assert [worker.returncode for worker in workers] == [0, 0, 0, 0]
    catalog = Catalog.open(tmp_path)
    found = catalog.facts_many([digest(n) for n in range(20_000)])
    assert found == [(n + 1, n // 5000) for n in range(20_000)]
    catalog.close()


def test_a_killed_writer_leaves_a_usable_catalog(tmp_path: Path) -> None:
    code = """
        import sys
        from pathlib import Path
        from vfs.catalog import Catalog
        from vfs.types import Algorithm, Digest
        catalog = Catalog.open(Path(sys.argv[1]))
        catalog.learn([(Digest(Algorithm.MD5, bytes(16)), 1, 1)])
        def endless():
            yield Digest(Algorithm.MD5, b"x"), 1, 1
            print("ready", flush=True)
            sys.stdin.read()
        catalog._storage._primary.write(lambda txn: [txn.put(b"k", b"v"), list(endless())])
    """
    writer = python(code, tmp_path)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    writer.kill()
    writer.wait()
    writer.communicate()
    catalog = Catalog.open(tmp_path)
    assert catalog.facts(digest(0)) == (1, 1)
    catalog.learn([(digest(1), 2, 2)])
    assert catalog.facts(digest(1)) == (2, 2)
    catalog.close()


def test_a_forked_child_cannot_use_the_parents_catalog_but_can_open_its_own(tmp_path: Path) -> None:
    code = """
        import os, sys
        from pathlib import Path
        from vfs.catalog import Catalog
        from vfs.errors import StoreError
        catalog = Catalog.open(Path(sys.argv[1]))
        catalog.remember(b"k", b"v")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                catalog.recall(b"k")
            except StoreError:
                own = Catalog.open(Path(sys.argv[1]))
                status = 0 if own.recall(b"k") == b"v" else 2
                own.close()
                catalog.close()
            os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert catalog.recall(b"k") == b"v"
        catalog.remember(b"k", b"w")
        print(catalog.recall(b"k"))
    """
    output, _ = python(code, tmp_path).communicate(timeout=60)
    assert output == "b'w'\n"


@pytest.mark.parametrize("damage", ["garbage", "empty-text", "truncated"])
def test_damage_is_moved_aside(tmp_path: Path, damage: str) -> None:
    catalog = Catalog.open(tmp_path)
    catalog.learn((digest(n), n, n) for n in range(100_000))
    catalog.close()
    data = tmp_path / "data.mdb"
    if damage == "garbage":
        data.write_bytes(os.urandom(data.stat().st_size))
    elif damage == "empty-text":
        data.write_bytes(b"this is not a database\n" * 1000)
    else:
        os.truncate(data, 16384)
    again = Catalog.open(tmp_path)
    assert not again.degraded
    assert again.facts(digest(5)) is None
    again.learn([(digest(5), 1, 1)])
    assert again.facts(digest(5)) == (1, 1)
    assert (tmp_path / "data.mdb.damaged").exists()
    again.close()


def test_an_unusable_directory_is_replaced_by_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    catalog = Catalog.open(tmp_path / "file" / "catalog")
    assert catalog.degraded
    catalog.learn([(digest(1), 2, 3)])
    assert catalog.facts(digest(1)) == (2, 3)
    [private] = catalog._storage._private
    assert private.exists()
    catalog.close()
    assert not private.exists()


def test_a_private_directory_goes_with_its_process(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    code = """
        import sys
        from pathlib import Path
        from vfs.catalog import Catalog
        catalog = Catalog.open(Path(sys.argv[1]))
        print(catalog._storage._private[0])
    """
    output, _ = python(code, tmp_path / "file" / "catalog").communicate(timeout=60)
    assert output.strip()
    assert not Path(output.strip()).exists()


def test_a_full_disk_spills_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog.open(tmp_path)
    catalog.learn([(digest(1), 1, 1)])
    tree_id = catalog.build_tree(entries(10), mtime=0).tree_id
    primary = catalog._storage._primary

    def full(*_: object, **__: object) -> int:
        raise StoreFull("no room left on the disk")

    monkeypatch.setattr(primary, "put", full)
    catalog.learn([(digest(2), 2, 2)])
    other = catalog.build_tree(entries(2000), mtime=0).tree_id
    assert catalog.degraded
    assert catalog.facts_many([digest(2), digest(3), digest(1)]) == [(2, 2), None, (1, 1)]
    assert list(catalog.open_tree(other).walk()) == entries(2000)
    assert list(catalog.open_tree(tree_id).walk()) == entries(10)
    catalog.close()


def test_lmdbs_own_full_disk_error_is_recognised(tmp_path: Path) -> None:
    """A file-size limit is the nearest thing to a full disk that needs no mount."""
    code = """
        import resource, signal, sys
        from pathlib import Path
        from vfs.catalog.tables import Tables
        from vfs.errors import StoreError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        environment = Tables(Path(sys.argv[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        try:
            environment.put("notes", [(b"k", bytes(8 << 20))], replace=True)
        except StoreError as error:
            print("refused")
        environment.put("notes", [(b"k", b"v")], replace=True)
        print(environment.value("notes", b"k"))
    """
    output, _ = python(code, tmp_path).communicate(timeout=60)
    assert output == "refused\nb'v'\n"


def test_a_damaged_page_is_reported_and_stored_again(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path)
    tree_id = catalog.build_tree(entries(1000), mtime=0).tree_id
    page_id = catalog.open_tree(tree_id).root.page_id(1)
    catalog._storage.put("pages", [(page_id, b"rubbish")], replace=True)
    with pytest.raises(StoreError, match="lost or damaged"):
        list(catalog.open_tree(tree_id).walk())
    assert catalog.build_tree(entries(1000), mtime=0).tree_id == tree_id
    assert list(catalog.open_tree(tree_id).walk()) == entries(1000)
    catalog.close()


def test_a_damaged_root_is_reported_and_stored_again(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path)
    tree_id = catalog.build_tree(entries(10), mtime=0).tree_id
    catalog._storage.put("trees", [(tree_id, b"rubbish")], replace=True)
    with pytest.raises(StoreError, match="lost or damaged"):
        catalog.open_tree(tree_id)
    with pytest.raises(StoreError, match="unknown tree"):
        catalog.open_tree(tree_id)
    assert catalog.build_tree(entries(10), mtime=0).tree_id == tree_id
    assert catalog.open_tree(tree_id).count == 10
    with pytest.raises(StoreError, match="unknown tree"):
        catalog.open_tree(bytes(32))
    catalog.close()


def test_threads_share_one_catalog(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path, map_size=SMALL)
    tree = catalog.build_tree(entries(5000), mtime=0)

    def work(number: int) -> None:
        catalog.learn((digest(number * 1000 + n), n, n) for n in range(200))
        assert sum(1 for _ in tree.walk()) == 5000
        mine = catalog.build_tree(entries(500 + number), mtime=0).tree_id
        assert catalog.open_tree(mine).count == 500 + number

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    catalog.close()


def test_close_waits_for_nobody_and_forgets_the_registry(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path)
    assert os.path.realpath(tmp_path) in storage_module._registry
    catalog.close()
    assert os.path.realpath(tmp_path) not in storage_module._registry
    environment = Tables(tmp_path)
    environment.close()
    with pytest.raises(StoreError):
        environment.value("facts", b"k")


def test_what_is_learned_while_another_process_holds_the_writers_lock_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vfs.lmdb.orders.PATIENCE", 0.1)
    code = """
        import sys
        import lmdb
        environment = lmdb.open(sys.argv[1], max_dbs=16, map_size=1 << 30, max_readers=1024)
        with environment.begin(write=True):
            print("held", flush=True)
            input()
    """
    catalog = Catalog.open(tmp_path / "c")
    catalog.learn([(digest(1), 1, 1)])
    catalog.remember(b"note", b"old")
    with python(code, tmp_path / "c") as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        catalog.learn([(digest(2), 2, 2)])
        catalog.remember(b"note", b"new")
        tree_id = catalog.build_tree(entries(2000), mtime=0).tree_id
        assert catalog.degraded
        assert catalog.recall(b"note") == b"new"
        assert list(catalog.open_tree(tree_id).walk()) == entries(2000)
        holder.kill()
    wait_until(lambda: catalog._storage._primary.can_write(), "the end of the one that hung")
    catalog.learn([(digest(3), 3, 3)])
    assert not catalog.degraded
    catalog.close()
    again = Catalog.open(tmp_path / "c")
    assert again.facts_many([digest(n) for n in (1, 2, 3)]) == [(1, 1), (2, 2), (3, 3)]
    assert again.recall(b"note") == b"new"
    assert list(again.open_tree(tree_id).walk()) == entries(2000)
    again.close()


def test_a_collector_that_does_not_end_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vfs.catalog.pins.COLLECTING", 0.1)
    catalog = Catalog.open(tmp_path)
    tree_id = catalog.build_tree(entries(10), mtime=0).tree_id
    other = Pins(tmp_path / "pins")
    with other.claims() as claims:
        wait_until(lambda: claims.take(tree_id), "the tree to be let go")
        with pytest.raises(Busy):
            catalog.open_tree(tree_id)
    assert catalog.open_tree(tree_id).tree_id == tree_id
    other.close()
    catalog.close()
