"""`vfs git-hook`: what Git calls after `vfs install`."""

import os
import sys
from pathlib import Path

import click

from vfs.control.registry import repository_root
from vfs.errors import RepositoryBusy, UsageError
from vfs_cli.exits import READ, SNAPSHOT
from vfs_cli.failure import FOUND_WRONG
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import NAME
from vfs_cli.target import Target, opened
from vfs_cli.text import readable

_NONE = "0"


@click.command(
    "git-hook",
    cls=VerbCommand,
    examples=(
        ('vfs git-hook pre-push "$@"', "in your own .git/hooks/pre-push"),
        ("vfs git-hook merge-driver %O %A %B %P", "as merge.dvc.driver"),
    ),
    exits=(*SNAPSHOT, *READ, RepositoryBusy),
    wrong="'merge-driver': both sides changed the same files, which were named",
)
@click.argument(
    "name", type=click.Choice(["post-checkout", "pre-commit", "pre-push", "merge-driver"])
)
@click.argument("arguments", type=NAME, nargs=-1)
@json_option
def command(name: str, arguments: tuple[str, ...], as_json: bool) -> None:
    """Do what a Git hook is for; Git gives the arguments.

    'post-checkout' is 'vfs checkout', 'pre-commit' is 'vfs status', 'pre-push' is 'vfs push' of the commits that Git pushes; they end as
    those do. In a repository without DVC, and while a rebase goes on, they do nothing.
    """
    root = repository_root(Path.cwd())
    if root is None:
        raise UsageError("not in a Git repository", hint="Git calls this")
    if name == "merge-driver":
        _merge(Output(as_json), root, arguments)
        return
    line = _line(name, arguments, root)
    if line:
        from vfs_cli.main import run

        raise click.exceptions.Exit(run([*line, "--json"] if as_json else line))


def _line(name: str, arguments: tuple[str, ...], root: Path) -> list[str]:
    """The command line that a hook stands for; empty for nothing."""
    if not (root / ".dvc").is_dir():
        return []
    if name == "pre-commit":
        return ["status"]
    if name == "pre-push":
        return _push()
    from vfs.git.here import git_directories

    own, _ = git_directories(root)
    rebasing = any((own / kind).is_dir() for kind in ("rebase-merge", "rebase-apply"))
    branch = len(arguments) > 2 and arguments[2] == "1"  # not single files
    return ["checkout"] if branch and not rebasing else []


def _push() -> list[str]:
    """Git says on standard input what it pushes: lines of local ref, commit, remote ref, commit."""
    words = [line.split() for line in sys.stdin.read().splitlines()]
    commits = {word[1] for word in words if len(word) == 4 and set(word[1]) != {_NONE}}
    return ["push", *(f"--rev={commit}" for commit in sorted(commits))] if commits else []


def _merge(output: Output, root: Path, arguments: tuple[str, ...]) -> None:
    if len(arguments) != 4:
        raise UsageError("merge-driver takes %O %A %B %P", hint="vfs install sets it up")
    from vfs.sharing.merge import merge_pointers

    base, ours, theirs = (Path.cwd() / name for name in arguments[:3])
    path = os.fsencode(arguments[3])
    with opened(Target(str(root), "HEAD", (root,))) as workspace:
        conflicts = merge_pointers(workspace, path, base, ours, theirs)
    for below, said in conflicts:
        output.warning(f"conflict in tracked data: {readable(below)}: {said}")
    if conflicts:
        raise click.exceptions.Exit(FOUND_WRONG)
