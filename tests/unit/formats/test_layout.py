"""Object paths of DVC and Git LFS."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.formats.layout import object_path, parse_object_path
from vfs.types import Algorithm, Digest

MD5 = bytes.fromhex("b1946ac92492d2347c6235b4d2611184")
SHA = bytes.fromhex("4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393")


def test_paths() -> None:
    assert object_path(Digest(Algorithm.MD5, MD5)) == "files/md5/b1/946ac92492d2347c6235b4d2611184"
    assert (
        object_path(Digest(Algorithm.MD5, MD5), is_tree=True)
        == "files/md5/b1/946ac92492d2347c6235b4d2611184.dir"
    )
    assert object_path(Digest(Algorithm.MD5_DOS2UNIX, MD5)) == "b1/946ac92492d2347c6235b4d2611184"
    assert object_path(Digest(Algorithm.SHA256, SHA)) == f"4d/7a/{SHA.hex()}"


def test_no_layout_is_a_mistake_of_the_caller() -> None:
    for digest in (Digest(Algorithm.GIT, b"x" * 20), Digest(Algorithm.PLACE, b"x" * 32)):
        with pytest.raises(ValueError, match="no layout"):
            object_path(digest)
    with pytest.raises(ValueError, match="no layout"):
        object_path(Digest(Algorithm.SHA256, SHA), is_tree=True)


@pytest.mark.parametrize(
    "path",
    ["", "files/md5/b1", "files/md5/b1/946ac92492d2347c6235b4d26111", "B1/946AC92492D2347C6235B4D2611184",
     "files/md5/b1/946ac92492d2347c6235b4d2611184.dir.unpacked", "runs/b1/946ac92492d2347c6235b4d2611184",
     "files/md5/b1/946ac92492d2347c6235b4d2611184\n", "b1/.946ac92492d2347c6235b4d261118.tmp",
     f"4d/7b/{SHA.hex()}", "x/files/md5/b1/946ac92492d2347c6235b4d2611184"],
)  # fmt: skip
def test_foreign_keys_are_no_objects(path: str) -> None:
    assert parse_object_path(path) is None


@given(
    st.sampled_from([(Algorithm.MD5, 16), (Algorithm.MD5_DOS2UNIX, 16), (Algorithm.SHA256, 32)]),
    st.data(),
    st.booleans(),
)
def test_inverse(kind: tuple[Algorithm, int], data: st.DataObject, is_tree: bool) -> None:
    digest = Digest(kind[0], data.draw(st.binary(min_size=kind[1], max_size=kind[1])))
    is_tree = is_tree and kind[0] is not Algorithm.SHA256
    assert parse_object_path(object_path(digest, is_tree=is_tree)) == (digest, is_tree)


@given(st.text(max_size=60))
def test_any_text(path: str) -> None:
    found = parse_object_path(path)
    assert found is None or object_path(found[0], is_tree=found[1]) == path
