import os.path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.errors import UnsafePath
from vfs.remotes.keys import check_key, join, key_problem, strip_prefix

COMPONENTS = st.text(st.sampled_from("ab./ \\é~"), max_size=6)
PATHS = st.text(st.sampled_from("ab./\0é"), max_size=12)


@given(PATHS)
def test_accepted_keys_stay_below_every_root(key: str) -> None:
    if key_problem(key):
        with pytest.raises(UnsafePath):
            check_key(key)
        return
    assert os.path.normpath(f"/root/{key}") == f"/root/{key}"
    assert "\0" not in key


@given(PATHS)
def test_every_normal_relative_path_is_accepted(key: str) -> None:
    normal = os.path.normpath(f"/root/{key}")
    if "\0" not in key and normal == f"/root/{key}" and key:
        assert check_key(key) == key


@given(st.sampled_from(["", "p", "p/q", "ä/b c"]), PATHS)
def test_strip_is_the_inverse_of_join(prefix: str, key: str) -> None:
    expected = None if key_problem(key) else key
    assert strip_prefix(join(prefix, key), prefix) == expected


def test_neighbours_of_the_prefix_are_not_below_it() -> None:
    assert strip_prefix("prefix2/a", "prefix") is None
    assert strip_prefix("prefix", "prefix") is None
    assert strip_prefix("prefix/", "prefix") is None


@pytest.mark.parametrize("key", ["\udc80", "é" * 513])
def test_not_encodable_or_too_long(key: str) -> None:
    with pytest.raises(UnsafePath):
        check_key(key)
