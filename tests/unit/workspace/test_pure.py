"""The decisions that need no repository: claims, notes, configuration of imports."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.formats.values import ImportSource, Out, Place
from vfs.types import Algorithm, Digest, Entry, Kind
from vfs.workspace.directory import _reordered
from vfs.workspace.ignore import parse_ignore
from vfs.workspace.import_refs import Base, nested
from vfs.workspace.origins import GitOrigin, LfsOrigin, Origins
from vfs.workspace.outs import Claim, settle
from vfs.workspace.stores import RemoteRef
from vfs.workspace.summary import (
    Contents,
    Mark,
    Marked,
    decode_contents,
    decode_names,
    encode_contents,
    encode_names,
    first_seen,
)
from vfs.workspace.versioned import digest_of

names = st.sampled_from([b"a", b"b", b"a-b", b"c"])
paths = st.lists(names, min_size=1, max_size=3).map(b"/".join)


def _few(name: bytes) -> bytes:
    """A name of few characters, around `/`."""
    return bytes(b"-.0a"[byte % 4] for byte in name)


digests = st.integers(0, 2).map(lambda n: Digest(Algorithm.MD5, bytes([n]) * 16))
claims = st.lists(
    st.builds(
        Claim,
        st.builds(Out, path=paths, digest=digests),
        st.sampled_from([b"x.dvc", b"y.dvc"]),
        st.none(),
    ),
    max_size=12,
)


@given(claims)
def test_what_is_served_never_overlaps_and_nothing_is_lost(some: list[Claim]) -> None:
    result = settle(some, [])
    served = [claim.out.path for claim in result.served]
    taken = served + [problem.path for problem in result.broken]
    assert len(set(taken)) == len(taken)
    for path in taken:
        for other in taken:
            assert not other.startswith(path + b"/")
    reported = {problem.path for problem in result.problems}
    for claim in some:
        assert claim.out.path in taken or claim.out.path in reported
    for problem in result.broken:
        rivals = {claim.out.digest for claim in some if claim.out.path == problem.path}
        assert len(rivals) > 1


@given(claims, st.randoms())
def test_the_order_of_pointers_does_not_matter(some: list[Claim], random: st.DataObject) -> None:
    shuffled = list(some)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, two = settle(some, []), settle(shuffled, [])
    assert [(c.out.path, c.out.digest) for c in one.served] == [
        (c.out.path, c.out.digest) for c in two.served
    ]
    assert [p.path for p in one.broken] == [p.path for p in two.broken]


marked = st.lists(
    st.builds(
        Marked, st.sampled_from(Mark), st.binary(max_size=300), st.binary(min_size=20, max_size=20)
    ),
    max_size=9,
).map(tuple)


@given(marked)
def test_names_notes_round_trip(some: tuple[Marked, ...]) -> None:
    assert decode_names(encode_names(some)) == some


@given(st.integers(-(1 << 62), 1 << 62), st.integers(0, 1 << 62), st.integers(0, 1 << 62), marked)
def test_contents_notes_round_trip(
    time: int, files: int, size: int, some: tuple[Marked, ...]
) -> None:
    contents = Contents(time, files, size, some)
    data = encode_contents(contents)
    assert decode_contents(data) == contents
    assert first_seen(data, 0) == time
    assert first_seen(data[:3], 7) == 7
    assert first_seen(None, 7) == 7


def test_origins_of_different_kinds_differ() -> None:
    origins = Origins()
    assert origins.number(GitOrigin("x")) != origins.number(LfsOrigin("x"))
    assert origins.number(GitOrigin("x")) == 0
    assert tuple(origins.all()) == (GitOrigin("x"), LfsOrigin("x"))


def test_an_imports_configuration_survives() -> None:
    config: dict[str, object] = {
        "core": {"remote": "a"},
        "remote": {"a": {"url": "s3://x", "region": "eu"}},
    }
    source = ImportSource("https://host/r", "data/", config=config, remote="A")
    ref = Base("/g", None).reference(source)
    assert nested(ref.config) == config
    assert ref.remote == "a"
    assert ref.path == b"data"
    adhoc = ImportSource("https://host/r", "", config=config, remote={"url": "/x"})
    ref = Base("/g", None).reference(adhoc)
    assert ref.remote is not None
    layer = nested(ref.config)["remote"]
    assert layer[ref.remote] == {"url": "/x"}
    assert "a" in layer


def test_ignore_lines() -> None:
    patterns = parse_ignore(b"# c\n\n  a/b  \n!x\n\\#y\ndir/\n/\n")
    assert [(p.by_name, p.directories_only, p.negated) for p in patterns] == [
        (False, False, False),
        (True, False, True),
        (True, False, False),
        (True, True, False),
    ]
    assert patterns[0].matches(b"a/b")
    assert patterns[2].matches(b"#y")


@given(st.dictionaries(st.binary(min_size=1, max_size=4).map(_few), st.booleans(), max_size=12))
def test_paths_in_order_become_names_in_order(directories: dict[bytes, bool]) -> None:
    by_path = sorted(directories, key=lambda name: name + b"/" * directories[name])
    kinds = {True: Kind.DIRECTORY, False: Kind.FILE}
    entries = (Entry(name, kinds[directories[name]]) for name in by_path)
    assert [entry.name for entry in _reordered(entries)] == sorted(directories)


@pytest.mark.parametrize(
    ("url", "options", "stranger"),
    [
        ("s3://team/data", {"endpointurl": "https://ours"}, {"endpointurl": "https://theirs"}),
        ("s3://team/data", {}, {"endpointurl": "https://theirs"}),
        ("gs://team/data", {}, {"endpointurl": "https://theirs"}),
        ("azure://team/data", {"account_name": "ours"}, {"account_name": "theirs"}),
        (
            "azure://team/data",
            {"connection_string": "AccountName=ours;AccountKey=a=="},
            {"connection_string": "AccountName=theirs;AccountKey=a=="},
        ),
        ("ssh://host/data", {}, {"port": "2222"}),
    ],
)
def test_a_place_is_on_one_server(
    url: str, options: dict[str, str], stranger: dict[str, str]
) -> None:
    place = Place(None, version_id="v123")
    one, other = (
        RemoteRef("r", url, tuple(sorted(found.items())), True) for found in (options, stranger)
    )
    assert one.service != other.service
    assert digest_of(one, "f", None, place) != digest_of(other, "f", None, place)


def test_what_is_secret_names_no_server() -> None:
    one, other = (
        RemoteRef("r", "azure://data", (("account_key", key), ("connection_string", string)))
        for key, string in (
            ("a", "AccountName=ours;AccountKey=a=="),
            ("b", "AccountName=ours;AccountKey=b=="),
        )
    )
    assert one.service == other.service
