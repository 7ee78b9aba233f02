"""What we read from a repository is what the real DVC reads from it.

The repositories are built by real tools (`vfs.testing.builders`); DVC's own index of each tagged
commit is printed by DVC's Python and compared out by out.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vfs.formats.lock import parse_lock, variable_files
from vfs.formats.pointer import parse_pointer
from vfs.formats.values import Out
from vfs.testing.real_repository import RepositoryCase
from vfs.testing.sandbox import Sandbox
from vfs.testing.variants import soak
from vfs.types import Algorithm, Problem

pytestmark = pytest.mark.dvc

_INDEX = """
import json, os, sys
from dvc.repo import Repo
def rows(root):
    os.chdir(root)
    repo = Repo(".")
    for out in repo.index.outs:
        info = out.hash_info
        yield [
            os.path.relpath(out.fs_path, repo.root_dir),
            [info.name, info.value] if info else None,
            bool(out.use_cache), out.remote, bool(out.can_push), bool(out.persist), bool(out.meta.isexec),
        ]
print(json.dumps([list(rows(root)) for root in sys.argv[1:]]))
"""
_NAMES = {Algorithm.MD5: "md5", Algorithm.MD5_DOS2UNIX: "md5-dos2unix"}


def row(out: Out) -> list[object]:
    digest = None
    if out.digest is not None:
        digest = [_NAMES[out.digest.algorithm], out.digest.hex + ".dir" * out.is_tree]
    path = out.path.decode()
    return [path, digest, out.cached, out.remote, out.push, out.persist, out.executable]


def read(root: Path) -> tuple[list[list[object]], list[Problem]]:
    """All outs of a work tree, by our readers alone."""
    rows: list[list[object]] = []
    problems: list[Problem] = []
    for directory, names, files in os.walk(root):
        names[:] = [name for name in names if name not in (".git", ".dvc")]
        for name in files:
            file = Path(directory, name)
            path = os.fsencode(file.relative_to(root))
            if name.endswith(".dvc"):
                pointer = parse_pointer(file.read_bytes(), path)
                rows += map(row, pointer.outs)
                problems += pointer.problems
            elif name == "dvc.lock":
                pipeline = file.with_name("dvc.yaml").read_bytes()
                wanted = variable_files(pipeline, path.removesuffix(b"lock") + b"yaml")
                found = {p: f.read_bytes() for p in wanted if (f := root / os.fsdecode(p)).exists()}
                lock = parse_lock(file.read_bytes(), path, pipeline, found)
                rows += map(row, lock.outs)
                problems += lock.problems
    return rows, problems


@pytest.mark.parametrize(
    "name", [soak("names"), "shapes", soak("pipeline"), "legacy", soak("imports")]
)
def test_same_outs(
    name: str,
    real_repository: Callable[[str], RepositoryCase],
    sandbox: Sandbox,
    dvc3: Path,
) -> None:
    case = real_repository(name)
    roots = [sandbox.root / tag for tag in case.revisions]
    for root in roots:
        sandbox.git(sandbox.root, "clone", "-q", "--branch", root.name, case.root, root)
    shown = sandbox.run([dvc3.with_name("python"), "-c", _INDEX, *roots]).stdout
    for root, theirs in zip(roots, json.loads(shown), strict=True):
        rows, problems = read(root)
        assert problems == []
        assert sorted(rows, key=str) == sorted(theirs, key=str)
        assert rows
