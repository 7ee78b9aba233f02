"""What the pointers and configurations of the working tree say, as it lies there now.

Purpose: `Workspace.survey("worktree")` for verbs that must start at once: files are found by the `git` program and read
from the disk, so neither the catalog nor Git's objects nor libgit2 take part. A test compares the two.

Rule: tracked files, and pointers that are neither tracked nor ignored; what is not there (a sparse checkout) is left out, and so
is a mount of vfs (`vfs.mount_table`). `surveys_staged` is about what `git add` has put into the index instead.
"""

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from vfs.errors import FormatError, StoreError
from vfs.formats.pipeline import Pipeline
from vfs.formats.values import Out
from vfs.git.command import GitFailed, run_git
from vfs.git.here import git_directories
from vfs.git.machine import staged_files
from vfs.git.objects import MODE_BLOB, TreeItem
from vfs.mount_table import is_on, mounts_below
from vfs.types import Problem
from vfs.workspace.ignore import Rules
from vfs.workspace.lying import is_link, read_here
from vfs.workspace.outs import MAX_POINTER, Claim, Claims, Parser, collect
from vfs.workspace.pointers import Found
from vfs.workspace.stores import MAX_CONFIG, Roots, Surroundings, load_store
from vfs.workspace.summary import Mark, mark_of
from vfs.workspace.surveyed import Survey
from vfs.workspace.variable_files import ReadPath, VariableFiles, from_caches

Read = Callable[[bytes, int], bytes | None]
"""The bytes of a path, None if there is none; raises FormatError if they are more than a limit, or cannot be read."""

_WANTED = (
    "*.dvc",
    "*dvc.lock",
    "*dvc.yaml",
    "*Dvcfile",
    "*.dvcignore",
    "*.dvc/config",
    "*.dvc/.gitignore",
)


def survey_here(root: Path) -> Survey:
    """Survey the working tree whose top is `root`.

    Raises:
        NotARepository: it is none.
        StoreError: Git cannot list its files.
    """
    return _survey(root, _found_here(root), partial(read_here, root))


def surveys_staged(root: Path) -> Iterator[Survey]:
    """Survey the index of the working tree whose top is `root`; after a conflict, each side of it. Raises as `survey_here`."""
    for texts in staged_files(root, _WANTED, MAX_POINTER):

        def read(path: bytes, limit: int, texts: dict[bytes, bytes] = texts) -> bytes | None:
            return texts[path] if path in texts else read_here(root, path, limit)

        yield _survey(root, _found(texts, texts.__contains__), read)


def _survey(root: Path, listed: tuple[list[Found], list[bytes]], read: Read) -> Survey:
    _, shared = git_directories(root)
    main = shared.parent if shared.name == ".git" and shared.parent != root else None
    found, pipelines = listed
    problems: list[Problem] = []
    roots = Roots()
    where = Surroundings(root, main, False)
    for path in dict.fromkeys([b"", *(f.path[:-5] for f in found if f.mark is Mark.DVC_ROOT)]):
        store, wrong = load_store(read(os.path.join(path, b".dvc/config"), MAX_CONFIG), path, where)
        roots.add(path, store)
        problems += wrong

    def read_path(path: bytes) -> bytes | None:
        return read(path, MAX_POINTER)

    def read_blob(path: bytes, limit: int) -> bytes:
        data = read(path, limit)
        if data is None:
            raise FormatError("is gone", file=os.fsdecode(path))
        return data

    rules = Rules(found, roots, read_blob)

    files = _variables(root, read_path, roots)
    claims = collect(rules.without_ignored(found), Parser(read_blob), read_path, files)
    for path in pipelines:
        claims.uncommitted += _never_run(path, claims, read_path, files)
    seen = tuple(path for path in pipelines if not rules.hide(path))
    return Survey(claims, roots, rules, tuple(problems), seen)


def variables_here(root: Path, surveyed: Survey) -> Mapping[bytes, bytes]:
    """The files that `vars` may name, as they lie in a working tree or its caches have them; as `VariableFiles.among`."""
    files = _variables(root, partial(read_here, root, limit=MAX_POINTER), surveyed.roots)
    return files.among((claim.pointer, claim.out) for claim in surveyed.claims.own)


def _variables(root: Path, read_path: ReadPath, roots: Roots) -> VariableFiles:
    def read(path: bytes) -> bytes | None:
        return None if is_link(root, path) else read_path(path)  # into DVC's cache, if it is ours

    return VariableFiles(read, roots.store_of, from_caches)


def _never_run(
    path: bytes,
    claims: Claims,
    read_path: ReadPath,
    files: VariableFiles,
) -> list[Claim]:
    """The outs that a `dvc.yaml` declares and no lock has."""
    lock = path.removesuffix(b"dvc.yaml") + b"dvc.lock"
    known = {claim.out.path for claim in (*claims.own, *claims.rivals)}
    known |= {problem.path for problem in claims.broken}
    made = []
    with suppress(FormatError):  # a pipeline that cannot be read is a problem of its lock
        text = read_path(path) or b""
        there = files.among((claim.pointer, claim.out) for claim in claims.own)
        for name, stage in Pipeline(text, path, there, os.fsdecode(path)).plain():
            for out, flags in (stage.outs or {}).items():
                if flags.cached and out not in known:
                    made.append(Claim(Out(out, None), lock, None, name))
    return made


def pointers_here(root: Path) -> list[bytes]:
    """The paths of all pointers. Raises StoreError."""
    return [found.path for found in _found_here(root)[0] if found.mark is Mark.POINTER]


def _found_here(root: Path) -> tuple[list[Found], list[bytes]]:
    """What lies in the working tree."""
    arguments = ["-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    mounts = mounts_below(os.fsencode(root))
    arguments += [f"--exclude=/{_literal(os.fsdecode(path))}" for path in mounts]
    try:
        listed = run_git([*arguments, "--", *_WANTED])
    except GitFailed as error:
        raise StoreError(f"git ls-files in {root}: {error.stderr}") from error
    paths = (path for path in set(listed.split(b"\0")) if path and not is_on(path, mounts))
    return _found(paths, partial(_is_file, root))


def _found(
    paths: Iterable[bytes], is_file: Callable[[bytes], bool]
) -> tuple[list[Found], list[bytes]]:
    """Pointers, locks, ignore files and roots, by path; the path stands for the object id. And the paths of pipelines."""
    found: dict[bytes, Found] = {}
    pipelines = []
    for path in sorted(paths):
        directory, _, name = path.rpartition(b"/")
        if directory.endswith(b"/.dvc") or directory == b".dvc":
            found[directory] = Found(Mark.DVC_ROOT, directory, directory)
            continue
        if name == b"dvc.yaml":
            pipelines.append(path)
            continue
        mark = mark_of(TreeItem(name, MODE_BLOB, path))
        if mark is not None and mark is not Mark.BAD_NAME and is_file(path):
            found[path] = Found(mark, path, path)
    return list(found.values()), pipelines


def _literal(path: str) -> str:
    """A pattern of Git's that means one path."""
    return re.sub(r"([\\*?\[ ])", r"\\\1", path)


def _is_file(root: Path, path: bytes) -> bool:
    try:
        return stat.S_ISREG(os.lstat(os.path.join(os.fsencode(root), path)).st_mode)
    except OSError:
        return False
