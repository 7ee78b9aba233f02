"""Linked working trees that pass: a commit checked out beside the user's own tree, whose HEAD, index and branches stay as they are."""

from pathlib import Path

from vfs.errors import StoreError
from vfs.git.command import GitFailed, run_git


def add_tree(root: Path, place: Path, commit: str) -> None:
    """Check a commit out at an empty directory; of the repository whose working tree is `root`. Raises StoreError."""
    try:
        run_git(["-C", str(root), "worktree", "add", "-q", "--detach", str(place), commit])
    except GitFailed as error:
        raise StoreError(f"git worktree add: {error.stderr}") from error


def remove_tree(root: Path, place: Path) -> None:
    """Forget a linked tree, and remove what Git knows of it, changed or not. Raises StoreError."""
    try:
        run_git(["-C", str(root), "worktree", "remove", "--force", "--force", str(place)])
    except GitFailed as error:
        raise StoreError(f"git worktree remove: {error.stderr}") from error
