"""The filter attribute and the glob matcher, with `git check-attr` as the oracle."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.git.conftest import GitRepo
from vfs.git import Repository
from vfs.git.wildmatch import Wildmatch

PATHS = [
    "a", "a.bin", "a.BIN", "b c.bin", "d/a", "d/a.bin", "d/e/a.bin", "d/e/f/a.bin", "foo/bar/x",
    "foo/x/bar", "foo/bar", "x[1].bin", "a\\b", "é.bin", "a*b", "dd/ee.bin", "d/e", "abc", "a-b", "]",
]  # fmt: skip
PATTERNS = [
    "*.bin", "a", "/a", "d/*", "d/**", "**/a.bin", "d/**/a.bin", "*", "**", "/*", "d/", "d/e/", "[a-c]",
    "[!a]*", "[^a]*", "a?c", "a[-]b", "[]]", "foo/**/bar", "foo/*", "*/bar", "**/bar/**", "*a*", "a\\*b",
    "a\\\\b", "[[:alpha:]]", "[[:alpha:][:digit:]-]*.bin", "*.b[iI]n", "x[[]1].bin", '"b c.bin"',
    '"\\303\\251.bin"', "!a", "d/*/a.bin", "d***", "d/e**", "**a", "a**", "?", "[", "[a", "a\\", "dd/ee.bin",
    "[[:bogus:]]", "d/**e", "/**/a.bin", "*/*", "d**/a.bin", "[z-a]", "[a-]", "[\\]]",
]  # fmt: skip
ATTRIBUTES = [
    "filter=lfs",
    "-filter",
    "!filter",
    "filter",
    "filter=other",
    "big",
    "-big",
    "text",
    "!big",
]


def check(repo: GitRepo, files: dict[str, str], paths: list[str]) -> None:
    """Write `.gitattributes` files, commit, and compare every path's answer with git's."""
    for directory in ("", "d/", "d/e/"):
        file = repo.path / f"{directory}.gitattributes"
        file.unlink(missing_ok=True)
        if directory in files:
            repo.write(f"{directory}.gitattributes", files[directory].encode())
    repo.commit()
    # Answers come from an index that holds the tree, as git 2.40's `--source` would give them.
    index = {"GIT_INDEX_FILE": str(repo.path / ".git/other-index")}
    repo.git("read-tree", "HEAD", env=index)
    data = b"".join(os.fsencode(path) + b"\0" for path in paths)
    output = repo.git("check-attr", "--cached", "-z", "--stdin", "filter", data=data, env=index)
    values = output.split(b"\0")[2::3]
    opened = Repository.discover(repo.path)
    tree = opened.resolve("HEAD").tree
    answers = {path: opened.is_lfs(tree, os.fsencode(path)) for path in paths}
    assert answers == {path: value == b"lfs" for path, value in zip(paths, values, strict=True)}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern(repo: GitRepo, pattern: str) -> None:
    check(repo, {"": f"{pattern} filter=lfs diff=lfs -text\n"}, PATHS)


@pytest.mark.parametrize(
    "files",
    [
        {"": "*.bin filter=lfs\n", "d/": "*.bin -filter\n", "d/e/": "a.bin filter=lfs\n"},
        {"": "*.bin filter=lfs\n*.bin !filter\n"},
        {"": "[attr]big filter=lfs -text\n*.bin big\n", "d/": "a.bin -big\n"},
        {"": "[attr]big filter=lfs\n[attr]huge big\n*.bin huge\n"},
        {"": "[attr]big filter=lfs\n*.bin big filter=other\n*.bin filter=other big\n"},
        {"": "*.bin text\n", "d/": "[attr]big filter=lfs\n*.bin big\n"},
        {"": "*.bin filter=lfs\n", "d/": "a.bin text\n"},
        {"": "# *.bin filter=lfs\n   a   filter=lfs   \r\n\n\t*.bin\tfilter=lfs\n"},
        {"": "x" * 3000 + " filter=lfs\n*.bin filter=lfs\n"},
        {"d/": "/e/*.bin filter=lfs\n"},
        {},
    ],
)
def test_precedence_macros_and_syntax(repo: GitRepo, files: dict[str, str]) -> None:
    check(repo, files, PATHS)


def test_a_byte_order_mark_is_skipped_as_in_a_checkout(repo: GitRepo) -> None:
    repo.write(".gitattributes", "\ufeff*.bin filter=lfs\n".encode())
    repo.commit()
    opened = Repository.discover(repo.path)
    assert opened.is_lfs(opened.resolve("HEAD").tree, b"d/a.bin")


def test_random_files(repo: GitRepo) -> None:
    lines = st.builds(
        lambda pattern, words: f"{pattern} {' '.join(words)}\n",
        st.sampled_from(PATTERNS),
        st.lists(st.sampled_from(ATTRIBUTES), min_size=1, max_size=3),
    )
    contents = st.lists(lines, max_size=4).map("".join)

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(contents, contents, contents)
    def run(top: str, middle: str, deep: str) -> None:
        top = "[attr]big filter=lfs\n" + top
        check(repo, {"": top, "d/": middle, "d/e/": deep}, PATHS)

    run()


def test_a_hostile_pattern_and_a_deep_path_cost_little(repo: GitRepo) -> None:
    pattern = Wildmatch(b"*a" * 500 + b"b")
    start = time.process_time()
    assert not pattern.match(b"a" * 4000)
    assert time.process_time() - start < 2
    repo.write(".gitattributes", b"*.bin filter=lfs\n")
    repo.commit()
    opened = Repository.discover(repo.path)
    tree = opened.resolve("HEAD").tree
    assert opened.is_lfs(tree, b"d/" * 5000 + b"x.bin")


def test_untracked_configuration_does_not_count(repo: GitRepo, tmp_path: Path) -> None:
    repo.write("a.bin")
    repo.commit()
    repo.write(".git/info/attributes", b"*.bin filter=lfs\n")
    repo.write(".gitattributes", b"*.bin filter=lfs\n")
    opened = Repository.discover(repo.path)
    assert not opened.is_lfs(opened.resolve("HEAD").tree, b"a.bin")
