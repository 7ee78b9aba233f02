"""`vfs metrics`: numbers that stages wrote, of revisions, and how they differ."""

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

_PRECISION = 5


@click.command(
    "metrics",
    cls=VerbCommand,
    examples=(
        ("vfs metrics show", "of the working tree"),
        ("vfs metrics show v1.0 v1.1 HEAD", "a column for each revision"),
        ("vfs metrics diff", "the working tree against HEAD"),
        ("vfs metrics diff main --all --md", "for a pull request"),
        ("vfs metrics diff v1.0 v1.1 --json", "for programs"),
    ),
    exits=EXITS,
    wrong=WRONG,
)
@action_argument
@revisions_argument
@targets_option
@all_option
@click.option(
    "--precision",
    type=click.IntRange(0, 30),
    default=_PRECISION,
    show_default=True,
    help="Digits after the point, in tables.",
)
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
    precision: int,
    no_path: bool,
    as_md: bool,
    repo: str | None,
    mount: str | None,
    as_json: bool,
) -> None:
    """Show the metrics of revisions, or how those of two differ.

    Metrics are those of stages and of the 'metrics' list of a dvc.yaml: YAML, JSON, TOML or Python files, wherever their content is
    (Git, the DVC cache, a remote). 'diff' compares with the working tree unless two revisions are given; with HEAD if none is.
    """
    from vfs.values.collect import metrics

    wanted, target = meant(action, revisions, repo, mount)
    report(
        Output(as_json),
        target,
        read(metrics, target, wanted, targets, as_json),
        noun="Metric",
        action=action,
        named=bool(revisions),
        every=every,
        no_path=no_path,
        precision=precision,
        as_md=as_md,
    )
