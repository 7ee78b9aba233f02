"""Files fetched ahead by the daemon of the mount below private views, while a command runs that will probably read them."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from vfs.errors import VfsError

if TYPE_CHECKING:
    from vfs.control.client import Errand
    from vfs.control.registry import MountRecord

_BATCH: Final = 512 << 10
"""Bytes of paths in one request; a frame holds at most 1 MiB."""

Wanted = Mapping[bytes, int | None]


class Ahead:
    """Asks for files until it is told to stop; all of it in a thread, since the command is not to wait."""

    def __init__(self, mount: "MountRecord", wanted: Callable[[], Wanted]) -> None:
        self._mount = mount
        self._wanted = wanted
        self._guard = threading.Lock()
        self._errand: Errand | None = None
        self._over = False
        threading.Thread(target=self._fetch, name="vfs-ahead", daemon=True).start()

    def stop(self) -> None:
        """What was not fetched is not fetched any more; does not wait for the thread."""
        with self._guard:
            self._over = True
            if self._errand is not None:
                self._errand.drop()

    def _fetch(self) -> None:
        from vfs.control.client import Errand

        with suppress(VfsError):
            for files in _batches(self._wanted()):
                if self._over:
                    return
                errand = Errand(self._mount, "ahead", {"files": files})
                with self._guard:
                    self._errand = errand
                    if self._over:
                        errand.drop()
                errand.wait()


def _batches(wanted: Wanted) -> Iterator[list[tuple[str, int | None]]]:
    batch: list[tuple[str, int | None]] = []
    size = 0
    for path, read in wanted.items():
        batch.append((os.fsdecode(path), read))
        size += 6 * len(path) + 32  # as JSON, at worst
        if size > _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
