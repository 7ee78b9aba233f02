"""Making a DVC repository: the files that `dvc init` makes, byte for byte.

Rule: nothing that holds data is removed, also with `force` (DVC would remove `.dvc` with its cache).
"""

import os
from pathlib import Path
from typing import Final

from vfs.config.writing import write_file
from vfs.errors import NotARepository, StoreError, UsageError
from vfs.git.staging import is_ignored, stage
from vfs.objects.lock import check_inside

GITIGNORE: Final = b"/config.local\n/tmp\n/cache\n"
DVCIGNORE: Final = (
    b"# Add patterns of files dvc should ignore, which could improve\n"
    b"# the performance. Learn more at\n"
    b"# https://dvc.org/doc/user-guide/dvcignore\n"
)


def initialise(directory: Path, *, subdir: bool = False, force: bool = False) -> list[Path]:
    """Make a DVC repository in a directory of a Git repository and stage its files; returns them.

    Args:
        directory: absolute.
        subdir: it may lie below the top of the Git repository.
        force: there may be one; its configuration starts afresh, its cache stays.

    Raises:
        NotARepository: it is no (top) directory of a Git repository.
        UsageError: there is a DVC repository already, or Git ignores its files.
        ConfigError, StoreError: a file cannot be written or staged.
    """
    top = next((d for d in (directory, *directory.parents) if (d / ".git").exists()), None)
    if top is None:
        raise NotARepository(f"{directory} is not in a Git repository", hint="git init")
    if top != directory and not subdir:
        raise NotARepository(
            f"{directory} is not the top of its Git repository",
            hint=f"cd {top}, or --subdir for a DVC repository of this directory alone",
        )
    own = directory / ".dvc"
    if os.path.lexists(own) and not force:
        raise UsageError(
            f"{own} exists: this is a DVC repository already",
            hint="--force starts its configuration afresh, and keeps its cache",
        )
    if is_ignored(directory, ".dvc/config"):
        raise UsageError(f"Git ignores {own}", hint="add the line !.dvc to .gitignore")
    check_inside(own / "tmp", directory)
    try:
        (own / "tmp").mkdir(parents=True, exist_ok=True)
        (own / "tmp" / "btime").touch()
    except OSError as error:
        raise StoreError(f"{own}: {error.strerror}") from error
    files = {
        own / ".gitignore": GITIGNORE,
        own / "config": b"",
        directory / ".dvcignore": DVCIGNORE,
    }
    for file, content in files.items():
        if file.name != ".dvcignore" or not file.exists():
            write_file(file, content, inside=directory)
    stage(directory, list(files))
    return list(files)
