"""Path rules: what may become a name in a mount."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vfs.core.paths import (
    MAX_NAME,
    MAX_PATH,
    check_component,
    check_listed,
    check_path,
    is_dotgit,
    resolve_relative,
    show,
)
from vfs.errors import UnsafePath

DOTGIT = [
    b".git", b".GIT", b".Git", b"git~1", b"GIT~1", b".git.", b".git ", b".git . .", b".git::$INDEX_ALLOCATION",
    b".git:x", b".git\\hooks", b"git~1\\config", b"git~1 .", ".g\u200cit".encode(), "\ufeff.git".encode(),
    ".GI\u202eT".encode(), ".git\u206f".encode(),
]  # fmt: skip
NOT_DOTGIT = [
    b".gitignore", b".gitattributes", b".github", b"git", b"git~2", b"agit~1", b".git-x", b".gitx",
    b"x.git", ".g\u00edt".encode(), b".git~1",
]  # fmt: skip


@pytest.mark.parametrize("name", DOTGIT)
def test_every_spelling_of_dotgit_is_refused_at_every_depth(name: bytes) -> None:
    assert is_dotgit(name)
    for check in (check_component, check_path, check_listed):
        with pytest.raises(UnsafePath):
            check(name)
    for path in (b"a/" + name, name + b"/hooks/post-checkout", b"a/b/" + name + b"/c"):
        with pytest.raises(UnsafePath, match=r"\.git"):
            check_path(path)
        with pytest.raises(UnsafePath):
            check_listed(path)


@pytest.mark.parametrize("name", NOT_DOTGIT)
def test_names_that_only_resemble_dotgit_pass(name: bytes) -> None:
    check_component(name)
    assert check_path(b"a/" + name) == b"a/" + name


@pytest.mark.parametrize(
    "path",
    [b"", b"/", b"/a", b"a/", b"a//b", b".", b"..", b"a/..", b"../a", b"a/./b", b"a\0b", b"a/b\0",
     b"x" * 256, b"a/" + b"y" * 256 + b"/b", b"a/" * 2100 + b"b"],
)  # fmt: skip
def test_impossible_paths_are_refused(path: bytes) -> None:
    with pytest.raises(UnsafePath):
        check_path(path)
    with pytest.raises(UnsafePath):
        check_listed(path)


def test_limits_are_exact() -> None:
    assert check_path(b"x" * MAX_NAME)
    assert check_path("é".encode() * 127 + b"x")
    longest = b"/".join([b"d" * 200] * 20) + b"/" + b"e" * (MAX_PATH - 201 * 20)
    assert len(longest) == MAX_PATH
    assert check_path(longest) == longest
    with pytest.raises(UnsafePath, match="4096 bytes"):
        check_path(longest + b"e")


@pytest.mark.parametrize(
    "path",
    [b".dvc", b".dvc/config", b".DVC/config", b"a/.dvc/config", b".dvc./x", b".dvc:s/x", b".vfs",
     b".VFS/config.yaml", b".vfs ", ".d\u200dvc/x".encode()],
)  # fmt: skip
def test_reserved_directories_are_refused_for_data(path: bytes) -> None:
    with pytest.raises(UnsafePath, match="data may not enter"):
        check_path(path)


def test_reserved_names_are_fine_where_git_puts_them() -> None:
    check_component(b".dvc")
    check_component(b".vfs")
    assert check_path(b"a/.vfs/b") == b"a/.vfs/b"
    assert check_listed(b".vfs/b") == b".vfs/b"
    assert check_path(b"a.dvc") == b"a.dvc"
    with pytest.raises(UnsafePath):
        check_listed(b".vfs/../b")
    with pytest.raises(UnsafePath):
        check_listed(b".dvc/config")


@pytest.mark.parametrize(
    "path", [b"\xff\xfe/\x80", b"new\nline", b" lead", b"trail.", b"CON", b"a\\b", b"-x", b"~"]
)
def test_odd_but_legal_names_pass(path: bytes) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize(
    ("base", "rel", "result"),
    [
        (b"", "a", b"a"),
        (b"d", "a/b", b"d/a/b"),
        (b"d/e", "../a", b"d/a"),
        (b"d/e", "../../a", b"a"),
        (b"d", "..", b""),
        (b"d", ".", b"d"),
        (b"d", "", b"d"),
        (b"", "./a//b/./c/", b"a/b/c"),
        (b"d", "x/../../y", b"y"),
        (b"", "ü", "ü".encode()),
    ],
)
def test_relative_paths_resolve(base: bytes, rel: str, result: bytes) -> None:
    assert resolve_relative(base, rel) == result


@pytest.mark.parametrize(
    ("base", "rel"),
    [(b"", ".."), (b"d", "../.."), (b"d", "../../d/x"), (b"", "a/../../b"), (b"d", "/etc/passwd"),
     (b"", "a\0b"), (b"", "\ud800"), (b"d", "x" * 256), (b"", ".git/hooks"), (b"", "a/" * 3000)],
)  # fmt: skip
def test_paths_that_escape_are_refused(base: bytes, rel: str) -> None:
    with pytest.raises(UnsafePath):
        resolve_relative(base, rel)


_PARTS = st.sampled_from(
    [
        b"",
        b".",
        b"..",
        b"a",
        b".git",
        b".dvc",
        b".vfs",
        b"git~1",
        b"\0",
        b"x" * 256,
        b"\xff",
        b"B.c",
    ]
)


@given(st.lists(_PARTS, max_size=6).map(b"/".join) | st.binary(max_size=40))
@example(b"git~1")
def test_accepted_paths_have_only_sound_components(path: bytes) -> None:
    try:
        assert check_path(path) == path
    except UnsafePath:
        return
    for component in path.split(b"/"):
        check_component(component)
        assert component not in (b"", b".", b"..")
        assert b"\0" not in component
        assert len(component) <= MAX_NAME
        assert not is_dotgit(component)
    assert path.split(b"/")[0].lower() not in (b".git", b".dvc", b".vfs")


@given(
    st.lists(st.sampled_from(["a", "b", "..", ".", "", "c/d"]), max_size=8).map("/".join)
    | st.text(max_size=20)
)
def test_resolving_never_leaves_the_repository(rel: str) -> None:
    try:
        path = resolve_relative(b"x/y", rel)
    except UnsafePath:
        return
    assert not path.startswith(b"/")
    assert not {b"", b".", b".."} & set(path.split(b"/") if path else [])


@given(st.binary(max_size=300))
def test_shown_paths_are_short_and_printable(path: bytes) -> None:
    text = show(path)
    assert text.isprintable()
    assert len(text) < 1000
