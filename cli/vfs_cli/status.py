"""`vfs status`: what differs between pointers and working tree, and what is mounted."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vfs.control.protocol import path_fields
from vfs.control.registry import MountRecord, repository_root
from vfs.errors import FormatError, NoSuchMount, UnknownPath, UsageError
from vfs_cli.exits import CACHE, MOUNT, OPEN, READ
from vfs_cli.failure import FOUND_WRONG
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import NAME, TARGET
from vfs_cli.status_mounts import all_usable, show_mount, show_mounts
from vfs_cli.status_stages import Stages, show_stages
from vfs_cli.target import Target, choose, mounted, opening
from vfs_cli.text import count, readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vfs.tracking.status import OutStatus, Report
    from vfs.types import Problem

_SHOWN = 20
_MARKS = {"modified": "M ", "deleted": "D ", "new": "A "}


@click.command(
    "status",
    cls=VerbCommand,
    examples=(
        ("vfs status", "what differs from the pointers, and the mounts of this repository"),
        ("vfs status data/images --granular", "which files of a tracked directory"),
        ("vfs status --remote", "also what the remotes lack; the only form that asks them"),
        ("vfs status -q || vfs commit", "in a script"),
        ("vfs status /mnt/data", "one mount: what it shows, what it fetched, what went wrong"),
        ("vfs status -q /mnt/data", "in a script: whether it answers and serves all that it shows"),
        ("vfs status --mounts", "all mounts of this user"),
        ("vfs status --json", "the same for programs"),
    ),
    exits=(*MOUNT, *OPEN, FormatError, UnknownPath, *READ, *CACHE),
    wrong="with --quiet: something differs, or cannot be used",
)
@click.argument("targets", type=TARGET, nargs=-1, metavar="[TARGET…|MOUNTPOINT]")
@click.option("--granular", is_flag=True, help="Show each file inside tracked directories.")
@click.option(
    "--remote",
    "ask",
    is_flag=True,
    help="Ask the remotes what they lack, and URLs that stages depend on.",
)
@click.option("-r", "remote", type=NAME, metavar="NAME", help="The same, of this remote.")
@click.option("--glob", is_flag=True, help="Targets are patterns; '**' matches '/'.")
@click.option("--mounts", is_flag=True, help="Show mounts only: all of this user.")
@click.option(
    "-q",
    "--quiet",
    is_flag=True,
    help="Print nothing; end with 1 if something differs or cannot be used.",
)
@click.option("-v", "--verbose", is_flag=True, help="Add every counter of the mount's daemon.")
@json_option
def command(
    targets: tuple[str, ...],
    granular: bool,
    ask: bool,
    remote: str | None,
    glob: bool,
    mounts: bool,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Show what differs between pointers and working tree, and what is mounted.

    In a repository: tracked files and directories whose content is not what their pointer says, or of which DVC's cache lacks
    something (what never was here is counted, and is no difference); stages that `vfs repro` would run, and why, and which files their last runs looked for in vain that are there now; then the mounts of the repository. Elsewhere, all mounts. A target is a pointer, a tracked path, a path inside
    one, a directory, or a stage; a mount point means that mount. A dvc.yaml, lock or pointer that cannot be read is named, and the verb ends with 9 after it showed the rest. Dead mounts are listed, which is no error; that the daemon of a
    mount that was named is gone, or one that runs does not answer, is one.
    """
    output = Output(as_json)
    record = None if mounts or glob else _mount(targets)
    if record is not None:
        _end(show_mount(output, record, verbose=verbose, quiet=quiet))
        return
    if verbose:
        raise UsageError("--verbose is about one mount", hint="vfs status --verbose MOUNTPOINT")
    root = repository_root(Path.cwd())
    if mounts or root is None or not (root / ".git").exists():
        if quiet:
            _end(not all_usable())
        elif not show_mounts(output, None) and not output.json:
            output.line("nothing is mounted")
        return
    asking = ask or remote is not None
    report, stages, target = _looked(root, targets, glob, asking)
    broken = any(one.code == FormatError.code for one in report.problems)
    differs = any(not out.clean for out in report.outs) or bool(stages.changed) or broken
    if not quiet:
        _show(output, report, stages, target, granular)
    if asking:
        from vfs_cli.status_remote import show_remotes

        differs |= show_remotes(output, target, targets, remote, glob=glob, quiet=quiet)
    if not targets and not quiet:
        show_mounts(output, root)
    if not quiet:
        _refuse_unknown(report)
    _end(quiet and differs)


def _refuse_unknown(report: "Report") -> None:
    """Raises FormatError: what was shown may not be all."""
    unknown = next(filter(_is_unknown, report.problems), None)
    if unknown is not None:
        raise FormatError("not all outs of the pipeline are known (above)", hint=unknown.hint)
    if report.unreadable:
        raise FormatError(
            "a file cannot be read (above), so not all that is recorded is known",
            hint=report.unreadable.hint or None,
        )


def _is_unknown(problem: "Problem") -> bool:
    """Whether a pipeline cannot be resolved for want of something that is recorded: there may be more outs than were looked at."""
    of_pipeline = problem.path.endswith((b"dvc.yaml", b"dvc.lock"))
    return of_pipeline and problem.heals and problem.code == FormatError.code


def _end(wrong: bool) -> None:
    """With the code that tells a script."""
    if wrong:
        raise click.exceptions.Exit(FOUND_WRONG)


def _mount(targets: tuple[str, ...]) -> MountRecord | None:
    """The mount that the only target names; None if it may be a path of this repository."""
    if len(targets) != 1:
        return None
    root = repository_root(Path.cwd())
    try:
        record = mounted(targets[0], Path.cwd())
    except NoSuchMount:
        if root is None:
            raise
        return None
    typed, point = Path(os.path.normpath(Path.cwd() / targets[0])), record.mountpoint
    if root is None or not typed.is_relative_to(root) or typed.is_relative_to(point):
        return record  # nothing of the mount was looked at: it may hang
    return (
        None if typed.resolve() != point else record
    )  # an out that is a link into a mount is an out


def _looked(
    root: Path, targets: tuple[str, ...], glob: bool, asking: bool
) -> "tuple[Report, Stages, Target]":
    import gc

    from vfs.pipeline.aside import kept_in
    from vfs.tracking.status import open_state, status
    from vfs.tracking.targets import Target as Named
    from vfs.workspace.here import survey_here

    target = choose(str(root), None, None)
    here = choose(None, None, None)
    target = here if here.mount is None else target
    named = [Named(text, target.path(text)) for text in targets]
    gc.disable()  # a fifth of the time went into looking for circles, of which there are none
    try:
        survey = survey_here(root)
        aside = [] if named else kept_in(root, survey.roots.paths())
        with open_state(root) as table:
            if not survey.pipelines and not survey.claims.commands:
                report = status(root, table, named, glob=glob, surveyed=survey)
                return report, Stages(kept=aside), target
            from vfs.pipeline.ghosts import hints
            from vfs.pipeline.status import judged, stages_meant

            among = stages_meant(root, survey, named, target.here, glob=glob)
            try:
                report = status(root, table, named, glob=glob, surveyed=survey, met=among.met)
            except UnknownPath as error:
                paths = [one.path for one in named]
                raise among.tree.explained(error, paths, target.here) from None
            with opening(target) as workspace:
                changed = judged(root, survey, table, among, report, workspace if asking else None)
            said = among.tree.broken_files, {problem.message for problem in among.problems}
            others = [
                one for one in report.problems
                if one.message not in said[1]
                and (one.code != FormatError.code or one.path not in said[0])
            ]  # fmt: skip
            report.problems = among.problems + others
            report.unreadable = among.problems[0] if among.tree.broken else None
            found = Stages(len(among.stages), changed, aside, hints(root, among.stages))
            return report, found, target
    finally:
        gc.enable()


def _show(output: Output, report: "Report", stages: Stages, target: Target, granular: bool) -> None:
    outs = [out for out in report.outs if not out.never_made]
    changed = [out for out in outs if not out.clean]
    for out in outs:
        if output.json and (not out.clean or out.not_here):
            _document(output, out, granular)
        elif not output.json and (not out.clean or (granular and out.not_here)):
            _lines(output, out, target, granular)
    show_stages(output, stages, target)
    _show_only_here(output, report, target, granular)
    for problem in (*report.problems, *report.notes)[:_SHOWN]:
        path = readable(problem.path)
        told = problem.message.startswith(path + ":")
        output.warning(problem.message if told else f"{path}: {problem.message}")
    if output.json:
        only_here = sum(len(out.only_here) for out in report.outs)
        counts = {"outs": len(outs), "changed": len(changed), "only_here": only_here}
        counts["not_here"] = sum(1 for out in outs if out.not_here)
        counts |= {"stages": stages.total, "stages_changed": len(stages.changed)}
        output.document("summary", counts)
        return
    if outs and not changed and not report.unreadable:
        output.line(_in_order(outs))
    elif not outs and not report.problems and not stages.total:
        output.line("no data is tracked here")
    if stages.total and not stages.changed:
        output.line(f"{count(stages.total, 'stage')}: nothing to run")


def _in_order(outs: "Sequence[OutStatus]") -> str:
    """What there is to say of outs of which none differs."""
    paths = count(len(outs), "tracked path")
    never = sum(1 for out in outs if out.absent)
    partly = sum(1 for out in outs if out.not_here) - never
    if not never and not partly:
        return f"{paths}: all as the pointers say"
    rest = "(vfs pull brings the rest, vfs mount shows it)"
    if never == len(outs):
        return f"{paths}: nothing of {'it' if never == 1 else 'them'} is here {rest}"
    parts = [f"{never} not here"] if never else []
    parts += [f"{partly} here in part"] if partly else []
    return f"{paths}: {', '.join(parts)}, what is here is as the pointers say {rest}"


def _show_only_here(output: Output, report: "Report", target: Target, granular: bool) -> None:
    """What changes or deletions would lose for good."""
    if output.json:
        return
    for out in report.outs:
        if out.only_here:
            files = count(len(out.only_here), "file")
            output.path(target.typed(out.use.out.path), f"{'only here':<14} ")
            output.line(
                f"    {files} in no cache and on no remote until vfs push: changes lose them"
            )
            for path in out.only_here if granular else ():
                output.path(target.typed(path), "    = ")


def _lines(output: Output, out: "OutStatus", target: Target, granular: bool) -> None:
    output.path(target.typed(out.use.out.path), f"{_word(out):<14} ")
    if counts := _counts(out):
        output.line(f"    {counts}")
    if granular and out.use.out.is_tree:
        for file in out.files:
            output.path(target.typed(file.path), f"    {_MARKS[file.change]}")
        for missing in out.missing:
            output.path(target.typed(missing), "    ! ")
        for path in () if out.absent else out.not_here:
            output.path(target.typed(path), "    - ")


def _word(out: "OutStatus") -> str:
    """What is said of an out."""
    if not out.clean:
        return out.change or "not in cache"
    return "not here" if out.absent else "here in part"


def _counts(out: "OutStatus") -> str:
    """How many files of a directory differ."""
    parts = []
    if out.use.out.is_tree:
        for change in ("modified", "new", "deleted"):
            number = sum(1 for file in out.files if file.change == change)
            parts += [f"{number} {change}"] if number else []
        if out.not_here and not out.absent:
            parts.append(f"{len(out.not_here)} not here")
    if out.unlisted:
        parts.append("the cache does not have its list, or has it damaged: vfs fetch brings it")
    elif out.missing and (out.change is not None or out.use.out.is_tree):
        parts.append(f"{count(len(out.missing), 'file')} not in cache")
    if out.lost:
        parts.append(f"{count(len(out.lost), 'content')} lost, which only the working tree had")
    return ", ".join(parts)


def _document(output: Output, out: "OutStatus", granular: bool) -> None:
    fields = {
        **path_fields(out.use.out.path),
        "pointer": out.use.claim.pointer.decode("utf-8", "backslashreplace"),
        "change": "not-here" if out.absent else out.change,
        "files": len(out.files),
        "not_in_cache": len(out.missing) + out.unlisted,
        "not_here": len(out.not_here),
        "lost": len(out.lost),
    }
    output.document("out", fields)
    if granular:
        for file in out.files:
            output.document("file", {**path_fields(file.path), "change": file.change})
        for missing in out.missing:
            output.document("file", {**path_fields(missing), "change": "not-in-cache"})
        for path in () if out.absent else out.not_here:
            output.document("file", {**path_fields(path), "change": "not-here"})
