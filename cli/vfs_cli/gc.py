"""`vfs gc`: remove objects that nothing needs from DVC's cache, or from a remote."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vfs.config.units import parse_duration
from vfs.control.client import call
from vfs.control.registry import find_mounts
from vfs.errors import DaemonError, RepositoryBusy, UsageError
from vfs_cli.exits import CACHE, READ, SNAPSHOT
from vfs_cli.gc_packed import show_garbage
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, wait_option
from vfs_cli.output import Output
from vfs_cli.parameters import NAME, REV, Text
from vfs_cli.sharing import working
from vfs_cli.text import count, date, format_size

if TYPE_CHECKING:
    from vfs.objects.leftovers import Leftover
    from vfs.sharing.gc import Collected
    from vfs.workspace import Workspace
    from vfs.workspace.condemned import Stored

_SHOWN = 20
_ANSWER_SECONDS = 10.0


@click.command(
    "gc",
    cls=VerbCommand,
    examples=(
        ("vfs gc --workspace --dry-run", "what would go if only the working tree counted"),
        ("vfs gc --all-branches --all-tags", "keep what any branch or tag names"),
        ("vfs gc --all-commits --remote store", "on a remote: what no commit names"),
    ),
    exits=(*SNAPSHOT, *READ, *CACHE, RepositoryBusy, UsageError),
)
@click.option("-w", "--workspace", is_flag=True, help="Keep what the working tree uses; always so.")
@click.option(
    "--rev", "revs", type=REV, multiple=True, metavar="REV",
    help="Keep what REV uses; may be repeated.",
)  # fmt: skip
@click.option("-a", "--all-branches", is_flag=True, help="Keep what any branch uses.")
@click.option("-T", "--all-tags", is_flag=True, help="Keep what any tag uses.")
@click.option("-A", "--all-commits", is_flag=True, help="Keep what any commit uses.")
@click.option("-r", "--remote", type=NAME, metavar="NAME", help="Collect on this remote instead.")
@click.option(
    "--older-than", type=Text("age"), metavar="AGE",
    help="Keep what is younger: '12h', '30d' (default: 1d in the cache, 14d on a remote).",
)  # fmt: skip
@click.option(
    "-p", "--project", "projects", multiple=True, metavar="DIR", type=Text("directory", "dir"),
    help="A repository that shares the cache or remote; may be repeated.",
)  # fmt: skip
@click.option("--skip-broken", is_flag=True, help="Go on where a pointer or list cannot be read.")
@click.option("-n", "--dry-run", "--dry", is_flag=True, help="Say what would go; remove nothing.")
@wait_option
@json_option
def command(
    workspace: bool,
    revs: tuple[str, ...],
    all_branches: bool,
    all_tags: bool,
    all_commits: bool,
    remote: str | None,
    older_than: str | None,
    projects: tuple[str, ...],
    skip_broken: bool,
    dry_run: bool,
    wait: float,
    as_json: bool,
) -> None:
    """Remove objects that nothing needs from DVC's cache, or from a remote.

    Kept: what the given scope names, and always the working trees of this repository, what is staged in them, mounts of it, pins, and whatever is
    younger than --older-than. In the cache, what an earlier commit names goes only if a remote has it now; on a remote, everything
    stays that a commit names which no remote-tracking branch has. 'git fetch' right before each run on a remote: commits that this
    machine does not know keep nothing. A list of files that cannot be read ends the command before anything is removed.

    On a remote it takes two runs: the first condemns what nothing needs and is older than --older-than, one that comes --older-than later removes it;
    pushes of vfs that begin between do not count on it, and send it again ('dvc push' does count on it, so its commits have to be fetched before the second run). --older-than must be longer than the longest push, and than a commit takes from
    there to 'git push'; 0 says that nobody pushes now: in DVC's layout all goes at once. Packs of a packed remote of which less than half is needed are repacked.

    What killed pushes left half-written in a remote that is a directory goes when nobody has written to it for a day.
    """
    if not (workspace or revs or all_branches or all_tags or all_commits):
        raise UsageError(
            "what is to be kept must be said",
            hint="vfs gc --all-commits (the most), or --workspace (the least); --dry-run shows what would go",
        )
    from vfs.sharing.gc import GRACE_HERE, GRACE_REMOTE, Collection, Wish
    from vfs.sharing.gc import projects as others
    from vfs.sharing.used import Scope
    from vfs.state import spare_table

    grace = _age(older_than, GRACE_HERE if remote is None else GRACE_REMOTE)
    output = Output(as_json)
    with working((), None, output) as work, ExitStack() as stack:
        own = work.workspace
        shared = others(own, projects)
        stack.enter_context(_locked([own, *shared], wait))
        scope = Scope(revs, all_branches, all_tags, all_commits)
        wish = Wish(scope, _mounted(own), grace, dry_run, skip_broken, shared)
        table = stack.enter_context(spare_table(own.repository.git_dir))
        collection = Collection(own, table, wish, work.progress.step)
        if remote is None:
            _check_shared(own, projects)
            done, packed, left = collection.caches(), [], []
        else:
            packed = collection.packed(remote)
            done = [] if packed else collection.remote(remote)
            left = collection.leftovers(remote)
    for one in done:
        _show(output, one, dry_run)
    for garbage in packed:
        show_garbage(output, garbage, dry_run)
    _show_left(output, left, dry_run)


def _age(text: str | None, default: float) -> float:
    if text is None:
        return default
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--older-than {text!r}: {error}") from error


def _locked(workspaces: "list[Workspace]", wait: float) -> ExitStack:
    """DVC's lock of every DVC repository in some working trees."""
    from vfs.objects import writing
    from vfs.workspace.here import survey_here

    with ExitStack() as stack:
        tops = [one.root for one in workspaces if one.root is not None]
        roots = {
            top / root.decode("utf-8", "surrogateescape")
            for top in tops
            for root in survey_here(top).roots.paths()
        }
        for root in sorted(roots):
            if (root / ".dvc").is_dir():
                stack.enter_context(writing(root, wait))
        return stack.pop_all()


def _mounted(workspace: "Workspace") -> list[str]:
    """What mounts of this repository show; one that does not answer counts by its name.

    Raises:
        DaemonError: a mount does not answer, and what it was given as a revision is none any more.
    """
    from vfs.git import Repository

    found = []
    for record in find_mounts():
        path = Path(record.repo)
        if not path.is_absolute() or not path.exists():
            continue
        if Repository.open(path).common_dir != workspace.repository.common_dir:
            continue
        try:
            status: dict[str, Any] = call(record, "status", timeout=_ANSWER_SECONDS)
            found.append(str(status.get("commit") or status.get("rev") or record.rev))
        except DaemonError:
            found.append(record.rev)
    return [rev for rev in found if rev != "worktree"]  # all working trees count anyway


def _check_shared(workspace: "Workspace", projects: tuple[str, ...]) -> None:
    """Refuse a cache that others may use, unless they are named."""
    from vfs.workspace.here import survey_here
    from vfs.workspace.stores import main_root

    root = workspace.root
    assert root is not None
    homes = [home for home in (root, main_root(workspace.repository, root)) if home is not None]
    for store in survey_here(root).roots.stores():
        for cache in store.caches:
            inside = any(Path(cache).resolve().is_relative_to(home.resolve()) for home in homes)
            if not inside and not projects:
                raise UsageError(
                    f"the cache {cache} lies outside this repository; others may use it",
                    hint="name all that do: --project DIR (if there is none: --project .)",
                )


def _show_left(output: Output, left: "list[Leftover]", dry: bool) -> None:
    """Temporary files that went."""
    for one in left if output.json else ():
        output.document("garbage", {"object": one.path, "size": one.size, "what": "leftover"})
    if left and not output.json:
        verb, size = "would go" if dry else "removed", sum(one.size for one in left)
        what = count(len(left), "temporary file")
        output.line(f"{what} of killed pushes {verb} ({format_size(size)})")


def _show(output: Output, done: "Collected", dry: bool) -> None:
    for note in done.notes:
        output.warning(note)
    (_document if output.json else _say)(output, done, dry)


def _document(output: Output, done: "Collected", dry: bool) -> None:
    from vfs.formats.layout import object_path

    for what, some in (("removed", done.removed), ("condemned", done.condemned)):
        for one in some:
            name = object_path(one.digest, is_tree=one.is_tree)
            output.document("garbage", {"object": name, "size": one.size, "what": what})
    fields = {"place": done.place, "removed": len(done.removed), "freed": done.freed}
    more = {"kept": done.kept, "young": done.young, "only_here": done.only_here, "dry_run": dry}
    two = {"condemned": len(done.condemned), "waiting": len(done.waiting)}
    output.document("gc", fields | more | two | {"due": round(done.due)})


def _say(output: Output, done: "Collected", dry: bool) -> None:
    if dry:
        for one in done.removed:
            output.line(_named(one))
        for one in done.condemned:
            output.line(f"{_named(one)}  (condemned first)")
    verb, size = "would go" if dry else "removed", sum(one.size for one in done.condemned)
    condemned = (
        f"{len(done.condemned)} {'would be ' if dry else ''}condemned ({format_size(size)}), "
    )
    output.line(
        f"{done.place}: {count(len(done.removed), 'object')} {verb} ({format_size(done.freed)}), "
        f"{condemned if done.condemned else ''}{done.kept} kept"
    )
    waiting = done.waiting + ([] if dry else done.condemned)
    if waiting:
        bytes_ = format_size(sum(one.size for one in waiting))
        output.note(
            f"{count(len(waiting), 'condemned object')} ({bytes_}): `vfs gc` again from {date(done.due)} on removes what nothing needs by then"
        )
    if done.young:
        output.note(f"younger than --older-than, so kept: {count(done.young, 'object')}")
    if done.only_here:
        output.note(
            f"on no remote, so kept: {count(done.only_here, 'object')} of earlier commits; "
            "`vfs push --all-commits` sends what is not there"
        )


def _named(one: "Stored") -> str:
    name = one.digest.hex + (".dir" if one.is_tree else "")
    return f"{name:<36} {format_size(one.size)}"
