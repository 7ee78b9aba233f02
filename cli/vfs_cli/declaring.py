"""Options that declare a stage: `vfs run`, `vfs stage add`."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from vfs_cli.parameters import FILE, NAME
from vfs_cli.pipelines import Work

if TYPE_CHECKING:
    from vfs.formats.stage_values import Definition

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _several(*names: str, told: str, metavar: str = "PATH") -> Decorator:
    return click.option(*names, type=FILE, multiple=True, metavar=metavar, help=told)


_OPTIONS = (
    click.option("-n", "--name", type=NAME, metavar="NAME", help="What the stage is called."),
    _several("-d", "--deps", told="A file or directory that it depends on."),
    _several("-p", "--params", metavar="[FILE:]KEY[,KEY…]", told="Parameters that it depends on (of params.yaml); 'FILE:' is the whole file."),
    _several("-o", "--outs", told="A file or directory that it makes, kept in the cache."),
    _several("-O", "--outs-no-cache", told="The same, kept in Git or nowhere."),
    _several("-m", "--metrics", told="Metrics that it makes, kept in the cache."),
    _several("-M", "--metrics-no-cache", told="The same, kept in Git."),
    _several("--plots", told="A plot that it makes, kept in the cache."),
    _several("--plots-no-cache", told="The same, kept in Git."),
    _several("--outs-persist", told="An out that is not removed before it runs."),
    _several("--outs-persist-no-cache", told="The same, kept in Git or nowhere."),
    click.option("-w", "--wdir", type=FILE, metavar="DIR", help="Directory that the command and all paths are relative to."),
    click.option("--always-changed", is_flag=True, help="Run it whenever it is asked for."),
    click.option("--desc", type=NAME, metavar="TEXT", help="What it is for."),
    click.option("-f", "--force", is_flag=True, help="Change the stage if it is there already."),
    click.argument("words", type=click.UNPROCESSED, nargs=-1, metavar="COMMAND…"),
)  # fmt: skip


def stage_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """All of them."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def definition(work: Work, options: Mapping[str, Any]) -> "Definition":
    """What the options declare, for the `dvc.yaml` of the current directory.

    Raises:
        UsageError: the name or the command is missing.
        UnsafePath: something lies outside of the repository.
    """
    import os

    from vfs.errors import UsageError
    from vfs.pipeline.declare import OUTS, declared

    if not options["name"]:
        raise UsageError("a stage needs a name", hint="-n NAME")
    here = work.target.here
    return declared(
        os.path.join(here, b"dvc.yaml"), options["name"], options["words"],
        wdir=options["wdir"], deps=options["deps"], params=options["params"],
        outs={kind: options[kind] for kind in OUTS},
        always_changed=options["always_changed"], desc=options["desc"],
    )  # fmt: skip
