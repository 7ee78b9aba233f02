"""`vfs params`: parameters of stages, of revisions, and how they differ."""

import click

from vfs_cli.group import VerbCommand
from vfs_cli.options import mount_option, repo_option
from vfs_cli.output import Output
from vfs_cli.values import (
    EXITS,
    WRONG,
    action_argument,
    all_option,
    md_option,
    meant,
    no_path_option,
    read,
    report,
    revisions_argument,
    shape_option,
    targets_option,
)


@click.command(
    "params",
    cls=VerbCommand,
    examples=(
        ("vfs params show", "of the working tree"),
        ("vfs params diff", "what was changed since HEAD"),
        ("vfs params diff v1.0 v1.1 --all", "what is the same, too"),
        ("vfs params diff --targets config/train.toml", "a file that no stage names"),
        ("vfs params diff main --json", "for programs"),
    ),
    exits=EXITS,
    wrong=WRONG,
)
@action_argument
@revisions_argument
@targets_option
@all_option
@no_path_option
@md_option
@repo_option
@mount_option
@shape_option
def command(
    action: str,
    revisions: tuple[str, ...],
    targets: tuple[str, ...],
    every: bool,
    no_path: bool,
    as_md: bool,
    repo: str | None,
    mount: str | None,
    as_json: bool,
) -> None:
    """Show the parameters of revisions, or how those of two differ.

    Parameters are those that stages depend on, params.yaml, and the 'params' list of a dvc.yaml: YAML, JSON, TOML or Python files.
    'diff' compares with the working tree unless two revisions are given; with HEAD if none is.
    """
    from vfs.values.collect import params

    wanted, target = meant(action, revisions, repo, mount)
    report(
        Output(as_json),
        target,
        read(params, target, wanted, targets, as_json),
        noun="Param",
        action=action,
        named=bool(revisions),
        every=every,
        no_path=no_path,
        precision=None,
        as_md=as_md,
    )
