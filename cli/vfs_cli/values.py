"""What `vfs params` and `vfs metrics` have in common: two actions, revisions, tables."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vfs.errors import UnknownPath, UsageError, VfsError
from vfs_cli.exits import MOUNT, READ, SNAPSHOT
from vfs_cli.failure import FOUND_WRONG
from vfs_cli.output import Output
from vfs_cli.parameters import FILE, REV
from vfs_cli.target import WORKTREE, Target, choose

if TYPE_CHECKING:
    from vfs.values.collect import Values
    from vfs.values.tree import Tree

EXITS = (*MOUNT, *SNAPSHOT, UnknownPath, *READ)
WRONG = "something could not be read; it is named, and the rest is shown"

action_argument = click.argument("action", type=click.Choice(["show", "diff"]))
revisions_argument = click.argument("revisions", type=REV, nargs=-1, metavar="[REV…]")
targets_option = click.option(
    "--targets",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Only this file or directory, also if no dvc.yaml names it; may be repeated.",
)
all_option = click.option("--all", "every", is_flag=True, help="With diff: what is the same, too.")
no_path_option = click.option("--no-path", is_flag=True, help="Without the column of files.")
shape_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object, in the shape of DVC's."
)
md_option = click.option("--md", "as_md", is_flag=True, help="Print a table of Markdown.")


def meant(
    action: str, revisions: Sequence[str], repo: str | None, mount: str | None
) -> tuple[list[str], Target]:
    """The revisions that a command line means, older first, and whose they are.

    Raises:
        UsageError: `diff` of more than two.
        VfsError: as `choose`.
    """
    target = choose(repo, mount, None)
    has_tree = target.mount is None and Path(target.repo, ".git").exists()
    now = WORKTREE if has_tree else target.rev
    if action == "show":
        return list(dict.fromkeys(revisions)) or [now], target
    if len(revisions) == 1 and ".." in revisions[0] and "..." not in revisions[0]:
        left, _, right = revisions[0].partition("..")
        revisions = (left or "HEAD", right or "HEAD")
    if len(revisions) > 2:
        raise UsageError("more than two revisions", hint="diff [REV [REV]]")
    return [*revisions, *(["HEAD", now][len(revisions) :])][:2], target


def report(
    output: Output,
    target: Target,
    found: "Mapping[str, Values]",
    *,
    noun: str,
    action: str,
    named: bool,
    every: bool,
    no_path: bool,
    precision: int | None,
    as_md: bool,
) -> None:
    """Print values of revisions; ends with 1 if something could not be read.

    Args:
        output: where to.
        target: says how paths are typed here.
        found: by revision.
        noun: `Metric` or `Param`.
        action: `show` or `diff`.
        named: whether revisions were named.
        every: with `diff`: what is the same, too.
        no_path: without the column of files.
        precision: digits after the point; None: all.
        as_md: a table of Markdown.
    """
    from vfs.values.compare import difference, to_json
    from vfs.values.table import compared, markdown, shown

    documents = {rev: typed(target, values.documents) for rev, values in found.items()}
    if action == "diff":
        (old, before), (new, after) = _two(documents)
        changes = difference(before, after, unchanged=every)
        whole: Any = changes
        is_metric = noun == "Metric"
        table = compared(
            changes, noun, (old, new), changes=is_metric, precision=precision, no_path=no_path
        )
    else:
        whole = {
            rev if named else "": _shape(target, values, documents[rev])
            for rev, values in found.items()
        }
        table = shown(documents, noun, precision=precision, no_path=no_path)
    if output.json:
        output.line(to_json(whole))
    elif as_md:
        for line in markdown(*table).split("\n"):
            output.line(line)
    elif table[1]:
        output.table(*table)
    else:
        output.note("nothing differs" if action == "diff" else f"no {noun.lower()}s")
    problems = {(r, f): e for r, values in found.items() for f, e in values.problems.items()}
    tell(output, target, problems)


def _two(documents: "dict[str, dict[str, Any]]") -> "list[tuple[str, dict[str, Any]]]":
    """Old and new; of a revision compared with itself there is one only."""
    pairs = list(documents.items())
    return pairs * 2 if len(pairs) == 1 else pairs


def _shape(target: Target, values: "Values", documents: dict[str, Any]) -> dict[str, Any]:
    """One revision in DVC's shape."""
    data: dict[str, Any] = {file: {"data": document} for file, document in documents.items()}
    for file, error in typed(target, values.problems).items():
        data[file] = {"error": {"type": error.code, "msg": error.message}}
    return {"data": data}


def tell(output: Output, target: Target, problems: Mapping[tuple[str, str], VfsError]) -> None:
    """Name what could not be read, on standard error; then end with 1."""
    from vfs.values.declared import path_of, text

    for (rev, file), error in problems.items():
        name = text(target.typed(path_of(file)))
        said = error.message if file in error.message else f"{name}: {error.message}"
        output.warning(f"{rev}: {said}{f' ({error.hint})' if error.hint else ''}")
    if problems:
        raise click.exceptions.Exit(FOUND_WRONG)


def typed(target: Target, files: Mapping[str, Any]) -> dict[str, Any]:
    """Files by the path that one would type here."""
    from vfs.values.declared import path_of, text

    return {text(target.typed(path_of(file))): value for file, value in files.items()}


Reader = Callable[["Tree", Sequence[bytes]], "Values"]


def read(
    reader: Reader, target: Target, revisions: Sequence[str], targets: Sequence[str], quiet: bool
) -> "dict[str, Values]":
    """The values of each revision. Raises as `trees`; files that cannot be read are problems."""
    from vfs_cli.trees import trees

    paths = [target.path(text) for text in targets]
    with trees(target, list(dict.fromkeys(revisions)), quiet=quiet) as found:
        return {tree.name: reader(tree, paths) for tree in found}
