"""What every remote must do: one class of tests, run against each driver.

A test module subclasses `RemoteSuite` and gives the fixture `remote`: an empty remote, alone in its
directory or bucket, and `stranger`: the same place for somebody whom it does not know.
"""

import hashlib
import io
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from vfs.errors import (
    AccessDenied,
    ObjectChanged,
    ObjectMissing,
    RemoteUnavailable,
    UnsafePath,
    Unsupported,
)
from vfs.remotes.base import Body, Remote, read_body
from vfs.remotes.times import clock_of

DATA = random.Random(1).randbytes(300_000)
ODD_KEYS = [
    "a b+c&d=e?f#g%20.txt",
    "grüße/日本語/😀",
    "quote'\"<>&;/tilde~star*paren()",
    "back\\slash/semi;colon,comma",
    " leading and trailing /space ",
    "..dots/...more/.hidden",
    "line\nbreak/tab\there",
    "files/md5/ab/cdef0123456789.dir",
    "long/" + "x" * 255,
]
UNSAFE_KEYS = [
    "",
    "/a",
    "a/",
    "a//b",
    "../a",
    "a/../b",
    "a/./b",
    ".",
    "a\0b",
    "a/..",
    "\udcff",
    "x" * 1025,
]


def fetch(remote: Remote, key: str, start: int = 0, length: int | None = None) -> bytes:
    with remote.get(key, start, length) as body:
        return bytes(read_body(body, body.size + 1))


def drain(body: Body, step: int) -> bytes:
    pieces = []
    buffer = bytearray(step)
    while count := body.readinto(buffer):
        pieces.append(bytes(buffer[:count]))
    return b"".join(pieces)


class Interrupted(BaseException):
    """As a KeyboardInterrupt in the middle of an upload."""


class Interrupting(io.BytesIO):
    """A file whose reader is interrupted before its last bytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() + (len(self.getbuffer()) if size in (None, -1) else size or 0) >= len(
            self.getbuffer()
        ):
            raise Interrupted
        return super().read(size)


class RemoteSuite:
    """The contract.

    Attributes:
        conditional: the server itself decides `if_absent`.
        lists, deletes: what plain HTTP has no words for.
        precise: an object that was replaced within the same second by one of its size has another validator.
        many: keys of the largest listing.
        big: bytes of an object that is sent in parts, where the store knows such.
        unstorable: a character that no key on this store may hold.
        version: an id that the store could have given to a version.
    """

    conditional = True
    lists = True
    deletes = True
    precise = True
    many = 2_100  # three pages of S3
    big = (32 << 20) + 12_345
    unstorable = "\0"
    version = "no-such-version"

    @pytest.fixture
    def stranger(self) -> Remote:
        pytest.skip("this place asks nobody who he is")

    def fill(self, remote: Remote, keys: Sequence[str]) -> None:
        """Store each key as its own content."""
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda key: remote.put(key, key.encode()), keys))

    def listed(self, remote: Remote, prefix: str = "") -> list[tuple[str, int]]:
        """Sorted keys and sizes; a place that cannot list says so."""
        if not self.lists:
            with pytest.raises(Unsupported):
                list(remote.list(prefix))
            pytest.skip("this place cannot be listed")
        return sorted((info.key, info.size) for info in remote.list(prefix))

    def test_may_be_prepared_at_any_time(self, remote: Remote) -> None:
        remote.prepare()
        remote.put("k", b"v")
        remote.prepare()
        assert bytes(read_body(remote.get("k"), 1)) == b"v"

    def test_what_was_put_is_read(self, remote: Remote) -> None:
        assert remote.put("a/b", DATA) is True
        assert fetch(remote, "a/b") == DATA

    def test_empty_object(self, remote: Remote) -> None:
        remote.put("e", b"")
        assert fetch(remote, "e") == b""
        assert remote.head("e").size == 0
        assert fetch(remote, "e", 0, 10) == b""

    @pytest.mark.parametrize(
        ("start", "length"),
        [
            (0, 1), (0, 4096), (1, None), (4095, 2), (131_072, 65_536), (299_999, 1),
            (299_999, 100), (299_999, None), (0, 300_000), (0, 300_001), (100, 10**12),
        ],
    )  # fmt: skip
    def test_range(self, remote: Remote, start: int, length: int | None) -> None:
        remote.put("k", DATA)
        expected = DATA[start:] if length is None else DATA[start : start + length]
        with remote.get("k", start, length) as body:
            assert body.size == len(DATA)
            assert drain(body, 50_000) == expected

    @pytest.mark.parametrize(
        ("start", "length"), [(300_000, None), (300_000, 5), (10**12, 1), (0, 0), (7, 0)]
    )
    def test_range_without_bytes(self, remote: Remote, start: int, length: int | None) -> None:
        remote.put("k", DATA)
        with remote.get("k", start, length) as body:
            assert body.size == len(DATA)
            assert body.readinto(bytearray(10)) == 0

    def test_reads_in_odd_steps(self, remote: Remote) -> None:
        remote.put("k", DATA)
        with remote.get("k", 3, 100_000) as body:
            assert drain(body, 977) == DATA[3:100_003]
            assert body.readinto(bytearray(1)) == 0

    def test_readinto_fills_views_and_empty_buffers(self, remote: Remote) -> None:
        remote.put("k", b"0123456789")
        target = bytearray(b"." * 8)
        with remote.get("k") as body:
            assert body.readinto(bytearray()) == 0
            got = body.readinto(memoryview(target)[2:6])
            assert target == b".." + b"0123456789"[:got] + b"." * (6 - got)
            assert drain(body, 64) == b"0123456789"[got:]

    def test_missing(self, remote: Remote) -> None:
        remote.put("there/is", b"1")
        for key in ("nothing", "there", "there/is/not", "there/isn't"):
            with pytest.raises(ObjectMissing) as caught:
                remote.get(key)
            assert key in str(caught.value)
            with pytest.raises(ObjectMissing):
                remote.head(key)
            with pytest.raises(ObjectMissing):
                remote.get(key, 5, 5)

    def test_head(self, remote: Remote) -> None:
        remote.put("a/b", DATA)
        info = remote.head("a/b")
        assert (info.key, info.size) == ("a/b", len(DATA))
        assert info.etag
        listed = next(iter(remote.list("a/b"))).modified if self.lists else time.time()
        assert 0 <= listed - info.modified < 60
        with remote.get("a/b") as body:
            assert body.etag == info.etag

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_odd_key(self, remote: Remote, key: str) -> None:
        if self.unstorable in key:
            with pytest.raises(UnsafePath):
                remote.put(key, b"")
            return
        remote.put(key, key.encode())
        assert fetch(remote, key, 1) == key.encode()[1:]
        assert dict(remote.heads([key]))[key] is not None
        assert self.listed(remote) == [(key, len(key.encode()))]
        remote.delete([key])
        assert self.listed(remote) == []

    @pytest.mark.parametrize("key", UNSAFE_KEYS)
    def test_unsafe_key_is_refused_everywhere(self, remote: Remote, key: str) -> None:
        calls: list[Callable[[], object]] = [
            lambda: remote.get(key),
            lambda: remote.head(key),
            lambda: remote.put(key, b"x"),
            lambda: remote.delete([key]),
            lambda: list(remote.heads([key])),
        ]
        for call in calls:
            with pytest.raises(UnsafePath):
                call()

    def test_overwrite(self, remote: Remote) -> None:
        remote.put("k", b"old old old")
        remote.put("k", b"new")
        assert fetch(remote, "k") == b"new"

    def test_put_from_a_file(self, remote: Remote) -> None:
        stream = io.BytesIO(b"skipped" + DATA)
        stream.seek(7)
        remote.put("k", stream)
        assert hashlib.md5(fetch(remote, "k")).digest() == hashlib.md5(DATA).digest()

    def test_put_if_absent(self, remote: Remote) -> None:
        assert remote.put("k", b"first", if_absent=True) is True
        assert remote.put("k", io.BytesIO(b"second"), if_absent=True) is False
        assert fetch(remote, "k") == b"first"

    def test_of_many_racers_one_wins(self, remote: Remote) -> None:
        start = threading.Barrier(8)

        def race(number: int) -> bool:
            start.wait()
            return remote.put("k", b"%d" % number, if_absent=True)

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(race, range(8)))
        if self.conditional:
            assert won.count(True) == 1
            assert fetch(remote, "k") == b"%d" % won.index(True)
        assert True in won

    def test_an_object_of_many_parts(self, remote: Remote) -> None:
        data = random.Random(3).randbytes(self.big)
        remote.put("big", b"old")
        assert remote.put("big", io.BytesIO(data)) is True
        assert hashlib.md5(fetch(remote, "big")).digest() == hashlib.md5(data).digest()
        assert fetch(remote, "big", (32 << 20) - 5, 10) == data[(32 << 20) - 5 : (32 << 20) + 5]
        assert remote.put("big", io.BytesIO(data), if_absent=True) is False
        assert remote.put("bigger", io.BytesIO(data), if_absent=True) is True
        assert remote.head("bigger").size == len(data)

    @pytest.mark.parametrize("size", ["small", "big"])
    def test_an_interrupted_upload_leaves_nothing_visible(self, remote: Remote, size: str) -> None:
        data = DATA if size == "small" else b"." * self.big
        remote.put("old", b"content")
        for key, if_absent in (("old", False), ("new", False), ("new", True)):
            with pytest.raises(Interrupted):
                remote.put(key, Interrupting(data), if_absent=if_absent)
        assert fetch(remote, "old") == b"content"
        with pytest.raises(ObjectMissing):
            remote.head("new")
        assert self.listed(remote) == [("old", 7)]

    def test_wrong_credentials(self, stranger: Remote) -> None:
        calls: list[Callable[[], object]] = [
            lambda: stranger.get("k"),
            lambda: stranger.head("k"),
            lambda: stranger.put("k", b"x"),
            lambda: stranger.put("k", b"x", if_absent=True),
        ]
        if self.lists:
            calls.append(lambda: list(stranger.list()))
        for call in calls:
            with pytest.raises(AccessDenied) as caught:
                call()
            assert caught.value.hint
            assert "SECRET" not in str(caught.value)

    def test_delete(self, remote: Remote) -> None:
        if not self.deletes:
            with pytest.raises(Unsupported):
                remote.delete(["a"])
            pytest.skip("nothing can be deleted here")
        for key in ("a", "b/c", "b/d"):
            remote.put(key, b"1")
        remote.delete(iter(["a", "b/c", "never/was"]))
        remote.delete([])
        assert [info.key for info in remote.list()] == ["b/d"]

    def test_list_by_prefix(self, remote: Remote) -> None:
        keys = ["a", "aa", "ab/c", "ab/d/e", "abc", "b/a"]
        for number, key in enumerate(keys):
            remote.put(key, b"x" * number)
        assert self.listed(remote) == list(zip(keys, range(6), strict=True))
        if self.lists:
            assert all(abs(time.time() - info.modified) < 3600 for info in remote.list())
            assert abs(time.time() - clock_of(remote, "x/clock")) < 3600
        for prefix in ("a", "ab", "ab/", "ab/d", "ab/d/", "b", "zz", "ab/d/e", "ab/d/e/"):
            found = sorted(info.key for info in remote.list(prefix))
            assert found == [key for key in keys if key.startswith(prefix)], prefix

    def test_list_is_ordered_and_continues(self, remote: Remote) -> None:
        # A file and a directory of one name need an object store, so there is no "a".
        for key in ("a!", "a b", "a-b", "a.b/x", "a/b/--/c", "a0", "ä", "z"):
            remote.put(key, b"")
        self.listed(remote)
        expected = sorted((info.key for info in remote.list()), key=str.encode)
        assert [info.key for info in remote.list()] == expected
        for number, key in enumerate(expected):
            assert [info.key for info in remote.list(after=key)] == expected[number + 1 :]

    def test_list_of_nothing(self, remote: Remote) -> None:
        assert self.listed(remote) == []
        assert list(remote.list("a/../../etc/")) == []
        assert list(remote.list("nothing/")) == []

    def test_list_and_heads_of_many(self, remote: Remote) -> None:
        keys = [f"files/md5/{number % 97:02x}/{number:05d}" for number in range(self.many)]
        self.fill(remote, keys)
        wanted = [*keys[:50], "missing"]
        found = dict(remote.heads(wanted))
        assert found.keys() == set(wanted)
        assert found["missing"] is None
        assert all(found[key].size == len(key) for key in keys[:50])  # type: ignore[union-attr]
        assert self.listed(remote) == sorted((key, len(key)) for key in keys)
        remote.delete(keys[:50])
        assert [info.key for info in remote.list("files/md5/")] == sorted(keys[50:])

    def test_object_that_was_replaced(self, remote: Remote) -> None:
        remote.put("k", DATA)
        etag = remote.head("k").etag
        assert fetch_pinned(remote, etag) == DATA[10:20]
        remote.put("k", DATA[::-1] if self.precise else DATA[:-1])
        for start, length in ((10, 10), (0, None), (0, 0), (10**9, 1)):
            with pytest.raises(ObjectChanged):
                remote.get("k", start, length, etag=etag)

    def test_unknown_version(self, remote: Remote) -> None:
        remote.put("k", b"1")
        with pytest.raises(ObjectMissing):
            remote.get("k", version=self.version)

    def test_body_left_early(self, remote: Remote) -> None:
        remote.put("k", DATA)
        for _ in range(40):  # more than any pool or limit
            with remote.get("k") as body:
                body.readinto(bytearray(10))
            body.close()
        assert fetch(remote, "k") == DATA

    def test_reading_a_closed_body(self, remote: Remote) -> None:
        remote.put("k", DATA)
        body = remote.get("k")
        body.readinto(bytearray(10))
        body.close()
        with pytest.raises(RemoteUnavailable):
            body.readinto(bytearray(10))

    def test_many_threads(self, remote: Remote) -> None:
        remote.put("k", DATA)

        def read(number: int) -> bool:
            start = number * 5003 % len(DATA)
            return fetch(remote, "k", start, 20_000) == DATA[start : start + 20_000]

        with ThreadPoolExecutor(24) as pool:
            assert all(pool.map(read, range(240)))

    def test_label_and_messages_hold_no_credentials(self, remote: Remote) -> None:
        assert "SECRET" not in remote.url + repr(remote)
        with pytest.raises(ObjectMissing) as caught:
            remote.head("missing")
        assert "SECRET" not in str(caught.value)


def fetch_pinned(remote: Remote, etag: str) -> bytes:
    with remote.get("k", 10, 10, etag=etag) as body:
        return drain(body, 100)
