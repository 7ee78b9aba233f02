"""Writing pointers; `tests/tracking` compares with files that the real dvc writes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfs.errors import FormatError
from vfs.formats import yaml12
from vfs.formats.pointer import parse_pointer
from vfs.formats.pointer_text import (
    Described,
    edited_pointer,
    moved_pointer,
    new_pointer,
    stage_md5,
    without_out,
)
from vfs.types import Algorithm, Digest

A = Digest(Algorithm.MD5, bytes.fromhex("b1946ac92492d2347c6235b4d2611184"))
LEGACY = Digest(Algorithm.MD5_DOS2UNIX, A.value)

IMPORT = b"""\
md5: dab0c150acf5d8c02c492760c3cf0aed
frozen: true
deps:
- path: data/a
  repo:
    url: ../g1
    rev: master
    rev_lock: 190ea21598c7ec8a14569a2982673109a5141098
outs:
- md5: 20f9bbba7c255364b82cf017b49d6257.dir
  size: 9
  nfiles: 3
  hash: md5
  path: da
"""
IMPORT_URL = b"""\
md5: 0c3ee1c53c338cf72588ed13180b9c13
frozen: true
deps:
- md5: 58dcca97b20ddec548fee41a8475694f.dir
  size: 9
  nfiles: 3
  hash: md5
  path: ../g1/data/b
outs:
- md5: 58dcca97b20ddec548fee41a8475694f.dir
  size: 9
  nfiles: 3
  hash: md5
  path: ib
"""


def test_bytes_of_dvc() -> None:
    head = b"outs:\n- md5: b1946ac92492d2347c6235b4d2611184"
    assert (
        new_pointer("a.txt", Described(A, size=6))
        == head + b"\n  size: 6\n  hash: md5\n  path: a.txt\n"
    )
    assert new_pointer("run", Described(A, size=6, executable=True), "why") == (
        head + b"\n  size: 6\n  isexec: true\n  hash: md5\n  path: run\n  desc: why\n"
    )
    assert new_pointer("d", Described(A, True, None, 5)) == (
        head + b".dir\n  nfiles: 5\n  hash: md5\n  path: d\n"
    )
    assert new_pointer("old", Described(LEGACY, size=6)) == head + b"\n  size: 6\n  path: old\n"


@settings(deadline=None)
@given(
    path=st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1),
    size=st.none() | st.integers(0, 1 << 60),
    tree=st.booleans(),
)
def test_what_is_written_is_read_again(path: str, size: int | None, tree: bool) -> None:
    """As text the path is the same; what is refused as a path is refused for that reason only."""
    nfiles = 3 if tree else None
    written = new_pointer(path, Described(A, tree, size, nfiles, not tree))
    document = yaml12.load(written, file="x.dvc", text_keys=frozenset({"path", "md5"}))
    assert isinstance(document, dict)
    assert document["outs"][0]["path"] == path
    for out in parse_pointer(written, b"x.dvc").outs:
        assert (out.digest, out.is_tree, out.size, out.nfiles) == (A, tree, size, nfiles)
        assert out.executable is not tree


def test_what_does_not_describe_the_content_stays() -> None:
    old = b"""\
# above
outs:
- md5: 00000000000000000000000000000000  # the hash
  size: 1
  path: x
  cache: true
  meta: {who: me}
  version_id: v
desc: all of it
"""
    new = edited_pointer(old, b"d/y.dvc", b"d/x", Described(A, size=6))
    text = new.decode()
    assert "# above" in text
    assert "# the hash" in text
    assert "version_id" not in text
    assert "meta: {who: me}" in text
    assert text.index("hash: md5") > text.index("meta")  # new keys go to the end, as DVC does it
    with pytest.raises(FormatError, match="no output"):
        edited_pointer(old, b"d/y.dvc", b"d/z", Described(A))
    with pytest.raises(FormatError, match="YAML"):
        edited_pointer(b"a: [", b"y.dvc", b"x", Described(A))


@pytest.mark.parametrize("data", [IMPORT, IMPORT_URL])
def test_checksums_of_imports(data: bytes) -> None:
    document = yaml12.load(data, file="x.dvc")
    assert isinstance(document, dict)
    assert stage_md5(document) == document["md5"]


def test_moved() -> None:
    plain = new_pointer("x", Described(A, size=6))
    assert b"path: y" in moved_pointer(plain, b"x.dvc", b"x", b"sub/y.dvc", b"sub/y")
    assert b"path: sub/y" in moved_pointer(plain, b"x.dvc", b"x", b"x.dvc", b"sub/y")
    wdir = plain.replace(b"outs:", b"wdir: ..\nouts:")
    assert b"path: ../y" in moved_pointer(wdir, b"a/b/x.dvc", b"a/x", b"a/b/x.dvc", b"y")
    moved = moved_pointer(wdir, b"a/b/x.dvc", b"a/x", b"y.dvc", b"y")
    assert b"wdir" not in moved
    url = moved_pointer(IMPORT_URL, b"sub/ib.dvc", b"sub/ib", b"ib.dvc", b"ib")
    assert b"path: g1/data/b\n" in url
    assert b"0c3ee1c5" not in url


def test_the_last_out_takes_the_file_with_it() -> None:
    two = new_pointer("x", Described(A)) + b"- md5: 00000000000000000000000000000000\n  path: y\n"
    one = without_out(two, b"p.dvc", b"x")
    assert one is not None
    assert b"path: y" in one
    assert without_out(one, b"p.dvc", b"y") is None
