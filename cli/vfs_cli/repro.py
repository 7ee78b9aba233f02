"""`vfs repro`: bring stages up to date."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from vfs.errors import UsageError
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, wait_option
from vfs_cli.output import Output
from vfs_cli.parameters import FILE, NAME, REV
from vfs_cli.pipelines import RUN, Teller, Work, executor, pipelines, setting, view_options
from vfs_cli.progress import Progress
from vfs_cli.repro_rev import Again, at_revision, graph_at
from vfs_cli.tracking import show_written

if TYPE_CHECKING:
    from vfs.pipeline.graph import Graph
    from vfs.pipeline.nodes import Node
    from vfs.pipeline.run import Runner
    from vfs.pipeline.session import Session


class Ask(NamedTuple):
    """The command line."""

    targets: tuple[str, ...]
    force: bool
    single: bool
    downstream: bool
    whole: bool
    glob: bool
    keep_going: bool
    jobs: int | None
    url: str | None
    no_run_cache: bool
    pull: bool
    dry: bool
    rev: str | None
    in_place: bool
    no_checkout: bool
    keep: bool
    wait: float
    as_json: bool


@click.command(
    "repro",
    cls=VerbCommand,
    examples=(
        ("vfs repro", "the stages of the dvc.yaml here that changed, and what they need"),
        ("vfs repro train", "one, and what it needs"),
        ("vfs repro --downstream prepare", "one, and what needs it"),
        ("vfs repro --dry-run", "which would run now, and why"),
        ("vfs repro -j 4 -k", "independent stages side by side; a failure stops what needs it"),
        (
            "vfs repro --executor dask://head:8786",
            "commands run on the workers of a Dask scheduler",
        ),
        ("vfs repro --pull", "fetch outs that are recorded, run the rest"),
        ("vfs repro -s -f plots/dvc.yaml:draw", "just this one, whatever changed"),
        ("vfs repro --rev v1.0 -f train", "make what v1.0 recorded again, and compare"),
    ),
    exits=RUN,
    wrong="with --rev: something came out otherwise than recorded, or was not recorded",
)
@click.argument("targets", type=FILE, nargs=-1, metavar="[TARGET…]")
@click.option(
    "-f", "--force", is_flag=True, help="Run also what did not change; never from the run cache."
)
@click.option(
    "-s",
    "--single-item",
    "single",
    is_flag=True,
    help="Only the stages that are named, not what they need.",
)
@click.option(
    "--downstream", is_flag=True, help="The stages that are named and all that need them."
)
@click.option("-P", "--all-pipelines", "whole", is_flag=True, help="All stages of the repository.")
@click.option("--glob", is_flag=True, help="Names of stages are patterns.")
@click.option(
    "-k", "--keep-going", is_flag=True, help="After a failure leave out only what depends on it."
)
@click.option(
    "-j", "--jobs", type=click.IntRange(1),
    help="Commands at a time (default: 1; with --executor as many as its workers have threads).",
)  # fmt: skip
@click.option(
    "--executor", "url", type=NAME, metavar="dask://HOST:PORT",
    help="Run commands on the workers of a Dask scheduler, which need vfs and the remote, but no data.",
)  # fmt: skip
@click.option(
    "--no-run-cache", is_flag=True, help="Run commands that were run before with the same inputs."
)
@click.option(
    "--pull",
    is_flag=True,
    help="Fetch what is recorded and not here, and runs of others, instead of running.",
)
@click.option(
    "--dry-run", "--dry", "dry", is_flag=True, help="Tell which would run, and why; change nothing."
)
@click.option(
    "--rev",
    type=REV,
    metavar="REV",
    help="Run the pipeline of this commit in a tree that goes afterwards, and tell whether it makes what the commit records. The working tree, HEAD and dvc.lock stay as they are.",
)
@view_options
@wait_option
@json_option
def command(**asked: Any) -> None:
    """Run the stages whose command, dependencies, parameters or outs are not what their lock says.

    A TARGET is a stage, PATH/dvc.yaml:NAME, a dvc.yaml, an out, or a directory; none: the dvc.yaml here. A stage runs after all it
    depends on. Outs of a run with the same command and inputs come from the run cache. A command that fails leaves the lock as it was.
    """  # fmt: skip
    ask = Ask(**asked)
    if ask.rev is not None and (ask.in_place or ask.pull or ask.url):
        raise UsageError("--rev runs in private views on this machine, which read what is not here", hint="leave --in-place, --pull and --executor out")  # fmt: skip
    with ExitStack() as stack:
        _run(ask, stack)


def _run(ask: Ask, stack: ExitStack) -> None:
    from vfs.pipeline.attending import Attending
    from vfs.pipeline.changed import Judge
    from vfs.pipeline.own_tree import check_own
    from vfs.pipeline.repro import Options, Walk
    from vfs.pipeline.run import Runner

    output = Output(ask.as_json)
    progress = stack.enter_context(Progress())
    ours = work = stack.enter_context(pipelines(progress, looks=ask.dry))
    attending = stack.enter_context(Attending())
    if ask.rev is not None:
        work = stack.enter_context(at_revision(ours, ask.rev, output, progress, keep=ask.keep))
    session, target = work
    graph = session.graph() if ask.rev is None else graph_at(work, ask.rev)
    nodes = _nodes(ask, work, graph)
    _say_if_none(output, nodes)
    again = None if ask.rev is None else Again(output, progress, work, ask.rev, dry=ask.dry)
    if again is not None:
        check_own(ours.session.project.top, session.project, nodes)
    place = stack.enter_context(executor(
        target, progress, in_place=ask.in_place, keep=ask.keep, passing=bool(again),
        url=None if ask.dry else ask.url,
    ))  # fmt: skip
    jobs = ask.jobs or place.jobs
    checkout = not (ask.no_checkout or again)
    how = setting(
        target, output, place, run_cache=not ask.no_run_cache, wait=ask.wait,
        alone=jobs == 1, checkout=checkout, history=ours.session.project.top, again=bool(again),
    )  # fmt: skip
    teller = again or Teller(output, progress, target, dry=ask.dry)
    runner = Runner(session.project, how, attending, teller)
    if ask.pull and not ask.dry:
        _pull(runner, session, graph, ask.wait)
    judge = Judge(session.project, runner.measure, runner.parameters, checkout=checkout)
    options = Options(ask.force, ask.dry, ask.keep_going, jobs, ask.wait)
    walk = Walk(session.project, graph, judge, runner, options, teller)
    try:
        walk.go(nodes, attending)
    finally:
        progress.clear()
        if again is None:
            written = list(dict.fromkeys(walk.walked.written))
            show_written(output, session.project, target, written)
    if again is not None and not ask.dry:
        again.end()


def _nodes(ask: Ask, work: Work, graph: "Graph") -> "list[Node]":
    """What the walk visits."""
    from vfs.pipeline.targets import nodes_of
    from vfs.pipeline.variable_sources import with_variables
    from vfs.tracking.targets import Target

    session, target = work
    named = [Target(text, target.path(text)) for text in ask.targets]
    nodes = nodes_of(
        graph, named, target.here, glob=ask.glob, whole=ask.whole, single=ask.single,
        downstream=ask.downstream, files=session.project.survey.pipelines,
    )  # fmt: skip
    alone = not ask.whole and (ask.single or ask.downstream)  # without what they need
    return nodes if alone else with_variables(session.root, graph, nodes)


def _say_if_none(output: Output, nodes: "list[Node]") -> None:
    if not nodes and not output.json:
        output.line("no stages: nothing to run")


def _pull(runner: "Runner", session: "Session", graph: "Graph", wait: float) -> None:
    """Let what is recorded be brought."""
    from vfs.pipeline.pulling import Puller

    runner.puller = Puller(session.project, graph)
    runner.measure.lazy = False  # it is to be here
    with runner.locked(wait):
        runner.puller.runs()
