"""Where an imported out came from: the `deps` of an import's `.dvc` file.

Rules (source: DVC's `dependency/repo.py`, `dependency/__init__.py`):
  * a dependency with `repo:` is `dvc import`: a path in another Git repository;
  * a file without `cmd` that has one other dependency is `dvc import-url`;
  * with `cmd` the dependencies are inputs of a stage, no source.

Invariant: raises nothing; what cannot be used becomes a `Problem`.
"""

from typing import Any

from vfs.errors import FormatError
from vfs.formats.fields import Fields
from vfs.formats.outputs import parse_files, parse_hash, parse_place, problem_of
from vfs.formats.values import ImportSource, UrlSource
from vfs.types import Problem

Source = ImportSource | UrlSource
_REPO_KEYS = frozenset({"url", "rev", "rev_lock", "config", "remote"})


def parse_source(fields: Fields, path: bytes) -> tuple[Source | None, Problem | None]:
    """The source of an import.

    Args:
        fields: the whole `.dvc` file.
        path: where it lies; a problem is reported there.
    """
    try:
        return _source(fields), None
    except FormatError as error:
        return None, problem_of(error, path)


def _source(fields: Fields) -> Source | None:
    deps = fields.items("deps")
    if fields.raw("cmd") or not fields.items("outs"):
        return None
    for number, value in enumerate(deps):
        item = Fields(value, fields.file, f"deps[{number}]")
        if "repo" in item:
            return _import(item)
    if len(deps) != 1:
        return None
    item = Fields(deps[0], fields.file, "deps[0]")
    if "db" in item:  # import-db: the out is an ordinary cached file
        return None
    return _import_url(item)


def _import(item: Fields) -> ImportSource:
    repo = item.child("repo")
    repo.allow(_REPO_KEYS)
    return ImportSource(
        url=repo.required_text("url"),
        path=item.text("path", ""),
        rev=repo.text("rev") or None,
        rev_lock=repo.text("rev_lock") or None,
        config=_override(repo, "config"),
        remote=_override(repo, "remote"),
    )


def _override(repo: Fields, key: str) -> str | dict[str, object] | None:
    value: Any = repo.raw(key)
    if isinstance(value, dict):
        return dict(Fields(value, repo.file, repo.path(key)).children())
    return repo.text(key) or None


def _import_url(item: Fields) -> UrlSource:
    files = parse_files(item)
    digest, is_tree = parse_hash(item)
    return UrlSource(
        url=item.required_text("path"),
        digest=digest,
        is_tree=is_tree or files is not None or bool(item.count("nfiles")),
        size=item.count("size"),
        place=parse_place(item),
        files=files,
    )
