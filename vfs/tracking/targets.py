"""Targets of a command line -> the outs that are meant and, inside tracked directories, which files.

A target is the first of these that fits (paths are the repository's):

* a pointer (`data.dvc`; `dvc.yaml` or `dvc.lock`: all its stages) or an out;
* a path inside a tracked directory: that file, or all below that directory;
* a directory: all outs below it or whose pointer lies below it; the top is everything;
* a stage of the `dvc.yaml` of the current directory, `NAME`; of another one, `PATH/dvc.yaml:NAME`; `NAME` of a
  `foreach` or matrix stage is all of its items.

With `glob` a target is a pattern of Git's kind (`*` stops at '/', `**` does not) for pointers, outs, stages and files
inside tracked directories; what matches a directory takes all of it.

Rule: pure. That a path inside a tracked directory exists, only its listing knows: whoever reads it reports to
`Selection.met`, and `Selection.check` raises for what nobody met.
"""

import difflib
import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from vfs.errors import UnknownPath
from vfs.git.wildmatch import Wildmatch
from vfs.workspace.outs import Claim

PIPELINE: Final = b"dvc.yaml"
_LOCK: Final = b"dvc.lock"


class Target(NamedTuple):
    """One target of the command line.

    Attributes:
        text: as it was typed.
        path: of the repository, as if it were one (b"" is the top).
    """

    text: str
    path: bytes


class Inside:
    """Which files of a tracked directory are meant."""

    def __init__(self) -> None:
        self._paths: dict[bytes, str] = {}
        self._patterns: list[tuple[str, bytes, Wildmatch]] = []
        self._directories: dict[bytes, frozenset[str]] = {}

    def add(self, target: str, path: bytes) -> None:
        """Mean a file, or all below a directory, relative to the tracked directory."""
        self._paths[path] = target

    def add_pattern(self, target: str, top: bytes, pattern: Wildmatch) -> None:
        """Mean what matches a pattern; `top` is the path of the tracked directory."""
        self._patterns.append((target, top, pattern))

    @property
    def texts(self) -> set[str]:
        """All targets that may mean something here."""
        return {*self._paths.values(), *(text for text, _, _ in self._patterns)}

    def targets(self, path: bytes) -> frozenset[str]:
        """The targets that mean a file of the directory; none: it is not meant."""
        directory = posixpath.dirname(path)
        above = self._directories.get(directory)
        if above is None:
            above = self.targets(directory) if directory else frozenset()
            self._directories[directory] = above
        found = {target for target, top, glob in self._patterns if glob.match(top + b"/" + path)}
        if path in self._paths:
            found.add(self._paths[path])
        return above | found if found else above


class Wanted(NamedTuple):
    """An out that is meant; `inside` is None if all of it is."""

    claim: Claim
    inside: Inside | None = None


class Selection:
    """What targets mean among the outs of a tree.

    Attributes:
        wanted: in the order of the outs.
        unmet: targets that may mean something inside a tracked directory, or nothing at all.
        names: what a target could have been.
    """

    def __init__(
        self, wanted: list[Wanted], targets: Iterable[str], met: set[str], names: Sequence[str]
    ) -> None:
        self.wanted = wanted
        self.unmet = [text for text in dict.fromkeys(targets) if text not in met]
        self.names = names

    def met(self, targets: Iterable[str]) -> None:
        """These meant something."""
        if self.unmet:
            found = frozenset(targets)
            self.unmet = [text for text in self.unmet if text not in found]

    def check(self) -> None:
        """Refuse targets that meant nothing.

        Raises:
            UnknownPath: there is one; it names it and what is near.
        """
        refuse(self.unmet, self.names)


def refuse(unmet: Sequence[str], names: Sequence[str]) -> None:
    """Raise UnknownPath if there are targets that meant nothing; `names` are those that would have."""
    if not unmet:
        return
    text = unmet[0]
    near = difflib.get_close_matches(text, names, n=3, cutoff=0.5)
    more = f" (and {len(unmet) - 1} other targets)" if len(unmet) > 1 else ""
    raise UnknownPath(
        f"nothing that is tracked is called {text!r}{more}",
        hint=f"near it: {', '.join(near)}" if near else "vfs ls -R shows every path",
    )


def select(claims: Sequence[Claim], targets: Sequence[Target], *, glob: bool = False) -> Selection:
    """The outs that targets mean; without any target, all of them, whole."""
    if not targets:
        return Selection([Wanted(claim) for claim in claims], (), set(), ())
    chooser = _Chooser(claims)
    for target in targets:
        if glob:
            chooser.match(target)
        else:
            chooser.name(target)
    return chooser.selection([target.text for target in targets])


class _Chooser:
    """Collects what each target means; an out that is meant as a whole forgets what was meant inside it."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        self._claims = claims
        self._whole: set[int] = set()
        self._inside: dict[int, Inside] = {}
        self._met: set[str] = set()
        self._numbers: dict[bytes, list[int]] = {}
        for number, claim in enumerate(claims):
            for key in {claim.out.path, *pointers(claim)}:
                self._numbers.setdefault(key, []).append(number)

    def name(self, target: Target) -> None:
        """A target that is a path or a stage."""
        text, path = target
        if self._take(text, self._numbers.get(path, ())):
            return
        owner = self._owner(path)
        if owner is not None:
            top = self._claims[owner].out.path
            self._inside.setdefault(owner, Inside()).add(text, path[len(top) + 1 :])
        elif not self._take(text, self._below(path)):
            stage = _stage_name(path)
            self._take(text, (n for n, claim in enumerate(self._claims) if _is(claim, stage)))

    def match(self, target: Target) -> None:
        """A target that is a pattern."""
        pattern = Wildmatch(target.path)
        parts = target.path.split(b"/")
        for number, claim in enumerate(self._claims):
            out = claim.out.path
            directory = posixpath.dirname(claim.pointer)
            stage = posixpath.join(directory, claim.stage.encode()) if claim.stage else out
            if any(pattern.match(text) for text in (*_up(out), *pointers(claim), stage)):
                self._take(target.text, (number,))
            elif claim.out.is_tree and _reaches(parts, out):
                self._inside.setdefault(number, Inside()).add_pattern(target.text, out, pattern)

    def selection(self, targets: Sequence[str]) -> Selection:
        """All that was meant."""
        wanted = []
        for number, claim in enumerate(self._claims):
            if number in self._whole:
                wanted.append(Wanted(claim))
                if number in self._inside:  # its listing is not looked at for that
                    self._met.update(self._inside[number].texts)
            elif number in self._inside:
                wanted.append(Wanted(claim, self._inside[number]))
        return Selection(wanted, targets, self._met, _names(self._claims))

    def _take(self, text: str, numbers: Iterable[int]) -> bool:
        found = list(numbers)
        self._whole.update(found)
        self._met.update([text] if found else [])
        return bool(found)

    def _owner(self, path: bytes) -> int | None:
        """The tracked directory that a path lies in."""
        for above in _up(path):
            for number in self._numbers.get(above, ()):
                out = self._claims[number].out
                if out.is_tree and out.path == above:
                    return number
        return None

    def _below(self, path: bytes) -> Iterator[int]:
        top = path + b"/" if path else b""
        for number, claim in enumerate(self._claims):
            if claim.out.path.startswith(top) or claim.pointer.startswith(top):
                yield number


def pointers(claim: Claim) -> tuple[bytes, ...]:
    """The files that name an out: its `.dvc`, or the lock and the pipeline."""
    if not claim.stage:
        return (claim.pointer,)
    return claim.pointer, posixpath.join(posixpath.dirname(claim.pointer), PIPELINE)


def _stage_name(path: bytes) -> tuple[bytes, str]:
    """The lock and the stage that a target means if it is one."""
    file, colon, name = path.rpartition(b":")
    directory, last = posixpath.split(file)
    if not colon or last not in (PIPELINE, _LOCK):
        directory, name = posixpath.split(path)
    return posixpath.join(directory, _LOCK), name.decode("utf-8", "surrogateescape")


def _is(claim: Claim, stage: tuple[bytes, str]) -> bool:
    lock, name = stage
    return bool(claim.stage) and claim.pointer == lock and name in _called(claim.stage)


def _called(stage: str) -> tuple[str, str]:
    """What a stage is called by: itself and, for an item, the stage it is an item of."""
    return stage, stage.partition("@")[0]


def _names(claims: Sequence[Claim]) -> list[str]:
    """Everything that a target may be called, but for files inside tracked directories."""
    texts = dict.fromkeys(
        os.fsdecode(name) for claim in claims for name in (claim.out.path, *pointers(claim))
    )
    texts.update(dict.fromkeys(claim.stage for claim in claims if claim.stage))
    return list(texts)


def _reaches(pattern: Sequence[bytes], directory: bytes) -> bool:
    """Whether a pattern, in components, may match something below a directory."""
    for at, name in enumerate(directory.split(b"/")):
        if at >= len(pattern) or pattern[at] == b"**":
            return at < len(pattern)
        if not Wildmatch(pattern[at]).match(name):
            return False
    return len(pattern) > directory.count(b"/") + 1


def _up(path: bytes) -> Iterator[bytes]:
    """A path and the directories above it."""
    while path:
        yield path
        path = posixpath.dirname(path)
