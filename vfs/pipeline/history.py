"""What was run: one record for each run, and what its command printed.

    <git dir>/vfs/runs/<time in ms>-<stage>-<random>.json, .log, .trace

Rule: may be lost. A record is written whole (temporary file, rename); one that cannot be read is passed over. The newest 1,000 are kept.
"""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
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

    @classmethod
    def of(cls, stage: Stage, run: Locked, began: float, duration: float, failure: str) -> Self:
        """The record of a run that just ended."""
        outcome = "failed" if failure else "ran"
        params = {file: dict(values) for file, values in run.params.items()}
        return cls(
            stage.address(), began, duration, "", outcome, failure,
            _digests(run.deps), params, _digests(run.outs), run.command,
        )  # fmt: skip


class History:
    """The records of one working tree."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._git = directory.parent.parent

    @classmethod
    def of(cls, top: bytes) -> Self:
        """Of the working tree at `top`. Raises NotARepository."""
        return cls(git_directories(Path(os.fsdecode(top)))[0] / "vfs" / "runs")

    def name(self, stage: Stage, began: float) -> str:
        """A name for a run that begins."""
        plain = "".join(c if c.isalnum() or c in "@-_" else "-" for c in stage.address())[:80]
        return f"{int(began * 1000):013d}-{plain}-{secrets.token_hex(4)}"

    def log(self, name: str) -> Path:
        """Where the output of a run is kept."""
        return self._directory / f"{name}.log"

    def trace(self, name: str) -> Path:
        """Where it is kept what a command touched."""
        return self._directory / f"{name}.trace"

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
                (self._directory / f"{old}.json").unlink(missing_ok=True)

    def records(self, stage: str | None = None) -> Iterator[tuple[str, Record]]:
        """The records of a stage (None: of all) with the names of the runs, newest first."""
        for name in self._names():
            with suppress(OSError, ValueError, TypeError):
                record = Record(**json.loads((self._directory / f"{name}.json").read_text()))
                if stage in (None, record.stage):
                    yield name, record

    def _names(self) -> list[str]:
        try:
            names = os.listdir(self._directory)
        except OSError:
            return []
        found = (name for name in names if name.endswith(".json") and name[0] != ".")
        return sorted((name.removesuffix(".json") for name in found), reverse=True)


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
