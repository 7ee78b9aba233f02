"""What the pointers and configurations of a tree say, before anything is resolved.

Purpose: the first half of a snapshot, and all that tracking verbs need to know: which outs there are, who owns them,
where their objects are kept.

Rule: reads Git's objects and the machine's configuration files, never the network (but for blobs that a
partial clone left out, and files of `vars` that are tracked as data and are neither here nor known).
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from blake3 import blake3

from vfs.errors import FormatError
from vfs.formats.pipeline import variable_files
from vfs.git import Repository
from vfs.types import Problem
from vfs.workspace.ignore import Rules
from vfs.workspace.lying import is_link, read_here
from vfs.workspace.outs import MAX_POINTER, Parser, collect, problem_of
from vfs.workspace.packed_stores import CONFIG, load_packed, packed_files
from vfs.workspace.patience import BRIEF, PATIENCE, Patience
from vfs.workspace.plan import Plan
from vfs.workspace.pointers import Found, Progress, Summaries
from vfs.workspace.recorded_file import recorded
from vfs.workspace.renewal import stamps
from vfs.workspace.session import Session
from vfs.workspace.stores import (
    MAX_CONFIG,
    DvcStore,
    Roots,
    Surroundings,
    load_store,
    machine_files,
)
from vfs.workspace.summary import NO_OID, Mark, is_file
from vfs.workspace.surveyed import Survey as Survey
from vfs.workspace.variable_files import VariableFiles


def survey(
    session: Session,
    repository: Repository,
    summaries: Summaries,
    where: Surroundings,
    parser: Parser,
    plan: Plan,
) -> Survey:
    """Survey the tree of a plan.

    Raises:
        StoreError: the repository or the catalog is damaged.
        RemoteError: a partial clone's remote did not give an object.
    """
    found = list(summaries.names(plan.tree))
    repository.ensure_blobs(
        [f.oid for f in found if f.mark in (Mark.POINTER, Mark.LOCK, Mark.DVCIGNORE)]
    )
    reader = _Configurations(session, repository, where, plan)
    roots = reader.roots(found)
    rules = Rules(found, roots, repository.read_blob)
    files = VariableFiles(reader.read_variables, roots.store_of, partial(recorded, session))
    claims = collect(rules.without_ignored(found), parser, reader.read_path, files)
    return Survey(claims, roots, rules, tuple(reader.problems))


class Surveyor:
    """Surveys revisions of one repository; of those whose pointers are all known, nothing is read again."""

    def __init__(self, session: Session, where: Surroundings, progress: Progress) -> None:
        self._session = session
        self._where = where
        self._progress = progress
        self._tools: dict[Repository, tuple[Summaries, Parser]] = {}
        self._seen: set[bytes] = set()
        self._patience = Patience(BRIEF)  # over all of the revisions
        self._variables: dict[tuple[bytes, bytes], tuple[bytes, ...]] = {}

    def fresh(self, plan: Plan, repository: Repository) -> Survey | None:
        """The survey of a plan, None if an earlier one was the same; raises as `survey`."""
        if repository not in self._tools:
            summaries = Summaries(self._session.catalog, repository, self._progress)
            self._tools[repository] = summaries, Parser(repository.read_blob)
        summaries, parser = self._tools[repository]
        identity = blake3(plan.remote.encode() if plan.remote else b"")
        for mark, path, oid in summaries.names(plan.tree):
            beside = path.rpartition(b"/")[0]
            pipeline = None
            if mark is Mark.LOCK:  # which of its stages count, the pipeline beside it says
                name = beside + b"/dvc.yaml" if beside else b"dvc.yaml"
                pipeline = repository.find(plan.tree, name)
                if pipeline is not None:
                    identity.update(self._of_variables(plan, repository, name, pipeline.oid))
            identity.update(b"%d %b\0%b%b" % (mark, path, oid, pipeline.oid if pipeline else b""))
        if identity.digest() in self._seen:
            return None
        self._seen.add(identity.digest())
        waiting = PATIENCE.set(PATIENCE.get() or self._patience)
        try:
            return survey(self._session, repository, summaries, self._where, parser, plan)
        finally:
            PATIENCE.reset(waiting)

    def _of_variables(
        self, plan: Plan, repository: Repository, path: bytes, pipeline: bytes
    ) -> bytes:
        """What the files of a pipeline's variables are: which of its stages there are hangs on them."""
        key = path, pipeline
        if key not in self._variables:
            names: tuple[bytes, ...] = ()
            with suppress(FormatError):
                names = variable_files(repository.read_blob(pipeline, MAX_POINTER), path)
            self._variables[key] = names
        found = []
        for name in self._variables[key]:
            item = repository.find(plan.tree, name)
            data = None
            if item is None and plan.commit is None and self._where.root is not None:
                data = _ignored(self._where.root, name)
            found.append(item.oid if item is not None else b"" if data is None else blake3(data).digest())  # fmt: skip
        return b"\0".join(found)


class _Configurations:
    """The DVC repositories of one tree."""

    def __init__(
        self, session: Session, repository: Repository, where: Surroundings, plan: Plan
    ) -> None:
        self.problems: list[Problem] = []
        self._session = session
        self._repository = repository
        self._where = where
        self._plan = plan

    def roots(self, found: Sequence[Found]) -> Roots:
        """The DVC repositories of the tree; the top is one whether or not it has a `.dvc`."""
        roots = Roots()
        marked = {f.path.rpartition(b"/")[0]: f.oid for f in found if f.mark is Mark.DVC_ROOT}
        for path, oid in {b"": NO_OID, **marked}.items():
            tracked = None if oid == NO_OID else self._tracked_config(path, oid)
            roots.add(path, self._store(tracked, path))
        return roots

    def _tracked_config(self, path: bytes, directory: bytes) -> bytes | None:
        item = self._repository.find(directory, b"config")
        if item is None or not is_file(item.mode):
            return None
        try:
            return self._repository.read_blob(item.oid, MAX_CONFIG)
        except FormatError as error:
            blamed = path + b"/.dvc/config" if path else b".dvc/config"
            self.problems.append(problem_of(error, blamed))
            return None

    def _tracked_vfs_config(self) -> bytes | None:
        try:
            return self.read_path(CONFIG)
        except FormatError as error:
            self.problems.append(problem_of(error, CONFIG))
            return None

    def _store(self, tracked: bytes | None, path: bytes) -> DvcStore:
        """The store of the repository at `path`, whose configuration is followed from now on."""
        packed = self._tracked_vfs_config()

        def load() -> tuple[DvcStore, tuple[Problem, ...]]:
            store, wrong = load_store(tracked, path, self._where, self._plan.config)
            names = [remote.name for remote in store.remotes]
            found, more = load_packed(packed, self._where, names)
            return replace(store, packed=found), wrong if path else wrong + more

        files = machine_files(path, self._where) + packed_files(self._where)
        seen = stamps(files)
        found, problems = load()
        self.problems += problems
        preferred = self._plan.remote
        store = found.preferring(preferred)

        def again() -> DvcStore | None:
            found, now = load()
            return found.preferring(preferred) if len(now) <= len(problems) else None

        self._session.renewal.note(store, files, seen, again)
        return store

    def read_path(self, path: bytes) -> bytes | None:
        """A file of the tree; None if there is none."""
        item = self._repository.find(self._plan.tree, path)
        if item is None or not is_file(item.mode):
            return None
        return self._repository.read_blob(item.oid, MAX_POINTER)

    def read_variables(self, path: bytes) -> bytes | None:
        """A file of the tree, or, of the working tree, one that Git ignores; None if there is none."""
        found = self.read_path(path)
        root = self._where.root
        if found is None and self._plan.commit is None and root is not None:
            return _ignored(root, path)
        return found


def _ignored(root: Path, path: bytes) -> bytes | None:
    """A file of the working tree that Git does not see; None if there is none."""
    return None if is_link(root, path) else read_here(root, path, MAX_POINTER)
