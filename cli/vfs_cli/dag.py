"""`vfs dag`: which stage needs which, as a picture."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vfs.control.registry import repository_root
from vfs.errors import FormatError, NotARepository, StoreError, UnknownPath, UsageError
from vfs_cli.group import VerbCommand
from vfs_cli.output import Output
from vfs_cli.parameters import TARGET
from vfs_cli.target import choose
from vfs_cli.text import columns, printable

if TYPE_CHECKING:
    from vfs.pipeline.dag import Dag

_MOST = 1000
"""Boxes in a picture; of more nobody sees anything, and they take long."""

_FORMS = ("--mermaid", "--md", "--dot", "--html", "--json")


@click.command(
    "dag",
    cls=VerbCommand,
    examples=(
        ("vfs dag", "all stages and sources of the working tree"),
        ("vfs dag evaluate", "a stage and all that it needs"),
        ("vfs dag train --full --outs", "outs, and all that hangs together with them"),
        ("vfs dag --md >> README.md", "for a page that draws Mermaid"),
        ("vfs dag --html > dag.html", "a page of its own"),
    ),
    exits=(NotARepository, UnknownPath, FormatError, StoreError),
)
@click.argument("wanted", type=TARGET, required=False, metavar="[TARGET]")
@click.option("--full", is_flag=True, help="Of a target: all that hangs together with it.")
@click.option("-o", "--outs", is_flag=True, help="Outs instead of stages.")
@click.option(
    "--collapse-foreach-matrix",
    "collapse",
    is_flag=True,
    help="One box for all items of a foreach or matrix.",
)
@click.option("--mermaid", "form", flag_value="mermaid", help="For Mermaid.")
@click.option("--md", "form", flag_value="md", help="For Mermaid, as a block of Markdown.")
@click.option("--dot", "form", flag_value="dot", help="For Graphviz.")
@click.option("--html", "form", flag_value="html", help="A page of its own.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object: names, and pairs of them."
)
def command(
    wanted: str | None, full: bool, outs: bool, collapse: bool, form: str | None, as_json: bool
) -> None:
    """Show which stage needs which, above what below.

    TARGET is a stage, a dvc.yaml or .dvc file, a directory or an out: it is shown with all that it needs.
    """
    if outs and collapse:
        raise UsageError("--outs and --collapse-foreach-matrix exclude each other")
    if form is not None and as_json:
        raise UsageError(f"only one of {', '.join(_FORMS)}")
    dag = _dag(wanted, full, outs)
    _show(Output(as_json), dag.collapsed() if collapse else dag, form)


def _dag(wanted: str | None, full: bool, outs: bool) -> "Dag":
    from vfs.pipeline.checks import check
    from vfs.pipeline.dag import outs_dag, stages_dag
    from vfs.pipeline.stages import tree_of
    from vfs.pipeline.targets import meant
    from vfs.tracking.targets import Target as Named
    from vfs.workspace.here import survey_here

    root = repository_root(Path.cwd())
    if root is None or not (root / ".git").exists():
        raise NotARepository(f"{Path.cwd()} is not in a Git repository", hint="cd into one")
    target = choose(str(root), None, None)._replace(here=choose(None, None, None).here)
    graph = tree_of(root, survey_here(root)).graph()
    check(graph)
    dag, numbers = (outs_dag if outs else stages_dag)(graph, target.here)
    if wanted is None:
        return dag
    path = target.path(wanted)
    nodes = meant(graph, [Named(wanted, path)], target.here)
    if outs and path in graph.owners:
        return dag.around([list(graph.owners).index(path)], full=full)
    return dag.around([number for node in nodes for number in numbers(node)], full=full)


def _show(output: Output, dag: "Dag", form: str | None) -> None:
    from vfs.pipeline.dag import dot, listed, mermaid

    dag = dag._replace(names=tuple(map(printable, dag.names)))
    if output.json:
        import json

        pairs = [[dag.names[a], dag.names[b]] for a, b in dag.edges]
        output.line(json.dumps({"nodes": dag.names, "edges": pairs}))
    elif form == "dot":
        _write(dot(dag))
    elif form in ("mermaid", "md"):
        text = mermaid(dag)
        _write(f"```mermaid\n{text}\n```" if form == "md" else text)
    elif form == "html":
        if len(dag.names) > _MOST:
            raise UsageError(
                f"{len(dag.names)} boxes are no picture",
                hint="name a target, or --collapse-foreach-matrix, or --dot for Graphviz",
            )
        from vfs.drawing.dag_svg import graph
        from vfs.drawing.page import page

        _write(page("Pipeline", graph(dag.names, dag.edges)).rstrip("\n"))
    elif not dag.names:
        output.note("there are no stages and no tracked data")
    elif len(dag.names) > _MOST:
        _write("\n".join(listed(dag)))
    else:
        from vfs.drawing.dag_text import boxes

        drawn = boxes(dag.names, dag.edges)
        wide = output.terminal and max(map(len, drawn)) > columns()
        _write("\n".join(listed(dag) if wide else drawn))


def _write(text: str) -> None:
    """Write lines whose names are printable."""
    sys.stdout.buffer.write(text.encode() + b"\n")
