"""What is learned while another process holds the catalog up: kept in memory, and brought home."""

import threading
from pathlib import Path

import pytest

from vfs.catalog.storage import close_storage, open_storage
from vfs.lmdb import Busy


def test_nothing_is_lost_that_is_put_while_what_was_kept_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = open_storage(tmp_path)
    answers = iter([False, True])
    monkeypatch.setattr(storage._primary, "can_write", lambda: next(answers, True))
    storage._spill(Busy("in the way"))
    kept = storage._overflow
    assert kept is not None
    put, empty = kept.put, kept.empty
    about, done = threading.Event(), threading.Event()

    def late(*args: object, **how: object) -> int:  # the thread is interrupted here
        about.set()
        emptying.wait(1)
        try:
            return put(*args, **how)  # type: ignore[arg-type]
        finally:
            done.set()

    emptying = threading.Event()

    def slow() -> None:
        emptying.set()
        done.wait(1)
        empty()

    monkeypatch.setattr(kept, "put", late)
    monkeypatch.setattr(kept, "empty", slow)
    writer = threading.Thread(
        target=storage.put, args=["notes", [(b"a", b"1")]], kwargs={"replace": True}
    )
    writer.start()
    assert about.wait(5)
    storage._bring_home()
    writer.join()
    assert storage.get("notes", b"a") == b"1"
    close_storage(storage)
