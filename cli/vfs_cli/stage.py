"""`vfs stage`: add, list, show and remove stages."""

from typing import TYPE_CHECKING, Any

import click

from vfs.errors import UnknownPath, UsageError
from vfs_cli.declaring import definition, stage_options
from vfs_cli.failure import FOUND_WRONG
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, wait_option
from vfs_cli.output import Output
from vfs_cli.pipelines import Work, pipelines
from vfs_cli.progress import Progress
from vfs_cli.stage_text import show_list, show_stage
from vfs_cli.tracking import WRITE, show_written

if TYPE_CHECKING:
    from vfs.pipeline.nodes import Node

_ACTIONS = ("add", "list", "show", "remove")


class ActionCommand(VerbCommand):
    """A verb whose first word is an action; the words of a command that `add` takes may look like options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The action first, then options, then words."""
        action, rest = (args[0], args[1:]) if args and args[0][:1] != "-" else ("list", args)
        ctx.allow_interspersed_args = action != "add"
        return super().parse_args(ctx, ["--action", action, *rest])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """The action is written as a word."""
        return [f"[{'|'.join(_ACTIONS)}]", *super().collect_usage_pieces(ctx)]


@click.command(
    "stage",
    cls=ActionCommand,
    examples=(
        ("vfs stage", "the stages of the dvc.yaml here"),
        ("vfs stage list --all", "those of the whole repository"),
        ("vfs stage add -n train -d clean -o model python train.py", "one more; nothing is run"),
        ("vfs stage show train", "what it needs, makes and last had"),
        ("vfs stage remove train", "it and what is recorded of it; its outs stay"),
    ),
    exits=WRITE,
    wrong="'list --all': a file cannot be used, which was named",
)
@click.option("--action", type=click.Choice(_ACTIONS), hidden=True, help="What to do.")
@stage_options
@click.option("--all", "whole", is_flag=True, help="With list: all stages of the repository.")
@click.option("--with-outs", is_flag=True, help="With remove: delete the outs too.")
@wait_option
@json_option
def command(
    action: str, whole: bool, with_outs: bool, wait: float, as_json: bool, **options: Any
) -> None:
    """List the stages here; add one to the dvc.yaml of this directory, show or remove some.

    The options that declare a stage are for `add`, which takes the COMMAND; `list`, `show` and `remove` take TARGETs as `vfs repro` does.
    Comments and order in dvc.yaml stay.
    """  # fmt: skip
    from vfs.pipeline import edit

    output = Output(as_json)
    words: tuple[str, ...] = options["words"]
    if action in ("show", "remove") and not words:
        raise UsageError(f"'vfs stage {action}' needs a stage", hint="vfs stage lists them")
    looks = action in ("show", "list")
    with Progress() as progress, pipelines(progress, looks=looks) as work:
        session = work.session
        if action == "add":
            stage, written = edit.add(
                session, definition(work, options), replace=options["force"], wait=wait
            )
            if not output.json:
                output.line(f"Stage {stage.address(work.target.here)!r} is in the pipeline.")
        elif action == "remove":
            written = edit.remove(session, meant(work, words), outs=with_outs, wait=wait)
        else:
            nodes = session.tree.stages if whole else meant(work, words)
            for error in session.tree.errors:
                output.warning(error.message)
            if action == "show":
                for node in nodes:
                    show_stage(output, work, node)
            else:
                show_list(output, work, nodes)
            raise click.exceptions.Exit(FOUND_WRONG if whole and session.tree.errors else 0)
        show_written(output, session.project, work.target, written)


def meant(work: Work, words: tuple[str, ...]) -> "list[Node]":
    """The nodes that targets mean; without any, those of the `dvc.yaml` here. Raises UnknownPath, FormatError."""
    from vfs.pipeline.graph import Graph
    from vfs.pipeline.targets import nodes_of
    from vfs.tracking.targets import Target

    named = [Target(text, work.target.path(text)) for text in words]
    tree, here = work.session.tree, work.target.here
    try:
        return nodes_of(Graph(tree.nodes), named, here, single=True)
    except UnknownPath as error:
        raise tree.explained(error, [target.path for target in named], here) from None
