"""Targets -> outs and files inside them."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.errors import UnknownPath
from vfs.formats.values import Out
from vfs.tracking.targets import Target, select
from vfs.types import Algorithm, Digest
from vfs.workspace.outs import Claim

DIGEST = Digest(Algorithm.MD5, bytes(16))


def claim(path: str, pointer: str = "", *, tree: bool = False, stage: str = "") -> Claim:
    out = Out(path.encode(), DIGEST, is_tree=tree)
    return Claim(out, (pointer or path + ".dvc").encode(), None, stage)


CLAIMS = [
    claim("data", tree=True),
    claim("model.bin"),
    claim("sub/raw", "sub/strange.dvc", tree=True),
    claim("sub/prepared", "sub/dvc.lock", tree=True, stage="prepare"),
    claim("sub/m0", "sub/dvc.lock", stage="train@0"),
    claim("sub/m1", "sub/dvc.lock", stage="train@1"),
    claim("top.txt", "dvc.lock", stage="prepare"),
]


def meant(*texts: str, glob: bool = False) -> list[str]:
    chosen = select(CLAIMS, [Target(text, text.encode()) for text in texts], glob=glob)
    return [wanted.claim.out.path.decode() for wanted in chosen.wanted]


def test_without_a_target_all_are_meant_whole() -> None:
    chosen = select(CLAIMS, [])
    assert [wanted.claim for wanted in chosen.wanted] == CLAIMS
    assert all(wanted.inside is None for wanted in chosen.wanted)
    chosen.check()


@pytest.mark.parametrize(
    ("text", "outs"),
    [
        ("data.dvc", ["data"]),
        ("data", ["data"]),
        ("sub/strange.dvc", ["sub/raw"]),
        ("sub", ["sub/raw", "sub/prepared", "sub/m0", "sub/m1"]),
        ("", [claim.out.path.decode() for claim in CLAIMS]),
        ("sub/dvc.yaml", ["sub/prepared", "sub/m0", "sub/m1"]),
        ("sub/dvc.lock", ["sub/prepared", "sub/m0", "sub/m1"]),
        ("sub/dvc.yaml:train", ["sub/m0", "sub/m1"]),
        ("sub/dvc.yaml:train@1", ["sub/m1"]),
        ("sub/train", ["sub/m0", "sub/m1"]),  # `train` where the current directory is sub
        ("prepare", ["top.txt"]),
        ("dvc.yaml:prepare", ["top.txt"]),
    ],
)
def test_names(text: str, outs: list[str]) -> None:
    assert meant(text) == outs


@pytest.mark.parametrize(
    ("pattern", "outs"),
    [
        ("*.bin", ["model.bin"]),
        ("sub/*", ["sub/raw", "sub/prepared", "sub/m0", "sub/m1"]),
        ("sub/train*", ["sub/m0", "sub/m1"]),
        ("s*", ["sub/raw", "sub/prepared", "sub/m0", "sub/m1"]),
        ("data/*.csv", ["data"]),
    ],
)
def test_patterns(pattern: str, outs: list[str]) -> None:
    assert meant(pattern, glob=True) == outs


def test_a_path_inside_a_directory_is_met_by_whoever_reads_its_listing() -> None:
    chosen = select(CLAIMS, [Target("data/a", b"data/a"), Target("data/none", b"data/none")])
    inside = chosen.wanted[0].inside
    assert inside is not None
    for path in (b"a/x", b"ab", b"a", b"b/a"):
        chosen.met(inside.targets(path))
    assert inside.targets(b"a/x") == inside.targets(b"a") == {"data/a"}
    assert not inside.targets(b"ab")
    with pytest.raises(UnknownPath, match="'data/none'"):
        chosen.check()


def test_a_directory_that_is_meant_whole_forgets_what_was_meant_inside() -> None:
    chosen = select(CLAIMS, [Target("data/a", b"data/a"), Target("data", b"data")])
    assert [wanted.inside for wanted in chosen.wanted] == [None]
    chosen.check()


def test_an_unknown_target_is_named_with_what_is_near() -> None:
    chosen = select(CLAIMS, [Target("modle.bin", b"modle.bin")])
    with pytest.raises(UnknownPath, match=r"modle\.bin") as caught:
        chosen.check()
    assert "model.bin" in (caught.value.hint or "")


NAMES = st.text("abc*?", min_size=1, max_size=3)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@given(st.lists(PATHS, max_size=8), PATHS)
def test_a_file_is_meant_if_it_or_a_directory_above_it_is(files: list[str], target: str) -> None:
    chosen = select([claim("d", tree=True)], [Target(target, f"d/{target}".encode())])
    inside = chosen.wanted[0].inside
    assert inside is not None
    for file in files:
        above = file
        while above and above != target:
            above = posixpath.dirname(above)
        assert bool(inside.targets(file.encode())) == bool(above)


@given(st.lists(PATHS, max_size=8), PATHS)
def test_no_target_is_lost(outs: list[str], target: str) -> None:
    chosen = select([claim(out) for out in outs], [Target(target, target.encode())])
    if any(out == target or out.startswith(target + "/") for out in outs):
        assert chosen.wanted
        chosen.check()
    elif not chosen.wanted:
        with pytest.raises(UnknownPath):
            chosen.check()
