"""Pushing to a packed remote."""

import io
import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vfs.errors import ContentMismatch, FormatError, ObjectMissing, RemoteUnavailable
from vfs.formats.packs import CONDEMNED, PACKS, parse_pack, parse_pack_key
from vfs.packed import PackedRemote, Pusher, learn_packs, read_files
from vfs.packed.known import condemn
from vfs.remotes import Remote, RemoteSpec, Statistics, open_remote
from vfs.remotes.base import read_body
from vfs.remotes.statistics import StatisticsRemote
from vfs.testing.packed import Files, items_of, pointer_of, push

MIB = 1 << 20


def small(count: int, seed: int = 1, size: int = 3000) -> dict[bytes, bytes]:
    made = random.Random(seed)
    return {b"d/%05d" % n: made.randbytes(size) for n in range(count)}


def read_back(remote: Remote, files: Files) -> dict[bytes, bytes]:
    manifest = PackedRemote(remote).manifest(pointer_of(files))
    manifest.check()
    found: dict[bytes, bytearray] = {}
    for piece in read_files(remote, manifest.root.packs, manifest.files()):
        whole = found.setdefault(piece.file.path, bytearray(piece.file.size))
        whole[piece.offset : piece.offset + len(piece.data)] = piece.data
    return {path: bytes(data) for path, data in found.items()}


def objects(remote: Remote, prefix: str = "") -> dict[str, int]:
    return {info.key: info.size for info in remote.list(prefix)}


def test_a_directory_comes_back(remote: Remote) -> None:
    files = {
        **small(300),
        b"a/empty": b"",
        b"a/zeros": bytes(5 * MIB),
        b"z large": random.Random(2).randbytes(9 * MIB),
        "ü".encode(): b"short",
    }
    pointer, report = push(remote, files)
    assert read_back(remote, files) == files
    assert (report.files, report.bytes) == (304, sum(map(len, files.values())))
    assert PackedRemote(remote).present([pointer, pointer_of({b"x": b""})]) == {pointer}
    for key, size in objects(remote, PACKS).items():
        pack = parse_pack_key(key)
        assert pack is not None
        assert parse_pack(read_body(remote.get(key), size), pack)


def test_a_single_file_comes_back(remote: Remote) -> None:
    files = {b"": random.Random(3).randbytes(2 * MIB)}
    push(remote, files)
    assert read_back(remote, files) == files


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.dictionaries(
        st.text("ab/c", min_size=1, max_size=5)
        .map(str.encode)
        .filter(lambda p: b"//" not in p and p[:1] != b"/" and p[-1:] != b"/"),
        st.one_of(st.binary(max_size=50), st.integers(0, 600_000).map(bytes)),
        max_size=6,
    )
)
def test_any_directory_comes_back(tmp_path: Path, files: dict[bytes, bytes]) -> None:
    directory = tmp_path / os.urandom(6).hex()
    directory.mkdir()
    remote = open_remote(RemoteSpec("test", str(directory)))
    push(remote, files, pack_bytes=1000)
    assert read_back(remote, files) == files


def test_few_requests(remote: Remote, asked: Statistics) -> None:
    before = asked.snapshot().requests
    push(remote, small(2000), pack_bytes=4 * MIB)
    assert asked.snapshot().requests - before <= 6  # two LISTs, two packs, a manifest


def test_a_second_version_adds_what_changed(remote: Remote) -> None:
    files = small(2000)
    first, _ = push(remote, files)
    before = sum(objects(remote, PACKS).values())
    opened: list[bytes] = []
    changed = {**files, **{path: b"new" + path for path in sorted(files)[::100]}}
    _, report = push(remote, changed, bases=(first,), opened=opened)
    assert sorted(opened) == sorted(files)[::100]
    assert report.new_chunks == 20
    added = sum(objects(remote, PACKS).values()) - before
    assert added <= 20 * 11 + 64 + 20 * 40
    assert read_back(remote, changed) == changed
    assert read_back(remote, files) == files


def test_an_edit_in_a_large_file_adds_the_chunks_around_it(remote: Remote) -> None:
    content = random.Random(5).randbytes(24 * MIB)
    first, _ = push(remote, {b"": content})
    edited = content[: 7 * MIB] + b"inserted" + content[7 * MIB :] + b"appended"
    _, report = push(remote, {b"": edited}, bases=(first,))
    assert report.new_bytes <= 2 * 4 * MIB
    assert read_back(remote, {b"": edited}) == {b"": edited}


def test_tables_of_packs_find_chunks_of_others(remote: Remote) -> None:
    files = small(500)
    push(remote, files)
    other = {b"elsewhere/" + path: content for path, content in files.items()}
    opened: list[bytes] = []
    _, report = push(remote, other, expected=100 * MIB, opened=opened)
    assert (report.packs, report.new_chunks) == (0, 0)
    assert len(opened) == len(files)
    assert read_back(remote, other) == other


def test_tables_are_not_read_when_that_does_not_pay(remote: Remote, asked: Statistics) -> None:
    push(remote, small(500))
    before = asked.snapshot().requests
    push(remote, {b"x": b"one"}, expected=3)
    assert asked.snapshot().requests - before == 4  # two LISTs, a pack, a manifest


def test_equal_files_are_stored_once_and_read_once(remote: Remote) -> None:
    content = random.Random(8).randbytes(MIB)
    opened: list[bytes] = []
    _, report = push(remote, {b"a": content, b"b": content, b"c": content}, opened=opened)
    assert opened == [b"a"]
    assert report.new_bytes == MIB
    assert (report.files, report.read_files, report.same_files) == (3, 1, 2)


def test_what_is_condemned_is_stored_again(remote: Remote) -> None:
    files = small(10)
    first, _ = push(remote, files)
    (key,) = objects(remote, PACKS)
    pack = parse_pack_key(key)
    assert pack is not None
    condemn(remote, [pack.id], 0)
    remote.put(CONDEMNED + ".keep", b"")  # somebody else's
    more = {**files, b"more": b"!"}
    _, report = push(remote, more, bases=(first,), expected=MIB)
    assert report.new_chunks == 11
    remote.delete([key])
    assert read_back(remote, more) == more


def test_what_the_remote_lost_is_stored_again(remote: Remote) -> None:
    files = small(10)
    first, _ = push(remote, files)
    remote.delete(objects(remote, PACKS))
    more = {**files, b"more": b"!"}
    push(remote, more, bases=(first,), expected=MIB)
    assert read_back(remote, more) == more


def test_pushing_again_heals_a_damaged_pack(remote: Remote) -> None:
    files = small(10)
    push(remote, files)
    (key,) = objects(remote, PACKS)
    remote.put(key, b"cut short")
    store = PackedRemote(remote)
    with Pusher(store, learn_packs(store, expected=MIB), replace=True) as pusher:
        pusher.add(pointer_of(files), items_of(files))
        pusher.finish()
    assert read_back(remote, files) == files


@pytest.mark.parametrize("wrong", [b"other", b"longer than it was"])
def test_a_file_that_changed_is_refused(remote: Remote, wrong: bytes) -> None:
    files = {b"a": b"right", b"b": b"12345"}
    items = items_of(files)
    items[1] = items[1]._replace(open=lambda: io.BytesIO(wrong))
    store = PackedRemote(remote)
    pusher = Pusher(store, learn_packs(store, expected=0))
    with pytest.raises(ContentMismatch, match="'b' has other bytes"), pusher:
        pusher.add(pointer_of(files), items)
    with pytest.raises(ObjectMissing):
        store.manifest(pointer_of(files))


def test_other_files_than_the_pointer_names_are_refused(remote: Remote) -> None:
    store = PackedRemote(remote)
    with Pusher(store, learn_packs(store, expected=0)) as pusher:
        with pytest.raises(FormatError, match="not those it names"):
            pusher.add(pointer_of({b"a": b"1", b"b": b"2"}), items_of({b"a": b"1"}))
        with pytest.raises(FormatError, match="is not behind"):
            pusher.add(
                pointer_of({b"a": b"1", b"b": b"2"}), items_of({b"a": b"1", b"b": b"2"})[::-1]
            )


def test_an_interrupted_push_goes_on(remote: Remote) -> None:
    """Packs that arrived are not sent again, and nothing names those that did not."""
    files = small(4000)
    with pytest.raises(RemoteUnavailable):
        push(_Failing(remote, puts=5), files)
    arrived = objects(remote, PACKS)
    assert len(arrived) >= 4
    assert not objects(remote, "packed-1/manifests/")
    _, report = push(remote, files, expected=12 * MIB)
    assert report.new_bytes <= 12 * MIB - (len(arrived) - 1) * (MIB - 3000)
    assert read_back(remote, files) == files


def test_two_pushers_at_once(tmp_path: Path) -> None:
    (tmp_path / "remote").mkdir()
    files, other = small(1000), {**small(1000), b"more": b"x"}
    remotes = [open_remote(RemoteSpec("test", str(tmp_path / "remote"))) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(push, r, f) for r, f in zip(remotes, [files, other] * 2, strict=True)]
        for one in work:
            one.result()
    assert read_back(remotes[0], files) == files
    assert read_back(remotes[0], other) == other


def test_many_pointers_share_packs(remote: Remote) -> None:
    store = PackedRemote(remote)
    contents = [random.Random(n).randbytes(500) for n in range(50)]
    with Pusher(store, learn_packs(store, expected=0)) as pusher:
        for content in contents:
            pusher.add(pointer_of({b"": content}), items_of({b"": content}))
        report = pusher.finish()
    assert report.packs == 1
    for content in contents:
        assert read_back(remote, {b"": content}) == {b"": content}


class _Failing(StatisticsRemote):
    """A remote whose puts fail after some."""

    def __init__(self, inner: Remote, puts: int) -> None:
        super().__init__(inner, Statistics(), jobs=1)
        self._puts = puts

    def put(self, key: str, body: bytes | BinaryIO, *, if_absent: bool = False) -> bool:
        if self._puts <= 0:
            raise RemoteUnavailable("the server is gone")
        self._puts -= 1
        return super().put(key, body, if_absent=if_absent)
