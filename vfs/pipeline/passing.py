"""A tree that passes: a commit in a linked working tree in `.dvc/tmp/vfs-rev-*`, for `vfs repro --rev` (docs/pipelines.md, "A revision made again").

Rules:

* Whoever uses it holds its lock; one whose lock file lies beside it and is free is that of a process that was killed.
* It reads the user's own configuration files as they mean in the user's tree, and it shares the cache: both stand in its own `config.local` and `local.yaml`.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from vfs.config.writing import read_file, write_file
from vfs.errors import StoreError
from vfs.formats.dvcconfig import DvcConfig, parse_dvc_config
from vfs.formats.ini_edit import set_option
from vfs.git.linked import add_tree, remove_tree
from vfs.pipeline.running import held
from vfs.sandbox.removal import remove
from vfs.tracking.dvc_config import flat, in_directory
from vfs.tracking.project import Project

_PREFIX: Final = "vfs-rev-"


@contextmanager
def passing_tree(project: Project, commit: str, *, keep: bool) -> Iterator[Path]:
    """A commit of the project's repository in a tree of its own.

    Args:
        project: of the user's tree, which stays as it is.
        commit: object id.
        keep: it stays afterwards.

    Raises:
        StoreError: it cannot be made.
        FormatError: a configuration file cannot be read.
    """
    root = Path(os.fsdecode(project.top))
    directory = root / os.fsdecode(project.root) / ".dvc/tmp"
    try:
        directory.mkdir(exist_ok=True)
        _sweep(root, directory)
        place = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=directory))
    except OSError as error:
        raise StoreError(f"{directory}: {error.strerror}") from error
    with held(os.fsencode(place)):
        try:
            add_tree(root, place, commit)
            for inner in project.survey.roots.paths():
                _configure(project, root, place, os.fsdecode(inner))
            _packed(root, place)
            yield place
        finally:
            if not keep:
                _remove(root, place)


def _sweep(root: Path, directory: Path) -> None:
    for lock in directory.glob(f"{_PREFIX}*.lock"):
        place = lock.with_suffix("")
        with suppress(StoreError), held(os.fsencode(place)) as ours:
            if ours:
                _remove(root, place)


def _remove(root: Path, place: Path) -> None:
    with suppress(StoreError):
        remove_tree(root, place)
    with suppress(OSError):  # what a run left in it, without permissions
        remove(os.fsencode(place))


def _configure(project: Project, root: Path, place: Path, inner: str) -> None:
    """Let a DVC repository in the tree have the configuration of the user's."""
    user, own = root / inner / ".dvc", place / inner / ".dvc"
    if not own.is_dir():
        return
    tracked = _read(own / "config", user)
    urls = {
        f"remote.{name}.url": options["url"]
        for name, options in tracked.get("remote", {}).items()
        if "url" in options
    }
    cache = project.survey.roots.store_of(os.fsencode(f"{inner}/x" if inner else "x")).caches[0]
    local = {**urls, **flat(_read(user / "config.local", user)), "cache.dir": cache}
    text = b""
    for key, value in local.items():
        section, _, option = key.rpartition(".")
        kind, dot, name = section.partition(".")
        header = f'{kind} "{name}"' if dot else section
        text = set_option(text, header, option, value, file="config.local")
    write_file(own / "config.local", text, private=True)


def _read(file: Path, directory: Path) -> DvcConfig:
    """A configuration file of DVC, with paths as they mean in a directory."""
    return in_directory(parse_dvc_config(read_file(file), file=str(file)), directory)


def _packed(root: Path, place: Path) -> None:
    """The same for `.vfs`: relative URLs of packed remotes, and the file of the machine."""
    from vfs.workspace.packed_stores import CONFIG, load_packed  # they are few
    from vfs.workspace.stores import Surroundings

    file = place / ".vfs" / "local.yaml"
    user = root / ".vfs" / "local.yaml"
    tracked = place / os.fsdecode(CONFIG)
    if os.path.lexists(file) or not (user.exists() or tracked.exists()):
        return
    import yaml

    try:
        found: dict[str, Any] = yaml.safe_load(read_file(user)) or {}
    except yaml.YAMLError:
        found = {}
    text = read_file(tracked) or None
    refs = load_packed(text, Surroundings(root, None, False), ())[0]
    if refs:
        found["remotes"] = {ref.name: {"url": ref.url, **dict(ref.options)} for ref in refs}
    file.parent.mkdir(exist_ok=True)
    write_file(file, yaml.safe_dump(found).encode(), private=True)
