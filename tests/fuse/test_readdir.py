"""Directory listings: complete, without doubles, seekable, and stable while the version changes."""

import ctypes
import os
from collections.abc import Iterator

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory

pytestmark = pytest.mark.fuse

COUNT = 10_000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.opendir.restype = ctypes.c_void_p
_libc.opendir.argtypes = [ctypes.c_char_p]
_libc.telldir.restype = ctypes.c_long
_libc.telldir.argtypes = [ctypes.c_void_p]
_libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]
_libc.rewinddir.argtypes = [ctypes.c_void_p]
_libc.closedir.argtypes = [ctypes.c_void_p]
_libc.readdir.argtypes = [ctypes.c_void_p]


class _Dirent(ctypes.Structure):
    _fields_ = [  # type: ignore[mutable-override]
        ("d_ino", ctypes.c_ulong),
        ("d_off", ctypes.c_long),
        ("d_reclen", ctypes.c_ushort),
        ("d_type", ctypes.c_ubyte),
        ("d_name", ctypes.c_char * 256),
    ]


_libc.readdir.restype = ctypes.POINTER(_Dirent)


class Stream:
    """A directory stream of the C library, with positions."""

    def __init__(self, path: bytes) -> None:
        self.handle = _libc.opendir(path)
        assert self.handle, os.strerror(ctypes.get_errno())

    def __iter__(self) -> Iterator[bytes]:
        while entry := self.next():
            yield entry

    def next(self) -> bytes | None:
        while entry := _libc.readdir(self.handle):
            name = bytes(entry.contents.d_name)
            if name not in (b".", b".."):
                return name
        return None

    def tell(self) -> int:
        return int(_libc.telldir(self.handle))

    def seek(self, position: int) -> None:
        _libc.seekdir(self.handle, position)

    def rewind(self) -> None:
        _libc.rewinddir(self.handle)

    def close(self) -> None:
        _libc.closedir(self.handle)


@pytest.fixture(scope="module")
def mount(module_handmade: HandmadeRepository, module_mounts: MountFactory) -> Mount:
    same = module_handmade.put(b"the same content")
    names = [f"file-{number:06d}" for number in range(COUNT)]
    one = module_handmade.put_listing([{"md5": same, "relpath": name} for name in names])
    two = module_handmade.put_listing(
        [{"md5": same, "relpath": name.replace("file", "other")} for name in names]
    )
    for tag, oid in (("v1", one), ("v2", two)):
        text = f"outs:\n- md5: {oid}\n  nfiles: {COUNT}\n  hash: md5\n  path: big\n"
        config = {".dvc/config": module_handmade.config()}
        module_handmade.commit_raw(
            {**config, "big.dvc": text.encode(), "small/only": b"1"}, tag=tag
        )
    return module_mounts(module_handmade.root, "v1")


@pytest.fixture
def stream(mount: Mount) -> Iterator[Stream]:
    mount.switch("v1")
    opened = Stream(mount.raw + b"/big")
    yield opened
    opened.close()


def expected(prefix: str = "file") -> set[bytes]:
    return {f"{prefix}-{number:06d}".encode() for number in range(COUNT)}


def test_every_name_once(stream: Stream) -> None:
    found = list(stream)
    assert len(found) == COUNT
    assert set(found) == expected()


def test_dot_entries_and_types(mount: Mount) -> None:
    mount.switch("v1")
    with os.scandir(mount.path / "big") as entries:
        kinds = {entry.is_file(follow_symlinks=False) for entry in entries}
    assert kinds == {True}
    with os.scandir(mount.path) as entries:
        types = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
    assert types["big"] is True
    assert types["small"] is True
    assert types["big.dvc"] is False


def test_positions_can_be_returned_to(stream: Stream) -> None:
    positions, names = [stream.tell()], []
    for number, name in enumerate(stream):
        names.append(name)
        positions.append(stream.tell())
        if number == 5_000:
            break
    for index in (4_999, 0, 1, 37, 2_500, 4_321):
        stream.seek(positions[index])
        assert stream.next() == names[index]


def test_rewind_starts_again(stream: Stream) -> None:
    first = [stream.next() for _ in range(100)]
    stream.rewind()
    assert [stream.next() for _ in range(100)] == first


def test_listing_goes_on_across_a_switch(mount: Mount, stream: Stream) -> None:
    """No double and no name of neither version; every name is of v1 or of v2."""
    begun = [stream.next() for _ in range(3_000)]
    mount.switch("v2")
    rest = list(stream)
    found = [*begun, *rest]
    assert len(found) == len(set(found))
    assert set(found) <= expected() | expected("other")
    after = os.listdir(mount.raw + b"/big")
    assert set(after) == expected("other")


def test_two_streams_do_not_disturb_each_other(mount: Mount, stream: Stream) -> None:
    other = Stream(mount.raw + b"/big")
    left, right = [], []
    for _ in range(500):
        left.append(stream.next())
        right += [other.next(), other.next()]
    other.close()
    assert left == right[:500]


def test_a_file_cannot_be_listed(mount: Mount) -> None:
    with pytest.raises(NotADirectoryError):
        os.listdir(mount.path / "small" / "only")
