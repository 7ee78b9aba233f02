"""`vfs commit`: tracked data that changed is recorded."""

import click

from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, wait_option
from vfs_cli.output import Output
from vfs_cli.parameters import FILE
from vfs_cli.pipelines import RUN
from vfs_cli.progress import Progress
from vfs_cli.tracking import show, show_written, working


@click.command(
    "commit",
    cls=VerbCommand,
    examples=(
        ("vfs commit", "everything that is tracked and here"),
        ("vfs commit data model.pt.dvc", "these"),
        (
            "vfs commit train",
            "a stage: what lies there is recorded as its inputs and outs, nothing runs",
        ),
    ),
    exits=RUN,
)
@click.argument("targets", type=FILE, nargs=-1, metavar="[TARGET…]")
@click.option("--force", is_flag=True, help="Drop listed files that were never checked out.")
@wait_option
@json_option
def command(targets: tuple[str, ...], force: bool, wait: float, as_json: bool) -> None:
    """Record what tracked files and directories hold now, in the DVC cache and in their pointers.

    A TARGET is a pointer, an out, a path inside one, a directory with outs, or a stage (`NAME`, `PATH/dvc.yaml:NAME`), whose lock then
    says that it made what lies there. Imports are recorded by `vfs update`. Nothing asks, and Git is not touched.
    """
    output = Output(as_json)
    stages, targets = _parted(targets)
    if stages:
        _commit_stages(output, stages, wait, force=force)
        if not targets:
            return
    with Progress() as progress, working(targets, wait, progress) as work:
        from vfs.tracking.commit import commit

        done = commit(work.project, work.paths, force=force)
        progress.clear()
        show(output, work, done)


def _parted(targets: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Targets that name stages of a `dvc.yaml`, and the others."""
    from vfs_cli.log_runs import stage_of

    stages = tuple(text for text in targets if stage_of(text) is not None)
    return stages, tuple(text for text in targets if text not in stages)


def _commit_stages(output: Output, targets: tuple[str, ...], wait: float, *, force: bool) -> None:
    """Record what stages had and made, by what lies there."""
    from vfs.pipeline.attending import Attending
    from vfs.pipeline.executor import InPlace
    from vfs.pipeline.nodes import Stage
    from vfs.pipeline.run import Runner
    from vfs_cli.pipelines import Teller, pipelines, setting
    from vfs_cli.stage import meant

    with Progress() as progress, pipelines(progress) as work:
        session, target = work
        session.graph()
        teller = Teller(output, progress, target, dry=False)
        how = setting(target, output, InPlace(), wait=wait)
        runner = Runner(session.project, how, Attending(), teller)
        written: list[bytes] = []
        for node in meant(work, targets):
            if isinstance(node, Stage):
                done = runner.verify(node, drop=force)
                written += done.written
                teller.done(node, done)
        progress.clear()
        if not written and not output.json:
            output.line("Nothing changed.")
        show_written(output, session.project, target, list(dict.fromkeys(written)))
