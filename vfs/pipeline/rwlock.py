"""DVC's marks of what running stages read and write: a `dvc` and a `vfs` that run stages refuse each other's.

Format (source: DVC's `rwlock.py`, 2 and 3): `.dvc/tmp/rwlock`, JSON: `write`: path -> {pid, cmd}, `read`: path -> list of these, absolute paths. It is changed under the
lock file `rwlock.lock`. Whoever writes a path refuses all others of it, above it and below it; readers refuse writers. Marks of processes that are gone count for nothing.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from vfs.errors import RepositoryBusy, StoreError
from vfs.objects import locked
from vfs.waiting import wait_for

_LOOK: Final = 0.1  # seconds between two looks at the marks of others
_PATIENCE: Final = 3.0  # seconds for whoever changes the file; DVC's

Info = dict[str, Any]
Marks = dict[str, dict[str, list[Info]]]
"""Mode -> path -> who; a writer as a list of one."""


@contextmanager
def marked(
    directory: Path, command: str, reads: Sequence[str], writes: Sequence[str], wait: float
) -> Iterator[None]:
    """Mark paths as read and written by a command of this process.

    Args:
        directory: `.dvc/tmp`.
        command: for others' messages; unlike that of any other mark of this process.
        reads: absolute paths.
        writes: such paths.
        wait: seconds to wait for others.

    Raises:
        RepositoryBusy: others use them.
        StoreError: the file cannot be used.
    """
    info: Info = {"pid": os.getpid(), "cmd": command}
    in_the_way: list[tuple[str, Info]] = []

    def take(marks: Marks) -> bool:
        in_the_way[:] = [*_of(marks["write"], [*reads, *writes]), *_of(marks["read"], writes)]
        if in_the_way:
            return False
        for mode, paths in (("read", reads), ("write", writes)):
            for path in dict.fromkeys(paths):
                marks[mode].setdefault(path, []).append(info)
        return True

    def give(marks: Marks) -> bool:
        for mode in marks:
            for who in marks[mode].values():
                who[:] = [one for one in who if one != info]
        return True

    if not wait_for(lambda: _edit(directory, take), wait, _LOOK):
        path, who = in_the_way[0]
        raise RepositoryBusy(
            f"{path} is in use by process {who['pid']}: {who['cmd']}",
            hint="wait for it to end, or let `--wait SECONDS` do it",
        )
    try:
        yield
    finally:
        with suppress(RepositoryBusy, StoreError):  # then it is a mark of a process that is gone
            _edit(directory, give)


def _of(marked: dict[str, list[Info]], paths: Sequence[str]) -> Iterator[tuple[str, Info]]:
    """The marks of what some paths are, lie in, or have in them."""
    for path, who in marked.items():
        if who and any(_overlap(path, one) for one in paths):
            yield path, who[0]


def _overlap(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _edit(directory: Path, change: Callable[[Marks], bool]) -> bool:
    """Change the marks of those that live; what `change` says of it, False: nothing is written."""
    path = directory / "rwlock"
    with locked(directory / "rwlock.lock", str(path), _PATIENCE):
        try:
            marks = _read(path)
            if not change(marks):
                return False
            found: dict[str, Any] = {
                "write": {name: who[0] for name, who in marks["write"].items() if who},
                "read": {name: who for name, who in marks["read"].items() if who},
            }
            temporary = path.with_name("rwlock.vfs")
            temporary.write_text(json.dumps(found))
            temporary.replace(path)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error
        return True


def _read(path: Path) -> Marks:
    try:
        found = json.loads(path.read_text())
        write = {name: [who] for name, who in found.get("write", {}).items()}
        marks = {"read": dict(found.get("read", {})), "write": write}
        return {
            mode: {
                name: [one for one in who if _lives(int(one["pid"]))] for name, who in by.items()
            }
            for mode, by in marks.items()
        }
    except FileNotFoundError:
        return {"read": {}, "write": {}}
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise StoreError(
            f"{path} cannot be read: {error}",
            hint="if no dvc and no vfs is running here, remove it",
        ) from error


def _lives(pid: int) -> bool:
    return Path("/proc", str(pid)).exists()
