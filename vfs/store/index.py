"""The LMDB environment of a store. Payload never lies here."""

from pathlib import Path
from typing import Any, Final

from vfs.lmdb import Environment, Form
from vfs.store.layout import State, unpack_state

_STATE_KEY: Final = b"state"


class Index(Environment):
    """Tables of one store, shared with any number of processes and threads."""

    form = Form(
        name="cache index",
        tables=("meta", "segments", "chunks", "members", "pins", "pinned", "verdicts"),
        repeating=("pinned",),
        hint="it is rebuilt when every vfs process has ended and one starts again",
        options={"sync": False, "metasync": False, "readahead": False},
    )

    def __init__(self, directory: Path, *, map_size: int, readonly: bool = False) -> None:
        """Open or create; raises as `Environment` does."""
        super().__init__(directory, map_size=map_size, readonly=readonly)
        self.meta = self.tables["meta"]
        self.segments = self.tables["segments"]
        self.chunks = self.tables["chunks"]
        self.members = self.tables["members"]
        self.pins = self.tables["pins"]
        self.pinned = self.tables["pinned"]
        self.verdicts = self.tables["verdicts"]

    def state(self) -> State:
        """The record of the whole store."""
        return unpack_state(self.get(self.meta, _STATE_KEY)) or State()

    def state_in(self, transaction: Any) -> State:
        """The record of the whole store, as a transaction sees it."""
        return unpack_state(transaction.get(_STATE_KEY, db=self.meta)) or State()

    def put_state(self, transaction: Any, state: State) -> None:
        """Replace the record of the whole store."""
        transaction.put(_STATE_KEY, state.pack(), db=self.meta)

    def has_state(self) -> bool:
        """Whether the index is in use and of our format."""
        return unpack_state(self.get(self.meta, _STATE_KEY)) is not None

    def is_empty(self) -> bool:
        """Whether nothing was ever written to the index."""
        return self.get(self.meta, _STATE_KEY) is None

    def counts(self) -> tuple[int, int, int]:
        """How many chunks, segments and pins there are. Raises StoreError."""

        def read(transaction: Any) -> tuple[int, int, int]:
            chunks, segments, pins = (
                int(transaction.stat(table)["entries"])
                for table in (self.chunks, self.segments, self.pins)
            )
            return chunks, segments, pins

        return self.read(read)
