"""What a helper refuses whatever it is sent; no mount is made here."""

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.control.protocol import path_fields
from vfs.errors import AccessDenied, MountPointRefused, ProtocolError, VfsError
from vfs.fuse_helper.orders import Policy, bounded, options, order

POLICY = Policy((b"/mnt/a", b"/mnt/b"), frozenset({1000}), False)
SCALAR = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
JSON = (
    SCALAR | st.lists(SCALAR, max_size=3) | st.dictionaries(st.text(max_size=9), SCALAR, max_size=3)
)
PATH = st.text(max_size=9).map("/mnt/a/".__add__)
ARGS = st.fixed_dictionaries(
    {},
    optional={
        "path": PATH | JSON,
        "path_b64": JSON,
        "source": JSON,
        "allow_other": JSON,
        "noexec": JSON,
    },
)


def request(path: bytes, **fields: Any) -> dict[str, Any]:
    return {**path_fields(path), **fields}


def test_a_child_of_an_allowed_directory() -> None:
    made = order(request(b"/mnt/b/x \xff", source="vfs:/r\nepo", noexec=True), POLICY)
    assert (made.directory, made.name) == (b"/mnt/b", b"x \xff")
    assert (made.source, made.allow_other, made.noexec) == (b"vfs:/r?epo", False, True)


@pytest.mark.parametrize(
    "path",
    [b"", b"/", b"/mnt", b"/mnt/a", b"/mnt/a/", b"/mnt/a/.", b"/mnt/a/..", b"/mnt/a/x/y", b"/mnt/a/../x",
     b"/mnt//a/x", b"mnt/a/x", b"/mnt/ab/x", b"/mnt/a/x\0", b"/mnt/a/" + b"x" * 256],
)  # fmt: skip
def test_any_other_place_is_refused(path: bytes) -> None:
    with pytest.raises(MountPointRefused):
        order(request(path), POLICY)


def test_what_an_administrator_did_not_allow() -> None:
    with pytest.raises(AccessDenied, match="nobody but their user"):
        order(request(b"/mnt/a/x", allow_other=True), POLICY)
    assert order(
        request(b"/mnt/a/x", allow_other=True), POLICY._replace(allow_other=True)
    ).allow_other


@given(ARGS)
def test_whatever_is_sent_is_refused_or_in_place(args: dict[str, Any]) -> None:
    try:
        made = order(args, POLICY)
    except VfsError:
        return
    assert made.directory in POLICY.directories
    assert b"/" not in made.name
    assert made.name not in (b"", b".", b"..")
    assert made.source.startswith(b"vfs:")
    assert made.source.isascii()


@given(st.dictionaries(st.just("n"), JSON))
def test_numbers_are_bounded(args: dict[str, Any]) -> None:
    try:
        assert 0 <= bounded(args, "n", 7) <= 7
    except ProtocolError:
        assert type(args.get("n")) is not int or args["n"] < 0


def test_options_hold_numbers_only() -> None:
    said = options(5, 1000, 100, allow_other=True)
    assert said == b"fd=5,rootmode=40000,user_id=1000,group_id=100,default_permissions,allow_other"
    assert b"allow_other" not in options(5, os.geteuid(), 0, allow_other=False)
