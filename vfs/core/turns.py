"""`Turn`: whose transfer goes first where not all can go at once.

Rule: it belongs to the context (`contextvars`) of the thread that transfers. Its rank may fall while it goes on, when somebody
begins to wait for what it brings; an old value costs a moment.
"""

from contextvars import ContextVar
from typing import Final


class Turn:
    """See the module.

    Attributes:
        rank: the lower goes first.
        held: it waits for its turn now: it is not the remote that is slow.
    """

    __slots__ = ("held", "rank")

    def __init__(self, rank: int = 0) -> None:
        self.rank = rank
        self.held = False


TURN: Final[ContextVar[Turn | None]] = ContextVar("turn", default=None)
"""That of this context; without one, it goes first."""
