"""Files that we put into the working tree ourselves: what they hold is known, so nobody has to read them to recognise them."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from vfs.objects import fingerprint
from vfs.state.files import NEVER, RACY, FileState, Known
from vfs.tracking.compare import Wish


class Made:
    """Collects them; `remember` once, at the end."""

    def __init__(self, state: FileState, absolute: Callable[[bytes], bytes]) -> None:
        """`absolute` is where a path of the working tree lies."""
        self._state = state
        self._absolute = absolute
        self._made: list[tuple[int, Mapping[bytes, Wish]]] = []

    def add(self, moment: int, place: Mapping[bytes, Wish]) -> None:
        """These were made, the last of them at a moment (ns)."""
        self._made.append((moment, place))

    def remember(self) -> None:
        """Remember them, after as long as it takes until the state of a file tells every change of it. Raises StoreError."""
        if self._made:
            time.sleep(RACY / 1e9)
            self._state.remember(self._known(), now=time.time_ns())
            self._made = []

    def _known(self) -> Iterator[Known]:
        for moment, place in self._made:
            for path, wish in place.items():
                with suppress(OSError):
                    found = fingerprint(os.stat(self._absolute(path)))
                    # Who wrote into it since wrote something else, which nobody hashed.
                    yield Known(path, found if found.mtime <= moment else NEVER, wish.digest)
