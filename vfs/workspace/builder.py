"""A Git tree -> a snapshot.

Steps: learn the sizes of new Git blobs; find the pointers; read configuration; decide which outs
are served; make a leaf of each; put the leaves over the Git tree.

Rule: nothing a pointer says stops the others: whatever cannot be served is a `Problem` on its path.
Only a damaged repository or catalog raises.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

from vfs.core.paths import MAX_PATH, show
from vfs.core.ranges import LARGEST, too_large
from vfs.errors import FormatError, Unsupported, VfsError
from vfs.formats.hashing import believable
from vfs.formats.lfs import parse_lfs_pointer
from vfs.git import MODE_COMMIT, MODE_TREE, Repository, TreeItem
from vfs.types import Entry, Kind, Problem, Severity
from vfs.workspace.directory import Directory
from vfs.workspace.graft_outs import Grafted, OutGrafter, broken, may_wait
from vfs.workspace.grafts import Grafts
from vfs.workspace.hashes import Hashes
from vfs.workspace.ignore import Rules
from vfs.workspace.import_refs import Base
from vfs.workspace.imports import ImportGrafter, OpenSource
from vfs.workspace.lfs import lfs_problems
from vfs.workspace.listings import Listings
from vfs.workspace.merged import MISSING, GitView, MergedDirectory
from vfs.workspace.origins import LfsOrigin
from vfs.workspace.outs import Claim, Claims, Parser
from vfs.workspace.patience import PATIENCE
from vfs.workspace.plan import Plan
from vfs.workspace.pointers import Progress, Summaries
from vfs.workspace.session import Session
from vfs.workspace.snapshot import Snapshot
from vfs.workspace.stores import (
    Roots,
    Surroundings,
)
from vfs.workspace.summary import Mark, is_file
from vfs.workspace.survey import survey
from vfs.workspace.urls import UrlGrafter

_THREADS = 8


class Builder:
    """Builds one snapshot of one repository.

    `repository` has the objects (for the working tree a scratch store), `home` is the user's.
    """

    def __init__(
        self,
        session: Session,
        repository: Repository,
        home: Repository,
        where: Surroundings,
        listings: Listings,
        parser: Parser,
        open_source: OpenSource,
        hashes: Hashes,
        plan: Plan,
        progress: Progress,
    ) -> None:
        self._session = session
        self._repository = repository
        self._home = home
        self._where = where
        self._listings = listings
        self._parser = parser
        self._open_source = open_source
        self._hashes = hashes
        self._plan = plan
        self._progress = progress
        self._problems: list[Problem] = []
        self._grafts = Grafts()
        self._summaries = Summaries(session.catalog, repository, progress)

    def build(self) -> Snapshot:
        """The snapshot.

        Raises:
            StoreError: the repository or the catalog is damaged.
            RemoteError: a partial clone's remote did not give an object.
        """
        plan = self._plan
        inside = self._scope_tree()
        if inside is not None:
            self._summaries.contents(inside, plan.time)
        surveyed = survey(
            self._session, self._repository, self._summaries, self._where, self._parser, plan
        )
        self._problems += surveyed.problems
        self._problems += [p for p in surveyed.claims.problems if self._in_scope(p.path)]
        if inside is not None:
            self._put_special(inside)
        self._put_claims(surveyed.claims, surveyed.roots)
        return self._finish(surveyed.rules)

    # Scope ------------------------------------------------------------------------------------

    def _in_scope(self, path: bytes) -> bool:
        scope = self._plan.scope
        return (
            not scope
            or path == scope
            or path.startswith(scope + b"/")
            or scope.startswith(path + b"/")
        )

    def _scope_tree(self) -> bytes | None:
        """The Git tree whose blobs' sizes are needed; a file's parent directory for a file."""
        scope, tree = self._plan.scope, self._plan.tree
        if not scope:
            return tree
        item = self._repository.find(tree, scope)
        if item is None:
            return None
        if item.mode == MODE_TREE:
            return item.oid
        if is_file(item.mode):
            self._repository.ensure_blobs([item.oid])
        return None

    # Leaves -----------------------------------------------------------------------------------

    def _put_special(self, tree: bytes) -> None:
        """Git LFS pointers whose path has filter=lfs become the files they name; missing blobs."""
        prefix = self._plan.scope
        blobs = []
        special = list(self._summaries.special(tree, self._plan.time))
        refusal = self._summaries.fetch(oid for mark, _, oid in special if mark is Mark.MISSING)
        for mark, below, oid in special:
            path = prefix + b"/" + below if prefix else below
            if mark is Mark.MISSING:
                self._report_missing(path, oid, refusal)
            elif self._repository.is_lfs(self._plan.tree, path):
                blob = parse_lfs_pointer(self._repository.read_blob(oid))
                if blob is not None and not believable(blob.digest, blob.size):
                    refused = FormatError(f"its Git LFS pointer says that {blob.digest} is empty")
                    self._put_broken(path, refused, None)
                elif blob is not None:
                    blobs.append((path, mark, blob))
        foreign = self._where.foreign
        origin = self._session.origins.number(LfsOrigin(str(self._home.git_dir), foreign))
        files = [(path, blob) for path, _, blob in blobs]
        self._problems += lfs_problems(self._home, files, foreign=foreign)
        known = self._session.catalog.facts_many([blob.digest for _, _, blob in blobs])
        grafter = OutGrafter(self._session, self._listings, self._plan.time, self._progress)
        for (path, mark, blob), fact in zip(blobs, known, strict=True):
            kind = Kind.EXECUTABLE if mark is Mark.MAYBE_LFS_EXECUTABLE else Kind.FILE
            time = fact[1] if fact is not None else grafter.first_seen(blob.digest)
            name = path.rpartition(b"/")[2]
            self._put(path, Entry(name, kind, blob.digest, blob.size, time, origin))

    def _report_missing(self, path: bytes, oid: bytes, refusal: VfsError | None) -> None:
        if not self._repository.has_object(oid):
            message = MISSING.format(oid=oid.hex())
            hint = "see `git fsck`, or `git fetch --unshallow`"
            if refusal is not None:
                message, hint = f"{message}; {refusal.message}", refusal.hint or "is it reachable?"
            self._problems.append(Problem(path, "git-object-missing", message, hint))

    def _put_claims(self, claims: Claims, roots: Roots) -> None:
        served = [claim for claim in claims.served if self._in_scope(claim.out.path)]
        for problem in claims.broken:
            if self._in_scope(problem.path):
                self._put_broken(
                    problem.path, FormatError(problem.message, hint=problem.hint), problem
                )
        placed = [claim for claim in served if self._has_room(claim)]
        make = self._maker(placed, roots)
        for claim, made in zip(placed, self._in_threads(make, placed), strict=True):
            if isinstance(made, VfsError):
                self._put_broken(claim.out.path, made, None)
            else:
                self._problems += made.problems
                self._put(claim.out.path, made.leaf)

    def _maker(
        self, placed: Sequence[Claim], roots: Roots
    ) -> Callable[[Claim], Grafted | VfsError]:
        plan, session = self._plan, self._session
        grafter = OutGrafter(session, self._listings, plan.time, self._progress)
        base = Base(str(self._home.git_dir), self._local_root())
        imports = ImportGrafter(
            session,
            grafter,
            self._listings,
            self._open_source,
            self._hashes,
            base,
            plan.trail,
            plan.time,
            self._progress,
        )
        urls = UrlGrafter(session, grafter, self._listings, base.root, plan.time, self._progress)
        stores = {claim.pointer: roots.store_of(claim.pointer) for claim in placed}
        grafter.prepare([(claim, stores[claim.pointer]) for claim in placed])

        def make(claim: Claim) -> Grafted | VfsError:
            root = roots.root_of(claim.pointer)
            try:
                return grafter.graft(claim, stores[claim.pointer], root, imports.graft, urls.graft)
            except VfsError as error:
                return error

        return make

    def _local_root(self) -> Path | None:
        """Where relative local URLs start; None if a stranger's repository may not use them."""
        if self._where.foreign:
            return None
        return self._where.root if self._where.root is not None else self._home.git_dir

    def _has_room(self, claim: Claim) -> bool:
        """Whether an out can be at its path; says what is in the way, or hidden."""
        path = claim.out.path
        names = path.split(b"/")
        tree: bytes | None = self._plan.tree
        item: TreeItem | None = None
        if len(path) > MAX_PATH:
            return False
        for depth, name in enumerate(names):
            item = None if tree is None else self._repository.find(tree, name)
            if item is None:
                return True
            last = depth == len(names) - 1
            if not last and item.mode not in (MODE_TREE, MODE_COMMIT):
                blocking = b"/".join(names[: depth + 1])
                message = (
                    f"{show(path)} of {show(claim.pointer)} lies below {show(blocking)}, which is "
                    "no directory in Git"
                )
                hint = "remove one of them; `dvc checkout` fails here too"
                self._problems.append(Problem(path, "below-a-file", message, hint, heals=False))
                return False
            tree = item.oid if item.mode == MODE_TREE else None
        message = f"{show(path)} is tracked by Git and is an output of {show(claim.pointer)}; "
        message += "DVC's data is shown, as after `dvc checkout --force`"
        hint = "`git rm --cached` it, or set `cache: false` in the pointer"
        note = Problem(path, "tracked-twice", message, hint, Severity.NOTE, heals=False)
        self._problems.append(note)
        return True

    def _put(self, path: bytes, leaf: Entry | Directory) -> None:
        if isinstance(leaf, Entry) and leaf.size > LARGEST:
            leaf, problem = broken(path, Unsupported(too_large(leaf.size)), self._plan.time)
            self._problems.append(problem)
        self._grafts.put(path, leaf)

    def _put_broken(self, path: bytes, error: VfsError, problem: Problem | None) -> None:
        """A path that cannot be served: broken, unless Git has something there."""
        entry, made = broken(path, error, self._plan.time)
        self._problems.append(problem or made)
        if self._repository.find(self._plan.tree, path) is None and self._free(path):
            self._put(path, entry)

    def _free(self, path: bytes) -> bool:
        """Whether no component above the path is a file in Git."""
        tree: bytes | None = self._plan.tree
        for name in path.split(b"/")[:-1]:
            item = None if tree is None else self._repository.find(tree, name)
            if item is None:
                return True
            if item.mode not in (MODE_TREE, MODE_COMMIT):
                return False
            tree = item.oid if item.mode == MODE_TREE else None
        return True

    def _in_threads(
        self, make: Callable[[Claim], Grafted | VfsError], claims: Sequence[Claim]
    ) -> Iterator[Grafted | VfsError]:
        """Leaves in the order of claims; those that may wait for a remote several at once."""
        waiting = [claim for claim in claims if may_wait(claim)]
        if len(waiting) <= 1:
            yield from map(make, claims)
            return
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="vfs-outs") as pool:
            waited = [pool.submit(copy_context().run, make, claim) for claim in waiting]
            made = iter(waited)
            try:
                for number, claim in enumerate(claims, 1):
                    yield next(made).result() if may_wait(claim) else make(claim)
                    self._progress("outputs", number, len(claims))
            except BaseException:  # Ctrl-C too: what waits for a remote must not be waited for
                for future in waited:
                    future.cancel()
                if patience := PATIENCE.get():
                    patience.give_up()
                raise

    # End --------------------------------------------------------------------------------------

    def _finish(self, rules: Rules) -> Snapshot:
        plan, session = self._plan, self._session
        origin = session.register(self._repository)
        view = GitView(self._repository, session.catalog, origin, plan.time)
        self._grafts.seal(plan.tree, self._subtree)
        self._date(view)
        root = MergedDirectory(view, plan.tree, self._grafts.root, plan.time)
        unique = dict.fromkeys(sorted(self._problems))
        return Snapshot(
            plan.rev,
            plan.commit,
            plan.time,
            root,
            tuple(unique),
            session.origins.all(),
            root.weigh(),
            plan.tree,
            self._grafts,
            rules.hide,
        )

    def _subtree(self, tree: bytes, name: bytes) -> bytes | None:
        item = self._repository.find(tree, name)
        return item.oid if item is not None and item.mode == MODE_TREE else None

    def _date(self, view: GitView) -> None:
        """Give merged directories the time their identity was first seen."""
        catalog = self._session.catalog
        nodes = list(self._grafts.directories())
        keys = [b"seen-dir-1\0" + node.identity for node in nodes]
        fresh = []
        for node, key, note in zip(nodes, keys, catalog.recall_many(keys), strict=True):
            if not node.children and node.tree is not None:
                node.mtime = view.tree_time(node.tree)
            elif note is None:
                node.mtime = self._plan.time
                fresh.append((key, node.mtime.to_bytes(8, "little", signed=True)))
            else:
                node.mtime = int.from_bytes(note, "little", signed=True)
        catalog.remember_many(fresh)
