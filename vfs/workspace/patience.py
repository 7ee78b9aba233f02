"""How long a build waits for remotes that do not answer, and how it leaves a request behind.

Rule: of each remote, the time since its last sign of life counts, over all that one build asks of it. So many lists on a remote that is
down cost one deadline, and a remote that is slow but moves costs nothing. The patience of a build belongs to its context (`contextvars`).
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Final, Protocol, TypeVar

from vfs.core.attempts import LISTENER
from vfs.errors import RemoteUnavailable, VfsError
from vfs.remotes.backoff import Backoff

BRIEF: Final = 5.0
"""Seconds for work that nobody waits for and that is done again: enough for one round of attempts."""

WAITING: Final = "waiting for"
"""How a stage begins in which nothing is done but waiting for somebody."""

_RESTS: Final = Backoff(base=0.5, cap=2.0)
_LOOK = 0.5  # seconds; how soon who waits sees that the build was given up


class Closable(Protocol):
    """A result that holds something."""

    def close(self) -> None:
        """Give it back."""


T = TypeVar("T", bound=Closable)
A = TypeVar("A")


class Patience:
    """Of one build; thread-safe.

    Attributes:
        seconds: that a remote may be silent.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._since: dict[object, float] = {}
        self._silent: dict[object, RemoteUnavailable] = {}
        self._over = threading.Event()

    def left(self, place: object) -> float:
        """Seconds that a place may go on being silent, which count from the first question; 0 if none are left."""
        if self._over.is_set():
            return 0.0
        now = time.monotonic()
        return max(self._since.setdefault(place, now) + self.seconds - now, 0.0)

    def alive(self, place: object) -> None:
        """A place gave a sign of life."""
        self._since.pop(place, None)

    def stage(self, names: Iterable[str], why: VfsError) -> str:
        """What is told meanwhile: whom the build waits for, why, and for how long."""
        reason = why.message.rpartition(": ")[2]
        return f"{WAITING} remote {', '.join(names)} ({reason}) for {self.seconds:g} s at most, attempt"

    def rest(self, rounds: int, longest: float, retry_after: float | None) -> None:
        """Sleep after so many rounds in which no place gave anything, for `longest` seconds at most."""
        chance = 0.5 + random.random() / 2  # never next to nothing
        self._over.wait(min(_RESTS.delay(rounds, chance, retry_after), longest))

    @contextmanager
    def once(self, place: object) -> Iterator[float]:
        """Ask a place that is not asked again by this build once it gave no answer; gives the seconds it may be silent.

        Raises:
            RemoteUnavailable: it gave none before.
        """
        known = self._silent.get(place)
        if known is not None:
            raise known
        seconds = self.left(place)
        if not seconds:
            raise RemoteUnavailable("it gave no answer before, and was not asked")
        try:
            yield seconds
        except RemoteUnavailable as error:
            self._silent[place] = error
            raise
        self.alive(place)

    def give_up(self) -> None:
        """Nobody waits for the build any more."""
        self._over.set()

    def ask(
        self, place: object, work: Callable[[], T | None], failed: Callable[[VfsError], object]
    ) -> T | None:
        """The result of a request, which is left behind when the place was silent for too long.

        Args:
            place: that is asked; its signs of life, told to `alive`, give it time.
            work: the request; done in a thread of its own, and ended by its next failed attempt once it is left behind.
            failed: told the reason of each failed attempt.

        Raises:
            RemoteUnavailable: no answer in time.
            VfsError: whatever `work` raises.
        """
        answer: Future[T | None] = Future()

        def note(error: VfsError) -> bool:
            failed(error)
            return answer.cancelled()

        def run() -> None:
            LISTENER.set(note)
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - raised to who asked
                _answer(answer.set_exception, error)
            else:
                if not _answer(answer.set_result, result) and result is not None:
                    result.close()

        threading.Thread(target=copy_context().run, args=(run,), daemon=True).start()
        try:
            while True:
                left = self.left(place)
                if wait([answer], min(left, _LOOK)).done:
                    return answer.result()
                if not left and answer.cancel():
                    raise RemoteUnavailable("no answer in time")
        except BaseException:
            answer.cancel()
            raise


def _answer(give: Callable[[A], None], what: A) -> bool:
    """Whether somebody was still there to be answered."""
    try:
        give(what)
    except InvalidStateError:
        return False
    return True


PATIENCE: Final[ContextVar[Patience | None]] = ContextVar("patience", default=None)
"""Of the build that this context works for."""
