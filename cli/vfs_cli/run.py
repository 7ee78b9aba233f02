"""`vfs run`: a stage is declared and run."""

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from vfs.errors import UsageError, VfsError
from vfs_cli.declaring import definition, stage_options
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, wait_option
from vfs_cli.output import Output
from vfs_cli.pipelines import RUN, Teller, executor, pipelines, setting, view_options
from vfs_cli.progress import Progress
from vfs_cli.tracking import show_written

if TYPE_CHECKING:
    from collections.abc import Callable

    from vfs.formats.stage_values import Definition
    from vfs.pipeline.nodes import Stage


@click.command(
    "run",
    cls=VerbCommand,
    context_settings={"allow_interspersed_args": False},
    examples=(
        ("vfs run -n prepare -d raw -o clean python prepare.py raw clean", "a stage of dvc.yaml, recorded in dvc.lock"),
        ("vfs run -n train -d clean -p lr,train.epochs -o model -M metrics.json python train.py", "with parameters of params.yaml and a metric for Git"),
        ("vfs run -n sweep -f -o out 'for i in 1 2 3; do ./step $i; done'", "changed, then run; one word is a line for the shell"),
        ("vfs run -n prepare --trace python prepare.py", "its dependencies and outs are what it read and wrote"),
        ("vfs run -n train --no-exec -d clean -o model python train.py", "as `vfs stage add`"),
    ),
    exits=RUN,
)  # fmt: skip
@stage_options
@click.option("--trace", is_flag=True, help="Declare what it read as dependencies, and what it wrote as outs.")  # fmt: skip
@click.option("--no-exec", is_flag=True, help="Declare it, run nothing.")
@click.option("--no-run-cache", is_flag=True, help="Run it even if it was run before with the same inputs.")  # fmt: skip
@view_options
@wait_option
@json_option
def command(
    trace: bool,
    no_exec: bool,
    no_run_cache: bool,
    in_place: bool,
    no_checkout: bool,
    keep: bool,
    wait: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Declare a stage in the dvc.yaml of this directory, run it, record it in dvc.lock.

    It is run by `vfs repro NAME` from then on, when its command, dependencies, parameters or outs change. Options stand before the command.
    Of a command of several words each reaches the program as it was typed; a single word is text for the shell.
    `${NAME}` is a value of params.yaml or `vars`, as DVC has it: a variable of the shell is `$NAME`.
    """  # fmt: skip
    from vfs.pipeline.attending import Attending
    from vfs.pipeline.edit import add
    from vfs.pipeline.run import Runner

    output = Output(as_json)
    if trace and in_place:
        raise UsageError("--trace and --in-place exclude each other: only a private view tells what a command touched")  # fmt: skip
    with Progress() as progress, pipelines(progress) as work, Attending() as attending:
        session, target = work
        wanted = definition(work, options)
        written: list[bytes] = []

        def declare(one: "Definition", accept: "Callable[[Stage], object]", *, replace: bool = True) -> "Stage":  # fmt: skip
            found, files = add(session, one, replace=replace, wait=wait, accept=accept)
            written.extend(files)
            return found

        try:
            if no_exec:
                declare(wanted, lambda _: None, replace=options["force"])
                return
            teller = Teller(output, progress, target, dry=False)
            with executor(target, progress, in_place=in_place, keep=keep) as place:
                how = setting(
                    target, output, place, run_cache=not no_run_cache, wait=wait,
                    checkout=not no_checkout,
                )  # fmt: skip
                runner = Runner(session.project, how, attending, teller)
                stage = declare(wanted, runner.inputs, replace=options["force"])
                traced = partial(declare, accept=lambda _: None)
                try:
                    done = runner.run(stage, declare=traced if trace else None)
                except VfsError as error:
                    teller.stopped(stage, error)
                    raise
                finally:
                    runner.restorer.remember()
            written += done.written
            teller.done(stage, done)
        finally:
            progress.clear()
            show_written(output, session.project, target, list(dict.fromkeys(written)))
