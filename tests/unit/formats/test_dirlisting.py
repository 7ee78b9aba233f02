"""`.dir` listings: canonical bytes, any other spelling, garbage."""

import hashlib
import io
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.core.paths import check_listed
from vfs.errors import FormatError, UnsafePath
from vfs.formats.dirlisting import ListingEntry, dump_listing, iter_listing
from vfs.testing.variants import soak
from vfs.types import Algorithm, Digest, Problem

MD5 = "b1946ac92492d2347c6235b4d2611184"
# Written by DVC 3.67.1; its MD5 is the directory's name there.
REAL = (
    b'[{"md5": "d41d8cd98f00b204e9800998ecf8427e", "relpath": "emptyfile"}, '
    b'{"md5": "acbd18db4cc2f85cedef654fccc4a4d8", "relpath": "foo"}, '
    b'{"md5": "37b51d194a7513e45b56f6524f2d51f2", "relpath": "sub/b ar"}, '
    b'{"md5": "16151ff14c884e2d18c9903202288ba0", "relpath": "sub/z"}, '
    b'{"md5": "9dd4e461268c8034f5c8564e155c67a6", "relpath": "\\u00fcn\\u00ef"}]'
)
REAL_MD5 = "faba209ae9877f90467788c44f6a67c2"


def read(data: bytes, algorithm: Algorithm = Algorithm.MD5) -> list[ListingEntry | Problem]:
    return list(iter_listing(data, file="ab.dir", algorithm=algorithm))


def entry(path: bytes, md5: str = MD5, size: int | None = None) -> ListingEntry:
    return ListingEntry(path, Digest(Algorithm.MD5, bytes.fromhex(md5)), size)


def pairs(entries: list[ListingEntry | Problem]) -> list[tuple[bytes, Digest]]:
    return [(e.path, e.digest) for e in entries if isinstance(e, ListingEntry)]


def test_real_listing() -> None:
    entries = read(REAL)
    assert entries[0] == entry(b"emptyfile", "d41d8cd98f00b204e9800998ecf8427e")
    assert [e.path for e in entries] == [
        b"emptyfile",
        b"foo",
        b"sub/b ar",
        b"sub/z",
        "ünï".encode(),
    ]
    assert all(type(e) is ListingEntry and type(e.digest) is Digest for e in entries)
    assert hashlib.md5(REAL).hexdigest() == REAL_MD5
    assert dump_listing(reversed(pairs(entries))) == REAL


def test_empty_directory() -> None:
    assert read(b"[]") == []
    assert read(b" [\n]\n") == []
    assert dump_listing([]) == b"[]"
    assert hashlib.md5(b"[]").hexdigest() == "d751713988987e9331980363e24189ce"


def test_algorithm_is_that_of_the_out() -> None:
    (found,) = read(dump_listing(pairs([entry(b"a")])), Algorithm.MD5_DOS2UNIX)
    assert isinstance(found, ListingEntry)
    assert found.digest.algorithm is Algorithm.MD5_DOS2UNIX


def test_order_is_by_code_point() -> None:
    names = ["a", "a b", "a-d/x", "a.b", "a.d/x", "a/b", "é", "\uffff", "😀"]
    data = dump_listing(pairs([entry(name.encode()) for name in reversed(names)]))
    assert [json.loads(data)[i]["relpath"] for i in range(len(names))] == names
    assert rb"\ud83d\ude00" in data


@pytest.mark.parametrize(
    "data",
    [
        f'[{{"md5":"{MD5}","relpath":"a"}},{{"md5":"{MD5}","relpath":"b/c"}}]',
        f' [ {{ "relpath" : "a" , "md5" : "{MD5}" }} ,\n\t{{"relpath": "b/c", "md5": "{MD5}"}} ] \n',
        f'[{{"md5": "{MD5}", "relpath": "a"}},\n{{"md5": "{MD5}", "relpath": "b/c"}}]',
        f'[{{"md5": "{MD5}", "relpath": "a"}}, {{"md5": "{MD5}", "relpath": "b/c"}} ]',
        f'[{{"md5": "{MD5}", "relpath": "a"}}, {{"md5": "{MD5}", "relpath": "b/c"}}]\n',
        f'[{{"md5": "{MD5.upper()}", "relpath": "\\u0061"}}, {{"md5": "{MD5}", "relpath": "b\\/c"}}]',
        f'[{{"md5": "{MD5}", "relpath": "a", "x": {{"y": [1]}}}}, {{"md5": "{MD5}", "relpath": "b/c"}}]',
    ],
)
def test_other_spellings(data: str) -> None:
    assert read(data.encode()) == [entry(b"a"), entry(b"b/c")]


def test_sizes_are_read_where_they_are_sound() -> None:
    rows = [
        {"md5": MD5, "relpath": f"f{i}", "size": size}
        for i, size in enumerate([5, -1, True, "x", 2**70])
    ]
    assert [e.size for e in read(json.dumps(rows).encode()) if isinstance(e, ListingEntry)] == [
        5,
        None,
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    "relpath",
    ["", ".", "..", "a/../b", "/a", "a/", "a//b", "./a", ".git/hooks/x", "a/.GIT", "git~1", ".dvc/config",
     "a\0b", "x" * 256, "a/" * 2500 + "b", "\ud800", "a/.dvc"],
)  # fmt: skip
@pytest.mark.parametrize("canonical", [True, False])
def test_dangerous_paths_are_problems_and_the_rest_stays(relpath: str, canonical: bool) -> None:
    rows = [{"md5": MD5, "relpath": name} for name in ("a1", relpath, "z1")]
    separators = (", ", ": ") if canonical else (",", ":")
    first, bad, last = read(json.dumps(rows, separators=separators).encode())
    assert (first, last) == (entry(b"a1"), entry(b"z1"))
    assert isinstance(bad, Problem)
    assert bad.code == "unsafe-path"
    assert bad.message.startswith("ab.dir: ")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"relpath": "a"}, "'a': expected an md5, found None"),
        ({"relpath": "a", "etag": "x"}, "found an ETag instead"),
        ({"relpath": "a", "md5": "abc"}, "expected an md5, found 'abc'"),
        ({"relpath": "a", "md5": MD5 + "\n"}, "expected an md5"),
        ({"relpath": "a", "md5": MD5 + ".dir"}, "expected an md5"),
        ({"relpath": "a", "md5": 5}, "expected an md5"),
        ({"md5": MD5}, "no relpath"),
        ({"md5": MD5, "relpath": ["a"]}, "no relpath, found a list"),
    ],
)
def test_bad_entries_are_problems(row: Any, message: str) -> None:
    found = read(json.dumps([row, {"md5": MD5, "relpath": "b"}]).encode())
    assert isinstance(found[0], Problem)
    assert message in found[0].message
    assert found[1] == entry(b"b")


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{}", b"null", b"[1]", b"[[]]", b'["a"]', b"garbage", b"\xff\xfe", b"[", b"[,]", b"]", b"[][]",
        REAL[:-1], REAL[:-2], REAL[:100], REAL + b"x", REAL + b"]", REAL[:-1] + b", ]", REAL[:-1] + b",]",
        REAL.replace(b"}, {", b"} {", 1), REAL.replace(b"[", b"", 1), b"\xef\xbb\xbf" + REAL,
        REAL[:-1] + b', {"md5": "\xff"}]', b"[" * 100_000, b'[{"a":' * 100_000, b"[" + b"9" * 10_000 + b"]",
        REAL.replace(b"foo", b"f\xffo"), REAL.replace(b"foo", b"f\\xo"), REAL.replace(b"foo", b"f\no"),
    ],
)  # fmt: skip
def test_garbage(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"ab\.dir: ") as raised:
        read(data)
    assert len(raised.value.message) < 400


def test_dump_refuses_what_dvc_cannot_read() -> None:
    with pytest.raises(UnsafePath):
        dump_listing([(b"../a", entry(b"a").digest)])
    with pytest.raises(FormatError, match="no UTF-8"):
        dump_listing([(b"\xff", entry(b"a").digest)])


def test_memory_does_not_grow_with_the_listing() -> None:
    """Both paths hold one entry at a time and a part of the text."""
    rows = b", ".join(
        b'{"md5": "%s", "relpath": "d%03d/file_%06d.jpg"}' % (MD5.encode(), i % 1000, i)
        for i in range(50_000)
    )
    canonical = b"[" + rows + b"]"
    other = b"[ " + rows + b"]"
    for data in (canonical, other):
        file = io.BytesIO(data)
        tracemalloc.start()
        count = sum(1 for _ in iter_listing(file, file="x"))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == 50_000
        assert peak < 1_500_000 < len(data) / 2


@pytest.mark.parametrize("separators", [(", ", ": "), soak((",", ":")), (" ,\n", " : ")])
def test_entries_at_the_edges_of_what_is_read_at_once(separators: tuple[str, str]) -> None:
    for shift in range(0, 120, 7):
        names = [f"d{'x' * shift}ü/{n:05d}" for n in range(5000)]
        rows = [{"md5": MD5, "relpath": name} for name in names]
        for ascii_only in (True, False):
            data = json.dumps(rows, separators=separators, ensure_ascii=ascii_only).encode()
            assert [e.path.decode() for e in read(data)] == names


def test_an_endless_entry_is_refused() -> None:
    for start in (b"[", b'[{"md5": "', REAL[:-1] + b', {"x": "'):
        with pytest.raises(FormatError, match="is no listing"):
            read(start + b"0" * (3 << 20))


_NAMES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=8),
    min_size=1,
    max_size=3,
).map("/".join)


@given(st.dictionaries(_NAMES, st.binary(min_size=16, max_size=16), max_size=8))
def test_round_trip_and_agreement_with_json(files: dict[str, bytes]) -> None:
    rows = [{"relpath": name, "md5": value.hex()} for name, value in files.items()]
    canonical = json.dumps(sorted(rows, key=lambda row: row["relpath"]), sort_keys=True).encode()
    found = read(canonical)
    assert sorted(map(repr, found)) == sorted(map(repr, read(json.dumps(rows, indent=1).encode())))
    good = [(e.path, e.digest) for e in found if isinstance(e, ListingEntry)]
    assert {path.decode(): digest.value for path, digest in good}.items() <= files.items()
    for e in found:
        if isinstance(e, ListingEntry):
            assert check_listed(e.path) == e.path
        else:
            with pytest.raises(UnsafePath):
                check_listed(e.path)
    if len(good) == len(files):
        assert dump_listing(good) == canonical


@given(st.binary(max_size=80), st.integers(0, len(REAL)), st.integers(0, len(REAL)))
def test_arbitrary_damage(junk: bytes, start: int, stop: int) -> None:
    for data in (junk, REAL[:start] + junk + REAL[stop:], b"[" + junk + b"]"):
        try:
            entries = read(data)
        except FormatError:
            continue
        assert isinstance(json.loads(data), list)
        assert len(entries) == len(json.loads(data))
