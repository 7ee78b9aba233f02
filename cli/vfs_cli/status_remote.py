"""The part of `vfs status` that asks remotes."""

from typing import TYPE_CHECKING

from vfs.control.protocol import path_fields
from vfs_cli.output import Output
from vfs_cli.progress import Progress
from vfs_cli.target import Target, opened
from vfs_cli.text import count

if TYPE_CHECKING:
    from vfs.sharing.missing import OnRemote


def show_remotes(
    output: Output,
    target: Target,
    targets: tuple[str, ...],
    remote: str | None,
    *,
    glob: bool,
    quiet: bool,
) -> bool:
    """Show unless `quiet`, what the remotes lack of the working tree's pointers; whether they lack anything."""
    from vfs.sharing.missing import missing
    from vfs.sharing.used import Scope, used
    from vfs.state import spare_table
    from vfs.tracking.targets import Target as Named

    named = [Named(text, target.path(text)) for text in targets]
    with opened(target) as workspace, Progress(quiet=output.json) as progress:
        found = used(workspace, Scope(), named, progress.step, glob=glob, apart=True)
        with spare_table(workspace.repository.git_dir) as table:
            remotes = missing(workspace, table, remote, found)
    for one in () if quiet else remotes:
        _show(output, target, one, all_known=not found.hidden)
    return any(one.outs for one in remotes) or bool(found.hidden)


def _show(output: Output, target: Target, one: "OnRemote", *, all_known: bool) -> None:
    for use, lacking in one.outs:
        if output.json:
            fields = {**path_fields(use.out.path), "remote": one.name, "missing": lacking}
            output.document("not-on-remote", fields)
        else:
            output.path(target.typed(use.out.path), f"not on {one.name:<7} ")
            output.line(f"    {count(lacking, 'object')} missing there")
    if not one.outs and not output.json:
        output.line(f"remote {one.name} has everything{'' if all_known else ' that is known'}")
