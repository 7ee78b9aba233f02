"""The tree of errors: what its classes promise, and that the pages list them."""

import ast
import errno
import importlib
import logging
import re
from pathlib import Path

import pytest

from vfs.errors import VfsError

ROOT = Path(__file__).parents[2]
RESERVED = {64, 70, 126, 127}  # 70: internal error; 126 and 127: the shell's own


def _classes(root: type[VfsError]) -> list[type[VfsError]]:
    return [root, *(found for cls in root.__subclasses__() for found in _classes(cls))]


ALL = [cls for cls in _classes(VfsError) if cls.__module__ == "vfs.errors"]
DIRECT = [cls for cls in ALL if cls is not VfsError]


def test_a_package_s_own_subclass_decides_no_exit_code() -> None:
    """What leaves a package is a class of the tree; a private refinement ends a command as its base does."""
    names = {cls.__name__ for cls in ALL}
    codes = {cls.code for cls in ALL}
    for path in (path for top in ("vfs", "cli") for path in (ROOT / top).rglob("*.py")):
        if path == ROOT / "vfs" / "errors.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and names & {
                ast.unparse(b).rpartition(".")[2] for b in node.bases
            }:
                assigned = {
                    ast.unparse(target): ast.unparse(statement.value)
                    for statement in node.body
                    if isinstance(statement, ast.Assign)
                    for target in statement.targets
                }
                assert "exit_code" not in assigned, f"{path}: {node.name}"
                assert assigned.get("code", "").strip("'") not in codes, f"{path}: {node.name}"


def test_codes_are_unique_kebab_case() -> None:
    codes = [cls.code for cls in ALL]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_every_class_says_what_it_means(cls: type[VfsError]) -> None:
    own = cls.__dict__.get("__doc__")
    assert own
    assert own.strip().splitlines()[0].endswith((".", ";", ","))
    assert cls.errno in errno.errorcode
    assert 1 <= cls.exit_code <= 125
    assert cls.exit_code not in RESERVED
    assert isinstance(cls.retryable, bool)
    assert cls.log_level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)


@pytest.mark.parametrize("cls", DIRECT, ids=lambda cls: cls.__name__)
def test_an_error_keeps_sentence_and_hint(cls: type[VfsError]) -> None:
    error = cls("what happened", hint="what to do")
    assert error.message == str(error) == "what happened"
    assert error.hint == "what to do"
    assert cls("x").hint is None


def test_an_exit_code_is_shared_only_with_the_base() -> None:
    """Two classes have one exit code only if one refines the other."""
    owners: dict[int, type[VfsError]] = {}
    for cls in ALL:
        owner = owners.setdefault(cls.exit_code, cls)
        assert issubclass(cls, owner), f"{cls.__name__} and {owner.__name__} share {cls.exit_code}"


def test_the_docstring_of_the_module_shows_every_class() -> None:
    text = importlib.import_module("vfs.errors").__doc__ or ""
    for cls in ALL:
        assert re.search(rf"\b{cls.__name__}\b", text), cls.__name__


def test_the_page_of_exit_codes_lists_every_class() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    for cls in DIRECT:
        assert f"| {cls.exit_code} | `{cls.code}` |" in page, cls.__name__
