"""Sizes of objects: which requests are made, and that nothing is lost or invented."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.workspace.conftest import Open
from tests.unit.workspace.reading import dvc_config
from vfs.remotes import ObjectInfo
from vfs.remotes.local import LocalRemote
from vfs.testing.handmade import HandmadeRepository, object_path, pointer
from vfs.testing.sandbox import Sandbox
from vfs.workspace import Snapshot, sizes


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts what local-directory remotes are asked (they stay real)."""
    counts: Counter[str] = Counter()
    head, listing = LocalRemote.head, LocalRemote.list

    def counted_head(self: LocalRemote, key: str, *, version: str = "") -> ObjectInfo:
        counts["heads"] += 1
        return head(self, key, version=version)

    def counted_list(
        self: LocalRemote, prefix: str = "", *, after: str = ""
    ) -> Iterator[ObjectInfo]:
        counts["lists"] += 1
        return listing(self, prefix, after=after)

    monkeypatch.setattr(LocalRemote, "head", counted_head)
    monkeypatch.setattr(LocalRemote, "list", counted_list)
    return counts


def dataset(repository: HandmadeRepository, count: int, tag: str = "") -> dict[bytes, int]:
    """Commit a directory of `count` files of different sizes."""
    content = {f"{i % 10}/{i}": b"x" * (i % 50) + b"%d" % i for i in range(count)}
    oid, size, number = repository.put_directory(content)
    blobs = {**dvc_config(repository.remote), "d.dvc": pointer("d", oid, size, number)}
    repository.commit_raw(blobs, tag=tag)
    return {b"d/" + path.encode(): len(data) for path, data in content.items()}


def found(snapshot: Snapshot) -> dict[bytes, int]:
    return {p: e.size for p, e in snapshot.walk(b"d") if e.digest is not None}


def test_few_are_asked_one_by_one_many_are_listed(
    sandbox: Sandbox, opened: Open, asked: Counter[str]
) -> None:
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    workspace = opened(repository.root)
    expected = dataset(repository, sizes.MOST_HEADS, "few")
    assert found(workspace.snapshot("few")) == expected
    assert asked["lists"] == 0
    assert asked["heads"] == sizes.MOST_HEADS
    asked.clear()
    expected = dataset(repository, 3 * sizes.MOST_HEADS, "many")
    assert found(workspace.snapshot("many")) == expected
    assert asked["heads"] == 0
    assert 1 <= asked["lists"] <= 257
    asked.clear()
    expected = dataset(repository, 3 * sizes.MOST_HEADS + 7, "more")
    assert found(workspace.snapshot("more")) == expected
    assert asked == {"heads": 7}, "only what is new is asked for"


def test_a_huge_remote_is_not_listed_for_a_few_hundred(
    sandbox: Sandbox, opened: Open, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "LIST_PAGE", 8)  # as if pages were tiny, hence the remote huge
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    first = repository.remote / "files" / "md5" / "00"
    first.mkdir(parents=True)
    for number in range(100):
        (first / f"{number:030x}").touch()
    expected = dataset(repository, sizes.MOST_HEADS + 10)
    assert found(opened(repository.root).snapshot("main")) == expected
    assert asked["lists"] == 257 or asked["heads"] >= sizes.MOST_HEADS


def test_the_cache_is_asked_first(sandbox: Sandbox, opened: Open, asked: Counter[str]) -> None:
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    expected = dataset(repository, 5000)
    cache = repository.root / ".dvc" / "cache"
    cache.parent.mkdir()
    repository.remote.rename(cache)
    repository.remote.mkdir()
    assert found(opened(repository.root).snapshot("main")) == expected
    assert not asked


def test_junk_in_a_remote_is_ignored(sandbox: Sandbox, opened: Open) -> None:
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    expected = dataset(repository, sizes.MOST_HEADS * 2)
    for name in ("aa/short", "aa/" + "z" * 30, "zz/" + "0" * 30, "aa/" + "0" * 30 + ".dir", "x"):
        junk = repository.remote / "files" / "md5" / name
        junk.parent.mkdir(parents=True, exist_ok=True)
        junk.write_bytes(b"junk")
    upper = next((repository.remote / "files" / "md5" / "ab").iterdir())
    (upper.parent / upper.name.upper()).write_bytes(b"another size altogether")
    assert found(opened(repository.root).snapshot("main")) == expected


def test_links_in_a_cache_are_not_followed(sandbox: Sandbox, opened: Open, tmp_path: Path) -> None:
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    oid, size, count = repository.put_directory({"a": b"1"})
    blobs = {**dvc_config(repository.remote), "d.dvc": pointer("d", oid, size, count)}
    repository.commit_raw(blobs)
    (tmp_path / "long").write_bytes(b"a much longer file")
    cached = object_path(repository.root / ".dvc" / "cache", "c4ca4238a0b923820dcc509a6f75849b")
    cached.parent.mkdir(parents=True)
    cached.symlink_to(tmp_path / "long")
    assert found(opened(repository.root).snapshot("main")) == {b"d/a": 1}
