"""A second status of what nobody touched asks `stat` alone; whatever changes is seen all the same."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vfs.state import CleanOuts
from vfs.state.clean import Look
from vfs.testing.clones import Clone, objects
from vfs.testing.sandbox import Sandbox
from vfs.tracking import status as status_module
from vfs.tracking.status import Report, open_state, status


@pytest.fixture
def clone(sandbox: Sandbox) -> Clone:
    root = sandbox.root / "one"
    root.mkdir()
    made = Clone(sandbox, root)
    made.git("init", "-q")
    made.vfs("init")
    for number in range(30):
        made.write(f"data/{number % 3}/{number:02d}", b"%d" % number)
    made.vfs("add", "data")
    return made


def found(clone: Clone) -> Report:
    with open_state(clone.root) as table:
        return status(clone.root, table)


def settled(clone: Clone) -> None:
    """Ask until nothing is too young to be noted, so that the next one asks `stat` alone."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        noted: list[Look] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(status_module, "look", spy(noted))
            assert all(out.clean for out in found(clone).outs)
        with open_state(clone.root) as table:
            [digest] = [out.use.out.digest for out in status(clone.root, table).outs]
            assert digest is not None
            if CleanOuts(table).holds(b"data", digest, noted[0]):
                return
    raise AssertionError("it is never noted")


def spy(noted: list[Look]) -> Callable[..., Look]:
    from vfs.state.clean import look

    def looked(*arguments: object) -> Look:
        noted.append(look(*arguments))  # type: ignore[arg-type]
        return noted[-1]

    return looked


def test_what_nobody_touched_is_not_compared(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    settled(clone)
    monkeypatch.setattr(status_module._Look, "_directory", None)
    assert all(out.clean for out in found(clone).outs)


def _write(clone: Clone) -> None:
    path = clone.root / "data/0/00"
    before = path.stat()
    path.write_bytes(b"X")  # of the same length
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _add(clone: Clone) -> None:
    (clone.root / "data/1/new").write_bytes(b"new")


def _rename(clone: Clone) -> None:
    (clone.root / "data/0/00").rename(clone.root / "data/0/0")


def _remove(clone: Clone) -> None:
    (clone.root / "data/0/00").unlink()


def _lose(clone: Clone) -> None:
    victim(clone).unlink()


def _lose_list(clone: Clone) -> None:
    next(path for name, path in objects(clone.cache) if name.endswith(".dir")).unlink()


def victim(clone: Clone) -> Path:
    return next(path for _, path in objects(clone.cache) if path.read_bytes() == b"7")


@pytest.mark.parametrize("change", [_write, _add, _rename, _remove, _lose, _lose_list])
def test_what_changes_is_seen(clone: Clone, change: Callable[[Clone], None]) -> None:
    settled(clone)
    change(clone)
    [out] = found(clone).outs
    assert not out.clean


def test_another_pointer_is_seen(clone: Clone) -> None:
    settled(clone)
    before = (clone.root / "data.dvc").read_bytes()
    clone.write("data/0/00", b"other")
    clone.vfs("add", "data")
    (clone.root / "data.dvc").write_bytes(before)
    [out] = found(clone).outs
    assert out.change == "modified"
    clone.write("data/0/00", b"0")
    assert all(out.clean for out in found(clone).outs)


def test_a_pointer_that_cannot_be_read_is_not_nothing(clone: Clone) -> None:
    """As in a merge conflict."""
    pointer = clone.root / "data.dvc"
    pointer.write_text(f"<<<<<<< HEAD\n{pointer.read_text()}=======\n>>>>>>> other\n")
    said = clone.vfs("status", code=9)
    assert "data.dvc:2: " in said
    assert "no data is tracked here" not in said
