"""What was run: one record for each run, and what its command printed.

    <git dir>/vfs/runs/<time in ms>-<stage>-<random>.json, .log, .trace, .report

Rule: may be lost. A record is written whole (temporary file, rename); one that cannot be read is passed over. The newest 1,000 are kept.
"""

import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from vfs.formats.stage_values import Command, Locked, LockedItem
from vfs.git.here import git_directories
from vfs.pipeline.nodes import Stage

MOST: Final = 1_000


class Record(NamedTuple):
    """One run.

    Attributes:
        stage: its address, as seen from the top.
        began: seconds since the epoch.
        duration: seconds.
        commit: HEAD when it was recorded; "" if there is none.
        outcome: `ran`, `restored`, `failed`.
        failure: what went wrong.
        deps, outs: digest by path as written.
        params: by file, then key.
        command: as its lock has it.
        read, streamed, fetched: bytes, as `vfs.pipeline.reads.Reads` has them; None if nobody counted.
        ghosts: the first paths that were looked for in vain (bytes that are no UTF-8 are surrogates).
    """

    stage: str
    began: float
    duration: float
    commit: str
    outcome: str
    failure: str
    deps: Mapping[str, str]
    params: Mapping[str, Any]
    outs: Mapping[str, str]
    command: Command = ""
    read: int | None = None
    streamed: int | None = None
    fetched: int | None = None
    ghosts: Sequence[str] = ()

    def made(self, locked: Locked) -> bool:
        """Whether this is a run that a lock's entry tells of."""
        wanted = self.of_lock(locked)
        return self.outcome != "failed" and all(
            _plain(getattr(self, name)) == _plain(value) for name, value in wanted.items()
        )

    @staticmethod
    def of_lock(locked: Locked) -> dict[str, Any]:
        """What a lock's entry has of a record."""
        return {
            "deps": _digests(locked.deps),
            "params": {file: dict(values) for file, values in locked.params.items()},
            "outs": _digests(locked.outs),
            "command": locked.command,
        }

    @classmethod
    def of(cls, stage: Stage, run: Locked, began: float, duration: float, failure: str) -> Self:
        """The record of a run that just ended."""
        outcome = "failed" if failure else "ran"
        recorded = cls.of_lock(run)
        return cls(stage.address(), began, duration, "", outcome, failure, **recorded)


class History:
    """The records of one working tree."""

    def __init__(self, directory: Path, git: Path) -> None:
        """`git`: of the working tree in which commands run."""
        self._directory = directory
        self._git = git

    @classmethod
    def of(cls, top: bytes, run_in: bytes = b"") -> Self:
        """Of the working tree at `top`; with `run_in`, of runs in another one of its repository. Raises NotARepository."""
        git = git_directories(Path(os.fsdecode(top)))[0]
        other = git_directories(Path(os.fsdecode(run_in)))[0] if run_in else git
        return cls(git / "vfs" / "runs", other)

    def name(self, stage: Stage, began: float) -> str:
        """A name for a run that begins."""
        return f"{int(began * 1000):013d}-{_in_name(stage.address())}-{secrets.token_hex(4)}"

    def log(self, name: str) -> Path:
        """Where the output of a run is kept."""
        return self._directory / f"{name}.log"

    def trace(self, name: str) -> Path:
        """Where it is kept what a command touched."""
        return self._directory / f"{name}.trace"

    def report(self, name: str) -> Path:
        """Where the report of a run is kept (`vfs.pipeline.reporting`)."""
        return self._directory / f"{name}.report"

    def add(self, name: str, record: Record) -> None:
        """Keep the record of a run; a disk that takes none loses it."""
        record = record._replace(commit=_head(self._git))
        text = json.dumps(record._asdict(), default=str)
        with suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = self._directory / f".{name}.tmp"
            temporary.write_text(text)
            temporary.rename(self._directory / f"{name}.json")
            for old in self._names()[MOST:]:
                self.log(old).unlink(missing_ok=True)
                self.trace(old).unlink(missing_ok=True)
                self.report(old).unlink(missing_ok=True)
                (self._directory / f"{old}.json").unlink(missing_ok=True)

    def records(self, stage: str | None = None) -> Iterator[tuple[str, Record]]:
        """The records of a stage (None: of all) with the names of the runs, newest first."""
        for name in self._names():
            record = self._read(name)
            if record is not None and stage in (None, record.stage):
                yield name, record

    def last(self, stages: Iterable[str]) -> Iterator[Record]:
        """The newest record of each of these stages; others are not read."""
        waiting = set(stages)
        names = {_in_name(stage) for stage in waiting}
        for name in self._names():
            record = self._read(name) if waiting and name[14:-9] in names else None
            if record is not None and record.stage in waiting:
                waiting.remove(record.stage)
                yield record

    def last_trace(self, stage: str) -> Path | None:
        """Where that of the last run of a stage is that has one."""
        for name in self._names():
            if name[14:-9] == _in_name(stage) and self.trace(name).exists():
                record = self._read(name)
                if record is not None and record.stage == stage:
                    return self.trace(name)
        return None

    def _read(self, name: str) -> Record | None:
        with suppress(OSError, ValueError, TypeError):
            return Record(**json.loads((self._directory / f"{name}.json").read_text()))
        return None

    def _names(self) -> list[str]:
        try:
            names = os.listdir(self._directory)
        except OSError:
            return []
        found = (name for name in names if name.endswith(".json") and name[0] != ".")
        return sorted((name.removesuffix(".json") for name in found), reverse=True)


def _in_name(stage: str) -> str:
    return "".join(c if c.isalnum() or c in "@-_" else "-" for c in stage)[:80]


def _plain(value: Any) -> Any:
    """As it is read from a record."""
    return json.loads(json.dumps(value, default=str))


def _digests(items: Mapping[str, LockedItem]) -> dict[str, str]:
    return {
        written: item.digest.hex + (".dir" if item.is_tree else "") if item.digest else ""
        for written, item in items.items()
    }


def _head(git: Path) -> str:
    """The commit of HEAD by its files; "" where that takes more than two looks."""
    with suppress(OSError):
        text = (git / "HEAD").read_text().strip()
        if not text.startswith("ref:"):
            return text
        name = text.removeprefix("ref:").strip()
        common = git / "commondir"
        shared = git / common.read_text().strip() if common.exists() else git
        loose = shared / name
        if loose.exists():
            return loose.read_text().strip()
        for line in (shared / "packed-refs").read_text().splitlines():
            if line.endswith(f" {name}"):
                return line.split(" ")[0]
    return ""
