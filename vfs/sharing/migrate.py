"""`migrate`: pointers and locks of DVC 0.x to 2 become those of DVC 3.

Steps: bring what the cache lacks; give each object its new name (a hard link, so the old name stays and the commit
can be reverted); write listings, then pointers and locks, and the stages of DVC 0.x into pipelines; commit them.

Rules: an object is hashed by both rules in one pass and must be what its old name says. Nothing is written to the
working tree before all objects of all outs are there. An object of DVC 2 is never removed.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from vfs.core.paths import resolve_relative
from vfs.errors import DataUnavailable, FormatError, Unsupported, VfsError, WouldOverwrite
from vfs.formats.dirlisting import dump_listing
from vfs.formats.lock_text import NewHash, modern_lock
from vfs.formats.pointer import parse_pointer
from vfs.formats.pointer_text import Described, modern_pointer
from vfs.formats.single_stage import (
    single_definition,
    single_stage,
    stage_name,
    stage_names,
    with_stages,
)
from vfs.git.machine import changed_files, commit_files
from vfs.objects import hash_source
from vfs.objects.renaming import rehash
from vfs.sharing.fetch import Fetch
from vfs.sharing.used import Scope, Used, used
from vfs.tracking import writes
from vfs.tracking.caches import Caches
from vfs.tracking.parallel import each
from vfs.tracking.report import Trouble
from vfs.tracking.uses import Use
from vfs.types import Algorithm, Digest
from vfs.workspace import Workspace
from vfs.workspace.here import pointers_here
from vfs.workspace.pointers import Progress

_PIPELINE: Final = (b"dvc.yaml", b"dvc.lock")
MESSAGE = "Migrate DVC pointers to the form of DVC 3"


@dataclass(slots=True)
class Migrated:
    """What was done.

    Attributes:
        files: pointers and locks that were (or would be) written.
        outs: outs that have another hash now.
        objects: contents that got a name of DVC 3.
        commit: that was made (hex); "" if none was.
        notes: what stays as it is, and why.
        missing: what the cache lacks (of a dry run), or cannot be brought.
    """

    files: list[bytes] = field(default_factory=list)
    outs: int = 0
    objects: int = 0
    commit: str = ""
    notes: list[str] = field(default_factory=list)
    missing: list[Trouble] = field(default_factory=list)


class Migration:
    """One run; DVC's lock is held by the caller."""

    def __init__(self, workspace: Workspace, progress: Progress) -> None:
        """Raises Unsupported: there is no working tree."""
        if workspace.root is None:
            raise Unsupported(f"{workspace.name} has no working tree", hint="clone it first")
        self._workspace = workspace
        self._root = workspace.root
        self._top = os.fsencode(workspace.root)
        self._progress = progress
        self._new: dict[Digest, tuple[Digest, int]] = {}
        self._described: dict[bytes, dict[bytes, Described]] = {}  # pointer -> out -> content
        self._names: dict[str, str] = {}  # `md5` value -> that of DVC 3
        self._singles: list[bytes] = []  # pointers with a command
        self.done = Migrated()

    def uses(self) -> list[Use]:
        """The outs of the working tree that are in the form of DVC 2. Raises FormatError: a stage has what its file may not."""
        found = used(self._workspace, Scope(), [], self._progress, apart=True)
        self.done.notes += [problem.message for problem in found.problems]
        self._singles = [path for path in pointers_here(self._root) if self._has_command(path)]
        for path in self._singles:
            single_definition(writes.read(os.path.join(self._top, path)) or b"", path)
        return [use for use in found.uses if _legacy(use)]

    def run(self, uses: list[Use], *, dry: bool, message: str = MESSAGE) -> Migrated:
        """Migrate.

        Raises:
            DataUnavailable: contents cannot be had; nothing was written (`done.missing` names them).
            WouldOverwrite: a pointer or lock has changes that are not committed.
            StoreError: something cannot be written.
        """
        claims = {*(use.claim.pointer for use in uses), *self._singles}
        if dry:
            self.done.files = sorted(claims)
            self.done.outs = len(uses)
            self.done.missing = [t for use in uses for t in _absent(use)]
            return self.done
        beside = {
            os.path.join(os.path.dirname(path), name)
            for path in self._singles
            for name in _PIPELINE
        }
        changed = changed_files(self._root, claims | beside)
        if changed:
            raise WouldOverwrite(
                f"{os.fsdecode(changed[0])} has changes that are not committed",
                hint="commit or stash them, so that the migration is one commit that can be reverted",
            )
        self._fetch(uses)
        for use in uses:
            self._objects(use)
        texts = self._texts(claims)
        for use in {use.store: use for use in uses}.values():
            Caches(use.store).home.sync()
        for path, text in texts.items():
            via = os.path.join(self._top, b".dvc/tmp")
            if text is None:
                writes.remove(os.path.join(self._top, path))
            else:
                writes.replace(os.path.join(self._top, path), text, via, self._top)
        self.done.files, self.done.outs = sorted(texts), len(uses)
        if texts:
            names = [os.fsdecode(path) for path in texts]
            self.done.commit = commit_files(self._root, names, message)
        return self.done

    def _fetch(self, uses: list[Use]) -> None:
        lacking = [use for use in uses if any(_absent(use))]
        if lacking:
            report = Fetch(self._workspace, None, self._progress).run(Used(lacking, [], []))
            self.done.missing = report.troubles
        if self.done.missing:
            raise DataUnavailable(
                f"contents of {len({t.path for t in self.done.missing})} paths cannot be had; nothing was changed",
                hint="`vfs push` where they are, or stop tracking them: vfs remove",
            )

    def _objects(self, use: Use) -> None:
        """Names of DVC 3 for the objects of an out."""
        out, caches = use.out, Caches(use.store)
        assert out.digest is not None
        if out.is_tree:
            entries = [(entry.path, entry.digest) for entry in caches.listing(out.digest)]
            self._rehash(caches, [digest for _, digest in entries])
            listing = dump_listing([(path, self._new[old][0]) for path, old in entries])
            size = sum(self._new[old][1] for _, old in entries)
            digest = caches.home.put(listing, is_tree=True)
            content = Described(digest, True, size, len(entries))
        else:
            self._rehash(caches, [out.digest])
            digest, size = self._new[out.digest]
            content = Described(digest, False, size, executable=out.executable)
        suffix = ".dir" if out.is_tree else ""
        self._names[out.digest.hex + suffix] = digest.hex + suffix
        self._described.setdefault(use.claim.pointer, {})[out.path] = content

    def _rehash(self, caches: Caches, digests: Iterable[Digest]) -> None:
        def work(old: Digest) -> None:
            holder = caches.holder(old)
            if holder is None:
                raise DataUnavailable(f"{old.hex} is not in the cache", hint="vfs fetch")
            self._new[old] = rehash(holder, old)

        missing = [digest for digest in dict.fromkeys(digests) if digest not in self._new]
        jobs = os.cpu_count() or 1
        tick = lambda: self._progress("rehash", len(self._new), None)  # noqa: E731
        failed = each(missing, work, jobs, tick)
        if failed:
            raise failed[0].error
        self._names.update((old.hex, self._new[old][0].hex) for old in missing)
        self.done.objects = len(self._new)

    def _texts(self, pointers: Iterable[bytes]) -> dict[bytes, bytes | None]:
        """The new bytes of pointers, locks and pipelines; None: the file goes."""
        texts: dict[bytes, bytes | None] = {}
        for path in sorted(pointers):
            old = writes.read(os.path.join(self._top, path)) or b""
            if path.rpartition(b"/")[2] == b"dvc.lock":
                new_hash = self._in_lock(path.rpartition(b"/")[0])
                new = modern_lock(old, os.fsdecode(path), new_hash)
            elif path in self._singles:
                continue
            else:
                new = modern_pointer(old, path, self._described[path])
            if new != old:
                texts[path] = new
        for directory in dict.fromkeys(os.path.dirname(path) for path in self._singles):
            self._stages(directory, texts)
        return texts

    def _stages(self, directory: bytes, texts: dict[bytes, bytes | None]) -> None:
        """Let the single-stage files of a directory become stages of its `dvc.yaml` and `dvc.lock`."""
        pipeline, lock = (os.path.join(directory, name) for name in _PIPELINE)
        declared: dict[str, Any] = {}
        locked: dict[str, Any] = {}
        old = self._read(pipeline, texts)
        taken = stage_names(old, os.fsdecode(pipeline))

        def new_hash(wdir: str, written: str, md5: str) -> str | None:
            return self._in_lock(resolve_relative(directory, wdir))(written, md5)

        for path in (path for path in self._singles if os.path.dirname(path) == directory):
            name = stage_name(os.fsdecode(path), [*taken, *declared])
            stage = single_stage(self._read(path, texts) or b"", os.fsdecode(path), new_hash)
            declared[name] = stage.declared
            if stage.locked is not None:
                locked[name] = stage.locked
            texts[path] = None
        texts[pipeline] = with_stages(old, os.fsdecode(pipeline), declared, lock=False)
        if locked:
            old = self._read(lock, texts)
            texts[lock] = with_stages(old, os.fsdecode(lock), locked, lock=True)

    def _read(self, path: bytes, texts: Mapping[bytes, bytes | None]) -> bytes | None:
        """What a file holds, or will."""
        return texts.get(path) or writes.read(os.path.join(self._top, path))

    def _has_command(self, path: bytes) -> bool:
        try:
            data = writes.read(os.path.join(self._top, path)) or b""
            return parse_pointer(data, path).command is not None
        except FormatError:
            return False  # one of the problems

    def _in_lock(self, directory: bytes) -> NewHash:
        """Hashes for the items of a lock: of contents that were migrated, else of files that are what it says.

        Args:
            directory: that its paths are relative to.
        """

        def new_hash(written: str, old: str) -> str | None:
            if old in self._names:
                return self._names[old]
            try:
                path = resolve_relative(directory, written)
                file = os.path.join(self._top, path)
                if hash_source(file, Algorithm.MD5_DOS2UNIX)[0].hex != old:
                    return None
                return hash_source(file)[0].hex
            except VfsError:
                return None

        return new_hash


def _legacy(use: Use) -> bool:
    digest = use.out.digest
    return (
        digest is not None and digest.algorithm is Algorithm.MD5_DOS2UNIX and use.out.files is None
    )


def _absent(use: Use) -> list[Trouble]:
    """What the cache lacks of an out."""
    caches, out = Caches(use.store), use.out
    assert out.digest is not None
    if caches.holder(out.digest, is_tree=out.is_tree) is None:
        return [Trouble(out.path, DataUnavailable("it is not in the cache"))]
    if not out.is_tree:
        return []
    return [
        Trouble(out.path + b"/" + entry.path, DataUnavailable("it is not in the cache"))
        for entry in caches.listing(out.digest)
        if caches.holder(entry.digest) is None
    ]
