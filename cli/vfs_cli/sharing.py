"""What `fetch`, `push`, `pull` and `checkout` have in common: options, targets, the lock, and the end that names what failed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from vfs.control.protocol import path_fields
from vfs.errors import DataUnavailable, FormatError, Unsupported, VfsError
from vfs_cli.options import bandwidth_option
from vfs_cli.output import Output
from vfs_cli.parameters import NAME, PATH, REV
from vfs_cli.progress import Progress
from vfs_cli.target import Target, choose, opened
from vfs_cli.text import count, format_size, readable

if TYPE_CHECKING:
    from vfs.sharing.used import Used
    from vfs.tracking.checkout import Done, How
    from vfs.tracking.report import Report, Trouble
    from vfs.tracking.targets import Target as Named
    from vfs.tracking.uses import Use
    from vfs.workspace import Workspace
    from vfs.workspace.surveyed import Survey

_SHOWN = 20
"""Failures that are told one by one to people; JSON has all."""

Decorated = Callable[..., Any]

targets_argument = click.argument("targets", type=PATH, nargs=-1, metavar="[TARGET…]")
glob_option = click.option("--glob", is_flag=True, help="Targets are patterns; '**' matches '/'.")
allow_missing_option = click.option(
    "--allow-missing", is_flag=True, help="Leave out what cannot be had; that is no failure then."
)


class Options(NamedTuple):
    """Values of `sharing_options`."""

    remote: str | None
    jobs: int | None
    revs: tuple[str, ...]
    all_branches: bool
    all_tags: bool
    all_commits: bool
    glob: bool


def sharing_options(function: Decorated) -> Decorated:
    """Options that say what is shared, with whom and how fast; the values of `Options`."""
    for decorate in reversed(
        (
            targets_argument,
            click.option("-r", "--remote", type=NAME, metavar="NAME", help="This remote."),
            click.option(
                "-j", "--jobs", type=click.IntRange(1, 256), metavar="N",
                help="Requests at once (default: transfer.jobs).",
            ),
            click.option(
                "--rev", "revs", type=REV, multiple=True, metavar="REV",
                help="What REV uses; may be repeated (default: the pointers as they lie here).",
            ),
            click.option("--all-branches", is_flag=True, help="What any branch uses, and this tree."),
            click.option("--all-tags", is_flag=True, help="What any tag uses, and this tree."),
            click.option("--all-commits", is_flag=True, help="What any commit uses, and this tree."),
            glob_option,
            bandwidth_option,
        )
    ):  # fmt: skip
        function = decorate(function)
    return function


class Work(NamedTuple):
    """A repository that is worked on.

    Attributes:
        workspace: it.
        targets: what the command line named.
        progress: shown while it lasts.
        output: for the end.
    """

    workspace: "Workspace"
    targets: "list[Named]"
    progress: Progress
    output: Output

    def used(self, options: Options) -> "Used":
        """The outs that are meant; what is wrong with others is a warning, unless it hides some (`hidden`)."""
        from vfs.sharing.used import Scope, used

        scope = Scope(options.revs, options.all_branches, options.all_tags, options.all_commits)
        found = used(self.workspace, scope, self.targets, self.progress.step, glob=options.glob)
        self.progress.clear()
        for problem in [one for one in found.problems if one not in found.hidden][:_SHOWN]:
            self.output.warning(f"{readable(problem.path)}: {problem.message}")
        return found


@contextmanager
def working(texts: Sequence[str], jobs: int | None, output: Output) -> Iterator[Work]:
    """The repository of this directory and the targets in it."""
    from vfs.tracking.targets import Target as Named

    target: Target = choose(None, None, None)
    named = [Named(text, target.path(text)) for text in texts]
    with opened(target, jobs) as workspace, Progress(quiet=output.json) as progress:
        yield Work(workspace, named, progress, output)


def checked_out(
    work: Work, found: "Iterable[Use]", how: "How", whole: "Survey | None" = None
) -> "Done":
    """Check outs out, with what is remembered of this working tree; `whole` are its pointers if all of it is meant."""
    from vfs.state import own_table
    from vfs.tracking.checkout import Checkout
    from vfs.tracking.gone import gone

    workspace = work.workspace
    if workspace.root is None:
        raise Unsupported("a repository without a working tree has nothing to check out into")
    with own_table(workspace.root, workspace.repository.git_dir) as table:
        checkout = Checkout(work.workspace, table, how, work.progress.step)
        if whole is not None:
            checkout.let_go(gone(work.workspace, table, whole))
        return checkout.run(found)


def show_checkout(output: Output, done: "Done") -> None:
    """The figures of a checkout, and what it left alone."""
    if output.json:
        fields = {"files": done.files, "removed": done.removed, "same": done.same}
        fields |= {"kept": len(done.kept), "absent": len(done.absent)}
        output.document("checkout", fields | {"failed": len(done.troubles)})
        return
    was = "was" if done.same == 1 else "were"
    output.line(
        f"{count(done.files, 'file')} checked out, {done.removed} removed, {done.same} {was} right"
    )
    for path in done.absent[:_SHOWN]:
        output.note(f"left out, as the cache does not have it: {readable(path)}")
    for path in done.kept[:_SHOWN]:
        output.note(f"kept, though it is not recorded: {readable(path)}")


def hidden(found: "Used") -> "list[Trouble]":
    """The failures of a verb that may have left something out: pointers and locks of which nobody knows what they name."""
    from vfs.tracking.report import Trouble

    return [Trouble(one.path, FormatError(one.message, hint=one.hint)) for one in found.hidden]


def show(output: Output, kind: str, verb: str, report: "Report") -> None:
    """The figures of a run."""
    if output.json:
        fields = {"files": report.files, "size": report.size, "present": report.present}
        output.document(kind, fields | {"failed": len(report.troubles)})
        return
    here = f"{report.present} {'was' if report.present == 1 else 'were'} there already"
    output.line(f"{count(report.files, 'object')} {verb} ({format_size(report.size)}), {here}")


def conclude(output: Output, verb: str, troubles: "Sequence[Trouble]") -> None:
    """Name what failed; raises an error if anything did."""
    for number, (path, error) in enumerate(troubles):
        if output.json:
            fields = {**path_fields(path), "code": error.code, "message": error.message}
            output.document("failed", fields)
        elif number < _SHOWN:
            output.warning(f"{readable(path)}: {error.message}")
    if not troubles:
        return
    first: VfsError = troubles[0].error
    alike = all(type(trouble.error) is type(first) for trouble in troubles)
    kind = type(first) if alike else DataUnavailable
    more = f", {len(troubles) - _SHOWN} of them not named here" if len(troubles) > _SHOWN else ""
    hint = first.hint if alike else None  # what mends one would not mend the others
    raise kind(f"{count(len(troubles), 'path')} could not be {verb}{more}", hint=hint)
