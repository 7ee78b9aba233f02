"""Sizes of objects: which requests are made, and that nothing is lost or invented."""

import errno
import math
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workspace.conftest import Open
from tests.unit.workspace.reading import dvc_config
from vfs import own_mount
from vfs.catalog import Catalog, Fact
from vfs.daemon.revisions import view_of
from vfs.remotes import ObjectInfo
from vfs.remotes.base import Ask, once
from vfs.remotes.local import LocalRemote
from vfs.testing.handmade import HandmadeRepository, md5, object_path, pointer
from vfs.testing.sandbox import Sandbox
from vfs.types import Algorithm, Digest
from vfs.workspace import Snapshot, remote_sizes


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts what local-directory remotes are asked (they stay real)."""
    counts: Counter[str] = Counter()
    head, listing = LocalRemote.head, LocalRemote.list

    def counted_head(self: LocalRemote, key: str, *, version: str = "") -> ObjectInfo:
        counts["heads"] += 1
        return head(self, key, version=version)

    def counted_list(
        self: LocalRemote, prefix: str = "", *, after: str = "", ask: Ask = once
    ) -> Iterator[ObjectInfo]:
        counts["lists"] += 1
        return listing(self, prefix, after=after, ask=ask)

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
    expected = dataset(repository, remote_sizes.MOST_HEADS, "few")
    assert found(workspace.snapshot("few")) == expected
    assert asked["lists"] == 0
    assert asked["heads"] == remote_sizes.MOST_HEADS
    asked.clear()
    expected = dataset(repository, 3 * remote_sizes.MOST_HEADS, "many")
    assert found(workspace.snapshot("many")) == expected
    assert asked["heads"] == 0
    assert 1 <= asked["lists"] <= 257
    asked.clear()
    expected = dataset(repository, 3 * remote_sizes.MOST_HEADS + 7, "more")
    assert found(workspace.snapshot("more")) == expected
    assert asked == {"heads": 7}, "only what is new is asked for"


def test_a_doubt_costs_each_listing_one_look(
    sandbox: Sandbox, opened: Open, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of whatever repository it is, and whether or not somebody tells the size anew."""
    looked: Counter[str] = Counter()
    facts_many = Catalog.facts_many

    def counted(self: Catalog, digests: Sequence[Digest]) -> list[Fact | None]:
        looked["facts"] += len(digests)
        return facts_many(self, digests)

    monkeypatch.setattr(Catalog, "facts_many", counted)
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    expected = dataset(repository, 300)
    paths = sorted(path for path, size in expected.items() if size > 5)[:2]
    catalog = opened(repository.root).session.catalog

    def look() -> dict[bytes, int]:
        looked.clear()
        asked.clear()
        return found(opened(repository.root).snapshot("main"))

    assert look() == expected
    tree = dict(opened(repository.root).snapshot("main").walk(b"d"))
    ours = [digest for path in paths if (digest := tree[path].digest) is not None]
    stranger = Digest(Algorithm.MD5, b"z" * 16)
    catalog.learn([(stranger, 5, 1)])
    catalog.doubt(stranger, 5)
    assert look() == expected
    assert looked["facts"] >= 300
    assert look() == expected
    assert not looked["facts"]

    objects = [object_path(repository.remote, digest.hex) for digest in ours]
    for one in objects:
        one.rename(one.with_suffix(".away"))
    for path, digest in zip(paths, ours, strict=True):
        catalog.doubt(digest, expected[path])
    assert look() == expected, "what it was, as nobody knows better"
    assert (look(), looked["facts"], asked["heads"]) == (expected, 2, 2)
    objects[0].with_suffix(".away").write_bytes(b"x" * 1000)
    objects[0].with_suffix(".away").rename(objects[0])
    expected[paths[0]] = 1000
    assert look() == expected
    assert (look(), looked["facts"], asked["heads"]) == (expected, 1, 1)
    catalog.learn([(ours[1], 2000, 1)])
    expected[paths[1]] = 2000
    assert look() == expected, "another repository has learned it"
    assert (look(), looked["facts"], asked["heads"]) == (expected, 0, 0)


def test_a_huge_remote_is_not_listed_for_a_few_hundred(
    sandbox: Sandbox, opened: Open, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        remote_sizes, "LIST_PAGE", 8
    )  # as if pages were tiny, hence the remote huge
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    first = repository.remote / "files" / "md5" / "00"
    first.mkdir(parents=True)
    for number in range(100):
        (first / f"{number:030x}").touch()
    expected = dataset(repository, remote_sizes.MOST_HEADS + 10)
    assert found(opened(repository.root).snapshot("main")) == expected
    assert asked["lists"] == 257 or asked["heads"] >= remote_sizes.MOST_HEADS


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
    expected = dataset(repository, remote_sizes.MOST_HEADS * 2)
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


def deny(monkeypatch: pytest.MonkeyPatch, *, opened: str = "", listed: str = "") -> None:
    """Let the system refuse one file or directory of a remote (tests may run as root, whom nothing refuses)."""
    really_open, really_stat = own_mount.open_other, os.stat

    def refusing_open(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if opened and path == opened:
            raise PermissionError(errno.EACCES, "Permission denied")
        return really_open(path, flags, dir_fd=dir_fd)

    def refusing_stat(path: str, **options: Any) -> os.stat_result:
        if listed and options.get("dir_fd") is not None and path == listed:
            raise PermissionError(errno.EACCES, "Permission denied")
        return really_stat(path, **options)

    monkeypatch.setattr("vfs.remotes.local.open_other", refusing_open)
    monkeypatch.setattr(os, "stat", refusing_stat)


def test_one_denied_object_spoils_no_other(
    sandbox: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 says 403 for an object that is missing to whoever may not list the bucket."""
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    expected = dataset(repository, 20)
    monkeypatch.setattr(remote_sizes, "_LEARN", 7)
    deny(monkeypatch, opened=md5(b"x" * 7 + b"7")[2:])
    snapshot = opened(repository.root).snapshot("main")
    del expected[b"d/7/7"]
    assert found(snapshot) == expected
    [problem] = snapshot.problems
    assert problem.message.startswith("1 of 20 files cannot be served (7/7): ")
    assert "Permission denied" in problem.message
    assert not problem.silent


def test_a_directory_that_may_be_listed_and_not_entered(
    sandbox: Sandbox, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    expected = dataset(repository, 3 * remote_sizes.MOST_HEADS)
    denied = next(path for path in expected if not md5(content(path)).startswith("00"))
    deny(monkeypatch, listed=md5(content(denied))[2:])
    snapshot = opened(repository.root).snapshot("main")
    prefix = md5(content(denied))[:2]
    sure = {path for path in expected if not md5(content(path)).startswith(prefix)}
    assert sure <= found(snapshot).keys() < expected.keys()
    assert "Permission denied" in snapshot.problems[0].message


def test_a_short_outage_while_sizes_are_asked_is_not_seen(sandbox: Sandbox, opened: Open) -> None:
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    expected = dataset(repository, 20)
    cache_the_listing(repository)
    away = repository.remote.rename(repository.remote.with_name("away"))

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage.startswith("waiting for remote") and away.exists():
            assert stage.endswith(
                f"(there is no directory {repository.remote}) for 120 s at most, attempt"
            )
            away.rename(repository.remote)

    assert found(opened(repository.root).snapshot("main", progress)) == expected


def test_an_outage_while_sizes_are_asked_is_known_as_one(sandbox: Sandbox, opened: Open) -> None:
    """One deadline for all that a build asks of a remote, and the next look has what was missing."""
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    expected = dataset(repository, 20)
    cache_the_listing(repository)
    away = repository.remote.rename(repository.remote.with_name("away"))
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main", patience=0.5)
    [problem] = snapshot.problems
    assert (problem.silent, problem.heals) == (True, True)
    assert view_of(snapshot, 20).until < math.inf, "below .snapshots it is looked at again"
    assert "there is no directory" in problem.message
    away.rename(repository.remote)
    assert found(workspace.snapshot("main", patience=0.5)) == expected


def test_a_message_counts_every_attempt(sandbox: Sandbox, opened: Open) -> None:
    """Also those of a remote that answers at once each time, and repeats nothing by itself."""
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    dataset(repository, 2)
    repository.remote.rename(repository.remote.with_name("away"))
    [problem] = opened(repository.root).snapshot("main", patience=1.5).problems
    attempts = re.search(r"attempts: (\d+), the last: .*there is no directory", problem.message)
    assert attempts is not None, problem.message
    assert int(attempts[1]) >= 2


def test_the_size_of_a_single_file_in_an_outage(sandbox: Sandbox, opened: Open) -> None:
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    oid = repository.put(b"one")
    unsized = b"outs:\n- md5: %s\n  hash: md5\n  path: f\n" % oid.encode()
    repository.commit_raw({**dvc_config(repository.remote), "f.dvc": unsized})
    away = repository.remote.rename(repository.remote.with_name("away"))
    workspace = opened(repository.root)
    [problem] = workspace.snapshot("main", patience=0.5).problems
    assert (problem.silent, problem.code) == (True, "remote-unavailable")
    away.rename(repository.remote)
    assert not workspace.snapshot("main", patience=0.5).problems


def content(path: bytes) -> bytes:
    """Of a file of `dataset`."""
    number = int(path.rpartition(b"/")[2])
    return b"x" * (number % 50) + b"%d" % number


def cache_the_listing(repository: HandmadeRepository) -> None:
    """Put the list of files, and nothing else, into the DVC cache."""
    [listing] = repository.remote.glob("files/md5/*/*.dir")
    kept = repository.root / ".dvc" / "cache" / listing.relative_to(repository.remote)
    kept.parent.mkdir(parents=True)
    shutil.copy(listing, kept)
