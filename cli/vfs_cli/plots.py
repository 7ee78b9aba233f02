"""`vfs plots`: plots of revisions, laid over each other, as one page."""

import os
from pathlib import Path
from typing import Any

import click

from vfs.errors import ConfigError
from vfs_cli.group import VerbCommand
from vfs_cli.options import mount_option, repo_option
from vfs_cli.output import Output
from vfs_cli.pages import write_page
from vfs_cli.parameters import FILE, NAME
from vfs_cli.values import (
    EXITS,
    WRONG,
    action_argument,
    meant,
    revisions_argument,
    shape_option,
    tell,
)

_PAGE = "dvc_plots/index.html"


@click.command(
    "plots",
    cls=VerbCommand,
    examples=(
        ("vfs plots show", f"of the working tree, into {_PAGE}"),
        ("vfs plots diff", "HEAD and the working tree, laid over each other"),
        ("vfs plots show v1.0 v1.1 HEAD -o plots.html", "any revisions"),
        ("vfs plots show --targets logs/loss.csv -x step -y loss", "a file that is no plot yet"),
        ("vfs plots diff v1.0 --json", "the points, for programs"),
    ),
    exits=(*EXITS, ConfigError),
    wrong=WRONG,
)
@action_argument
@revisions_argument
@click.option(
    "--targets",
    type=FILE,
    multiple=True,
    metavar="PLOT|FILE",
    help="Only this plot, file or directory; may be repeated.",
)
@click.option("-x", "x", type=NAME, metavar="FIELD", help="What goes across.")
@click.option("-y", "y", type=NAME, metavar="FIELD", help="What goes up.")
@click.option("-t", "--template", type=NAME, help="How it is drawn: linear, scatter, confusion, …")
@click.option("--title", type=NAME, help="What stands above.")
@click.option("--x-label", type=NAME, help="What stands below.")
@click.option("--y-label", type=NAME, help="What stands beside.")
@click.option("--no-header", is_flag=True, help="The first line of CSV and TSV is data.")
@click.option(
    "-o",
    "--out",
    type=FILE,
    default=_PAGE,
    show_default=True,
    metavar="FILE",
    help="The page to write; directories above it are made.",
)
@repo_option
@mount_option
@shape_option
def command(
    action: str,
    revisions: tuple[str, ...],
    targets: tuple[str, ...],
    no_header: bool,
    out: str,
    repo: str | None,
    mount: str | None,
    as_json: bool,
    **given: str | None,
) -> None:
    """Draw plots of revisions on one HTML page, and print its path.

    Plots are those of stages and of the 'plots' list of a dvc.yaml: JSON, YAML, CSV and TSV files, and images. Several revisions lie over each other.
    The page holds all it shows, runs nothing and asks no network. 'diff' adds the working tree unless two revisions are given, and HEAD if none is.
    """  # fmt: skip
    from vfs.values.collect import plots
    from vfs.values.declared import text
    from vfs_cli.trees import trees

    wanted, target = meant(action, revisions, repo, mount)
    properties: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if no_header:
        properties["header"] = False
    output = Output(as_json)
    with trees(target, list(dict.fromkeys(wanted)), quiet=as_json) as found:
        named = [(typed, text(target.path(typed))) for typed in targets]
        drawn = plots(found, named, properties)
    shown = list(drawn.shown.values())
    if output.json:
        _document(output, drawn.problems, shown)
    elif shown:
        from vfs.values.pictures import html

        said = [f"{rev}: {error.message}" for (rev, _), error in drawn.problems.items()]
        title = "Plots: " + ", ".join(wanted)
        file = Path(out, "index.html") if os.path.isdir(out) else Path(out)
        output.line(str(write_page(file, html(title, shown, said))))
    else:
        output.note("no plots")
    tell(output, target, drawn.problems)


def _document(output: Output, problems: Any, shown: Any) -> None:
    from vfs.values.compare import to_json
    from vfs.values.pictures import document

    errors = [
        {"rev": rev, "source": source, "type": error.code, "msg": error.message}
        for (rev, source), error in problems.items()
    ]
    whole = {"errors": errors, "data": document(shown)}
    output.line(to_json({key: value for key, value in whole.items() if value}))
