"""Pointers of a commit -> the outs that are to be served, and what is wrong with the others.

Rules for what `git checkout && dvc checkout` would leave in the working tree (tried with DVC 3.67):

* `cache: false` outs are Git's business: nothing is put there.
* An out that Git tracks as well: DVC refuses without `--force` and replaces Git's content with
  it. The snapshot shows DVC's data and a problem says so.
* An out below a file or symlink of Git cannot exist; Git's entry is served.
* Two pointers that claim one path with different content, or one inside the other: DVC refuses
  the whole repository. Here the same path twice is broken; of nested ones the outer is served.

Rule: pure but for reading blobs; a pointer that cannot be read is a `Problem` on its own path.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from vfs.core.lru import Lru
from vfs.core.paths import show
from vfs.errors import FormatError, VfsError
from vfs.formats import yaml12
from vfs.formats.lock import Lock, parse_lock
from vfs.formats.pointer import parse_pointer
from vfs.formats.values import ImportSource, Out, Pointer, UrlSource
from vfs.types import Problem, Severity
from vfs.workspace.pointers import Found
from vfs.workspace.summary import Mark
from vfs.workspace.variable_files import ReadPath, VariableFiles

OVERLAPPING = "overlapping-output"
NOT_COMMITTED = "not-committed"
"""Codes of problems that concern no content: nothing is lost by not knowing more."""
UNHASHED = "its pointer has no hash: the data was never committed"
COMMIT_IT = "run `vfs commit` (or `dvc repro`) and commit the pointer"
MAX_POINTER = yaml12.MAX_BYTES
_KEPT = 100_000  # outs of pointers that were parsed, some 30 MiB

ReadBlob = Callable[[bytes, int], bytes]


class Claim(NamedTuple):
    """One out and the pointer that claims it.

    Attributes:
        out: as it is written there.
        pointer: path of the `.dvc` file or `dvc.lock`.
        source: of an import.
        stage: name in the lock (`name`, `name@item`); "" for a pointer.
        frozen: the pointer is not to be updated.
    """

    out: Out
    pointer: bytes
    source: ImportSource | UrlSource | None = None
    stage: str = ""
    frozen: bool = False


@dataclass(slots=True)
class Claims:
    """What the pointers of a commit say.

    Attributes:
        served: outs to be put into the snapshot; no two of them overlap.
        rivals: outs that are not, because others are in their way.
        broken: paths that exist but cannot be served: (path, why).
        problems: everything else that is wrong.
        uncommitted: outs of which nobody said yet what they hold: of pointers without a hash, which are among the broken, and of stages that never ran.
        commands: paths of pointers that have one (stages of DVC 0.x).
        unreadable: why a pointer cannot be read, or not all of it, by its path; these are among the problems.
    """

    served: list[Claim]
    broken: list[Problem]
    problems: list[Problem]
    rivals: list[Claim] = field(default_factory=list)
    uncommitted: list[Claim] = field(default_factory=list)
    commands: list[bytes] = field(default_factory=list)
    unreadable: dict[bytes, Problem] = field(default_factory=dict)

    @property
    def own(self) -> list[Claim]:
        """All that may be recorded: what is served, and what was never committed."""
        return [*self.served, *self.uncommitted]


class Parser:
    """Parses pointers and keeps the results of the last ones (a switch meets mostly known ones)."""

    def __init__(self, read_blob: ReadBlob) -> None:
        self._read_blob = read_blob
        self._pointers: Lru[tuple[bytes, bytes], Pointer | Problem] = Lru(_KEPT)
        self._guard = threading.Lock()

    def pointer(self, path: bytes, oid: bytes) -> Pointer | Problem:
        """The pointer at `path`, or why there is none."""
        with self._guard:
            known = self._pointers.get((path, oid))
        if known is None:
            try:
                known = parse_pointer(self._read(oid, path), path)
            except VfsError as error:
                known = problem_of(error, path)
            weight = _weight(known)
            if weight < _KEPT // 4:  # a larger one would leave no room for others
                with self._guard:
                    self._pointers.put((path, oid), known, weight)
        return known

    def lock(
        self, path: bytes, oid: bytes, read_path: ReadPath, variables: Mapping[bytes, bytes]
    ) -> Lock | Problem | None:
        """The lock at `path`; None if there is no `dvc.yaml` beside it (DVC then ignores it)."""
        directory = path.rpartition(b"/")[0]
        beside = directory + b"/dvc.yaml" if directory else b"dvc.yaml"
        try:
            pipeline = read_path(beside)
            if pipeline is None:
                return None
            return parse_lock(self._read(oid, path), path, pipeline, variables)
        except VfsError as error:
            return problem_of(error, path)

    def _read(self, oid: bytes, path: bytes) -> bytes:
        try:
            return self._read_blob(oid, MAX_POINTER)
        except FormatError as error:
            raise FormatError(error.problem, file=show(path)) from None


def _weight(pointer: Pointer | Problem) -> int:
    """What a parsed pointer holds: itself, outs, files, problems."""
    if isinstance(pointer, Problem):
        return 1
    files = sum(len(out.files or ()) for out in pointer.outs)
    return 1 + len(pointer.outs) + files + len(pointer.problems)


def collect(
    found: Sequence[Found], parser: Parser, read_path: ReadPath, files: VariableFiles
) -> Claims:
    """Parse pointers and decide which outs are served."""
    pointers = {
        path: parser.pointer(path, oid) for mark, path, oid in found if mark is Mark.POINTER
    }
    variables = files.among(
        (path, out)
        for path, pointer in pointers.items()
        if isinstance(pointer, Pointer)
        for out in pointer.outs
    )
    claims: list[Claim] = []
    problems: list[Problem] = []
    commands: list[bytes] = []
    unreadable: dict[bytes, Problem] = {}
    for mark, path, oid in found:
        if mark is Mark.BAD_NAME:
            problems.append(_bad_name(path))
        elif mark is Mark.POINTER:
            pointer = pointers[path]
            if isinstance(pointer, Pointer) and pointer.command is not None:
                commands.append(path)
            wrong = pointer if isinstance(pointer, Problem) else pointer.unreadable
            if wrong is not None:
                unreadable[path] = wrong
            _add(pointer, path, claims, problems)
        elif mark is Mark.LOCK:
            _add(parser.lock(path, oid, read_path, variables), path, claims, problems)
    return replace(settle(claims, problems), commands=commands, unreadable=unreadable)


def _add(
    parsed: Pointer | Lock | Problem | None,
    path: bytes,
    claims: list[Claim],
    problems: list[Problem],
) -> None:
    if parsed is None:
        return
    if isinstance(parsed, Problem):
        problems.append(parsed)
        return
    if isinstance(parsed, Pointer):
        made = [Claim(out, path, parsed.source, "", parsed.frozen) for out in parsed.outs]
    else:
        stages = [stage for stage in parsed.stages if stage.declared]
        made = [Claim(out, path, None, stage.name) for stage in stages for out in stage.outs]
    claims += [claim for claim in made if claim.out.cached]
    problems += parsed.problems


def settle(claims: Sequence[Claim], problems: list[Problem]) -> Claims:
    """Decide between claims that are in each other's way."""
    result = Claims([], [], problems)
    by_path: dict[bytes, list[Claim]] = {}
    for claim in claims:
        by_path.setdefault(claim.out.path, []).append(claim)
    for path in sorted(by_path, key=lambda one: one.split(b"/")):
        rivals = by_path[path]
        owner = next((above for above in _above(path) if above in by_path), None)
        if owner is not None:
            result.problems.append(_nested(rivals[0], by_path[owner][0]))
            result.rivals += rivals
        elif not _committed(rivals[0]):
            result.broken.append(_uncommitted(rivals[0]))
            result.uncommitted.append(rivals[0])
            result.rivals += rivals[1:]
        elif any(_content(rival) != _content(rivals[0]) for rival in rivals[1:]):
            result.broken.append(_twice(rivals))
            result.rivals += rivals
        else:
            if len(rivals) > 1:
                result.problems.append(_twice(rivals)._replace(severity=Severity.NOTE))
            result.served.append(rivals[0])
    return result


def _content(claim: Claim) -> tuple[object, ...]:
    out = claim.out
    source = claim.source if out.digest is None else None  # a hash is the content, wherever it lies
    return out.digest, out.is_tree, out.executable, out.files, source


def _above(path: bytes) -> Iterator[bytes]:
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        yield path


def _committed(claim: Claim) -> bool:
    """Whether anything says what the out holds."""
    out = claim.out
    known = out.digest is not None or out.files is not None or claim.source is not None
    return known or (out.place is not None and out.place.remote is not None)


def _uncommitted(claim: Claim) -> Problem:
    return Problem(
        claim.out.path,
        NOT_COMMITTED,
        UNHASHED,
        COMMIT_IT,
        heals=False,
    )


def _twice(rivals: Sequence[Claim]) -> Problem:
    names = " and ".join(show(pointer) for pointer in sorted({r.pointer for r in rivals})[:4])
    return Problem(
        rivals[0].out.path,
        OVERLAPPING,
        f"{show(rivals[0].out.path)} is an output of both {names}",
        "remove one of them with `dvc remove`; DVC refuses such a repository too",
        heals=False,
    )


def _nested(inner: Claim, outer: Claim) -> Problem:
    return Problem(
        inner.out.path,
        OVERLAPPING,
        f"{show(inner.out.path)} of {show(inner.pointer)} lies inside {show(outer.out.path)} of "
        f"{show(outer.pointer)}, which is served",
        "remove one of them with `dvc remove`; DVC refuses such a repository too",
        heals=False,
    )


def _bad_name(path: bytes) -> Problem:
    return Problem(
        path,
        "unsafe-path",
        f"Git holds {show(path)}, which no file system may show; it is left out",
        "the commit was made by hand or by a hostile tool; see `git fsck`",
        heals=False,
    )


def problem_of(error: VfsError, path: bytes) -> Problem:
    """The problem an error stands for, on a path; what cannot be read as it lies in the commit never can."""
    heals = not isinstance(error, FormatError) or error.heals
    hint, silent = error.hint or "", error.retryable
    return Problem(path, error.code, error.message, hint, heals=heals, silent=silent)
