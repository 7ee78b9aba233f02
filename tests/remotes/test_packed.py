"""The packed layout on real S3 servers: pushing, a second version, reading by range and in bulk."""

import random
from contextlib import closing
from pathlib import Path

import pytest

from tests.remotes.conftest import OpenS3
from vfs.packed import Located, PackedPlace, PackedRemote, PackReader, read_files
from vfs.remotes import Remote
from vfs.remotes.base import read_body
from vfs.testing.packed import pointer_of, push
from vfs.testing.s3_servers import S3Server

MIB = 1 << 20


def check(remote: Remote, scratch: Path) -> None:
    made = random.Random(3)
    files = {b"d/%04d" % n: made.randbytes(8000) for n in range(500)}
    files[b"large"] = made.randbytes(6 * MIB)
    files[b"none"] = b""
    first, _ = push(remote, files, pack_bytes=2 * MIB)
    changed = {**files, b"d/0007": b"changed", b"large": files[b"large"] + b"appended"}
    opened: list[bytes] = []
    second, report = push(remote, changed, bases=(first,), opened=opened)
    assert opened == [b"d/0007", b"large"]
    assert report.new_bytes <= 4 * MIB + 7 + 8
    store = PackedRemote(remote)
    assert store.present([first, second, pointer_of({})]) == {first, second}
    for pointer, content in ((first, files), (second, changed)):
        manifest = store.manifest(pointer)
        found = {path: bytearray(len(data)) for path, data in content.items()}
        for piece in read_files(remote, manifest.root.packs, manifest.files()):
            whole = found[piece.file.path]
            whole[piece.offset : piece.offset + len(piece.data)] = piece.data
        assert found == content
    with closing(PackReader(remote, scratch)) as reader:
        for path in (b"d/0007", b"d/0008", b"large"):
            file = manifest.find(path)
            assert file is not None
            place = PackedPlace(reader, "test", Located(manifest.root.packs, file.chunks))
            tail = read_body(place.get(file.size - 7, 7), 7)
            assert tail == changed[path][-7:]


def test_ministack(ministack: S3Server, open_s3: OpenS3, tmp_path: Path) -> None:
    check(open_s3(ministack), tmp_path)


@pytest.mark.s3
def test_ceph(rgw: S3Server, open_s3: OpenS3, tmp_path: Path) -> None:
    check(open_s3(rgw), tmp_path)
