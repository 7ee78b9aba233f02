"""Looking at mounts at intervals."""

import time
from collections.abc import Sequence

from vfs.control.client import call
from vfs.control.registry import MountRecord, find_mounts
from vfs.errors import VfsError
from vfs_cli.measured import ANSWER_SECONDS
from vfs_cli.top.rates import Look, Rates, look_of, rates_of

Seen = Sequence[tuple[Look, Rates | None]]
"""Each mount, and what it does; None at the first look, and while it does not answer."""

HOT_FILES = 15


class Watch:
    """All mounts of this user, or one of them."""

    def __init__(self, only: MountRecord | None) -> None:
        self._only = only
        self._before: dict[tuple[str, int], Look] = {}

    def look(self) -> Seen:
        """Look at each; raises VfsError if the one that was named does not answer."""
        records = find_mounts() if self._only is None else [self._only]
        seen = []
        now: dict[tuple[str, int], Look] = {}
        for record in records:
            look = self._ask(record)
            key = (record.id, record.pid)  # mounted anew it begins anew
            before = self._before.get(key)
            now[key] = look
            rates = None
            if look.reading is not None and before is not None and before.reading is not None:
                rates = rates_of(look.reading, before.reading)
            seen.append((look, rates))
        self._before = now
        return seen

    def _ask(self, record: MountRecord) -> Look:
        try:
            answer = call(record, "top", {"files": HOT_FILES}, timeout=ANSWER_SECONDS)
        except VfsError as error:
            if self._only is not None:
                raise
            return Look(record, None, record.rev, error=error)
        return look_of(record, answer, time.time())
