"""The part of `vfs status` that is about stages: which would run and why, and what their runs moved aside."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from vfs.control.protocol import path_fields
from vfs_cli.output import Output
from vfs_cli.target import Target

if TYPE_CHECKING:
    from vfs.pipeline.ghosts import Appeared
    from vfs.pipeline.status import Judged


class Stages(NamedTuple):
    """What was found of stages.

    Attributes:
        total: of those that were looked at.
        changed: those that would run.
        kept: directories of what runs moved aside, of the repository.
        appeared: what their last runs looked for in vain, and is there now.
    """

    total: int = 0
    changed: "Sequence[Judged]" = ()
    kept: Sequence[bytes] = ()
    appeared: "Sequence[Appeared]" = ()


def show_stages(output: Output, stages: Stages, target: Target) -> None:
    """Those that would run, what they looked for that is there now, then what was kept."""
    for judged in stages.changed:
        _show(output, judged, target)
    for one in stages.appeared:
        _show_appeared(output, one, target)
    for path in stages.kept:
        if output.json:
            output.document("kept", path_fields(path))
        else:
            output.path(target.typed(path), f"{'kept aside':<14} ")
    if stages.kept and not output.json:
        output.line(
            "    was in the way of a stage's outs, and in no cache: delete what you do not need"
        )


def _show(output: Output, judged: "Judged", target: Target) -> None:
    from vfs_cli.pipelines import reason_fields, told

    name = judged.stage.address(target.here)
    if output.json:
        reasons = [reason_fields(reason) for reason in judged.reasons]
        output.document("stage", {"stage": name, "changed": True, "reasons": reasons})
        return
    output.line(f"{'changed stage':<14} {name}")
    for reason in judged.reasons:
        output.line(f"    {told(reason, judged.stage, target.here)}")


def _show_appeared(output: Output, appeared: "Appeared", target: Target) -> None:
    """A hint: it makes no stage run."""
    name = appeared.stage.address(target.here)
    if not output.json:
        output.line(f"{'hint':<14} {name}: {appeared.told()}")
        return
    for path in appeared.paths:
        output.document("appeared", {"stage": name, **path_fields(path)})
