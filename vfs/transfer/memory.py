"""`Memory`: blocks that have arrived and are kept for a while: the store does not take them, or may not keep them long enough.

Rule: what is kept counts in the byte budget, and the longest unused goes first. Loop only; no awaits.
"""

from vfs.core.lru import Lru
from vfs.transfer.lanes import Budget
from vfs.transfer.waiter import Data


class Memory:
    """See the module.

    Attributes:
        limit: bytes of blocks that the store did not take. Those that wait to be hashed may be three times as many: what read-ahead
            and warm-up may ask for, so that only demands can push any out.
    """

    def __init__(self, budget: Budget) -> None:
        self.limit = budget.limit // 4
        self._budget = budget
        self._unstored: Lru[tuple[bytes, int], Data] = Lru(self.limit)
        self._unhashed: Lru[tuple[bytes, int], Data] = Lru(3 * self.limit)

    @property
    def weight(self) -> int:
        """Bytes kept now."""
        return self._unstored.weight + self._unhashed.weight

    def get(self, prefix: bytes, block: int) -> Data | None:
        """A block that the store did not take."""
        return self._unstored.get((prefix, block))

    def peek(self, prefix: bytes, block: int) -> Data | None:
        """A block that is here, be it that it waits to be hashed."""
        return self._unhashed.get((prefix, block)) or self._unstored.get((prefix, block))

    def put_unstored(self, prefix: bytes, block: int, data: Data) -> None:
        """Keep a block that the store did not take, for whoever reads it next."""
        self._unstored.put((prefix, block), data, len(data))
        self._weigh()

    def put_unhashed(self, prefix: bytes, block: int, data: Data) -> None:
        """Keep a block until the gap before it closes, so that it can be hashed from memory."""
        self._unhashed.put((prefix, block), data, len(data))
        self._weigh()

    def take_unhashed(self, prefix: bytes, block: int) -> Data | None:
        """A block to be hashed; the caller holds it from now on."""
        data = self._unhashed.get((prefix, block))
        if data is None:
            return self._unstored.get((prefix, block))
        self._unhashed.discard((prefix, block))
        self._weigh()
        return data

    def forget_hashed(self, prefix: bytes, run: range) -> None:
        """Blocks that waited to be hashed have been, from here or from the store."""
        for block in run:
            self._unhashed.discard((prefix, block))
        self._weigh()

    def forget_unhashed(self, prefix: bytes) -> None:
        """The blocks of a blob that waited for a gap to close need not wait any more."""
        if len(self._unhashed):
            self._unhashed.discard_where(lambda key: key[0] == prefix)
            self._weigh()

    def forget(self, prefix: bytes) -> None:
        """Nothing of a blob may be used any more."""
        self.forget_unhashed(prefix)
        self._unstored.discard_where(lambda key: key[0] == prefix)
        self._weigh()

    def _weigh(self) -> None:
        self._budget.set_aside = self._unstored.weight
        self._budget.waiting = self._unhashed.weight
