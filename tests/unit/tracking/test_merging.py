"""Merging the files of a directory."""

from hypothesis import given
from hypothesis import strategies as st

from vfs.tracking.merging import merge_files
from vfs.types import Algorithm, Digest

FILES = st.dictionaries(
    st.sampled_from([b"a", b"b", b"c", b"d/e", b"d/f"]),
    st.sampled_from([Digest(Algorithm.MD5, bytes([n]) * 16) for n in range(3)]),
)


@given(FILES, FILES)
def test_one_side_alone_wins(base: dict[bytes, Digest], side: dict[bytes, Digest]) -> None:
    for ours, theirs in ((side, base), (base, side), (side, side)):
        merged = merge_files(base, ours, theirs)
        assert (merged.files, merged.conflicts) == (side, [])


@given(FILES, FILES, FILES)
def test_it_does_not_matter_whose_side_it_is(
    base: dict[bytes, Digest], ours: dict[bytes, Digest], theirs: dict[bytes, Digest]
) -> None:
    one, two = merge_files(base, ours, theirs), merge_files(base, theirs, ours)
    assert one.files == two.files
    assert [path for path, _ in one.conflicts] == [path for path, _ in two.conflicts]
    for path, digest in one.files.items():
        assert digest in (ours.get(path), theirs.get(path))
    for path, _ in one.conflicts:
        assert ours.get(path) != theirs.get(path)
