"""What is said when places fail, and how often."""

import copy
import logging
import math
import random
import re
from collections.abc import Callable, Sequence
from typing import Final

import trio

from vfs.core.lru import Lru
from vfs.errors import (
    ContentMismatch,
    DataUnavailable,
    ObjectMissing,
    Offline,
    RemoteUnavailable,
    VfsError,
)
from vfs.offline import HINT
from vfs.remotes.backoff import Backoff
from vfs.transfer.source import Source
from vfs.transfer.state import BlobState, Job
from vfs.types import Blob

log = logging.getLogger("vfs.transfer")

RESTS: Final = Backoff(base=0.5, cap=2.0)
"""Rests of a place that failed for a passing reason; short, because readers wait, and the attempts before are spaced."""

RETRY_AFTER = 3.0
"""Seconds for which a place that failed for good is not asked for the same blob again, and a blob that a reader waited for
in vain is refused: the kernel asks again at once for a page that its read-ahead did not get."""

RETRY_MISMATCH = 60.0
"""The same for a place whose object has wrong bytes: asking costs a whole GET."""


def ordinary(source: Source, error: VfsError) -> bool:
    """Whether a failure says nothing but that a local cache does not have the blob (most have not)."""
    return source.place.local and isinstance(error, ObjectMissing)


def pause_after(source: Source, error: VfsError) -> float:
    """How long (s) to leave a place alone after this error, the last of `source.failures` passing ones in a row."""
    if isinstance(error, ContentMismatch) or ordinary(source, error):
        return RETRY_MISMATCH
    return rest_after(source.failures, error) if error.retryable else RETRY_AFTER


def rest_after(failures: int, error: VfsError) -> float:
    """How long (s) to rest after so many passing failures in a row, this the last of them."""
    chance = 0.5 + random.random() / 2  # never next to nothing
    return RESTS.delay(failures, chance, getattr(error, "retry_after", None))


def refusal(state: BlobState) -> VfsError | None:
    """The recent failure of a blob that is repeated instead of asking again."""
    if state.refused is None:
        return None
    error, until = state.refused
    return error if trio.current_time() < until else None


def refuse(state: BlobState) -> None:
    """Repeat a recent failure instead of asking all places again for every request of the kernel."""
    error = refusal(state)
    if error is not None:
        raise copy.copy(error)
    state.refused = None


def unavailable(blob: Blob, sources: Sequence[Source]) -> tuple[VfsError, float]:
    """The error of a blob none of whose places has it, with each reason, and when (trio's clock) to try anew."""
    if not sources:
        message = f"nothing says where the bytes of {blob.digest} are"
        return DataUnavailable(message, hint="is a remote configured?"), -math.inf
    said = (named(source.place.label, source.error) for source in sources)
    reasons = "; ".join(dict.fromkeys(said))  # two places of one name may say the same
    until = min(source.until for source in sources)
    hint = next((s.error.hint for s in sources if s.error is not None and s.error.hint), None)
    if hint is None and any(
        not s.place.local and isinstance(s.error, ObjectMissing) for s in sources
    ):
        hint = "was the data pushed? run `dvc push` where it was added"
    if any(isinstance(source.error, Offline) for source in sources):
        message = f"{blob.digest} is not on this machine, and vfs is offline"
        return Offline(f"{message}: `vfs offline off` lets it be fetched", hint=HINT), until
    if all(isinstance(source.error, ContentMismatch) for source in sources):
        return ContentMismatch(f"{blob.digest} is damaged everywhere ({reasons})", hint=hint), until
    return DataUnavailable(f"no place has {blob.digest} ({reasons})", hint=hint), until


def named(place: str, error: VfsError | None) -> str:
    """What a place said, with the place's name once: most errors begin with it."""
    text = str(error)
    begins = re.search(rf"(?<!\w){re.escape(place)}(?!\w)", text.partition(": ")[0])
    return text if begins else f"{place}: {text}"


def late(state: BlobState, block: int, seconds: float) -> VfsError:
    """The error of who waited for a block for so long: where it was looked for, how often, and what came of it.

    Args:
        state: the blob.
        block: that did not come; the job that was to bring it owns it still.
        seconds: waited in vain.
    """
    sources, job = state.sources or (), state.owners.get(block)
    asked = [s for s in sources if s.error is None or not ordinary(s, s.error)] or sources
    reasons = [_trouble(source, job) for source in asked]
    if not reasons:
        reasons = [f"looking for its places: {state.trouble or 'no answer yet'}"]
    return RemoteUnavailable(
        f"{state.blob.digest}, block {block}: not there within {seconds:g} s ({'; '.join(reasons)})",
        hint="is the remote reachable? `vfs doctor` checks; `transfer.deadline` sets the time",
    )


def _trouble(source: Source, job: Job | None) -> str:
    """Where one place looks for a blob, at which attempt it is, and why the last one failed."""
    attempts, error = source.attempts, source.error
    if job is not None and job.running and job.source is source:
        attempts, error = attempts + job.tries + 1, job.trouble or error
    if not attempts:
        return f"{source.place.where}: not asked yet"
    said = str(error or "no answer yet")
    reason = (
        said.partition(source.place.where)[2].removeprefix(": ") or said
    )  # what is named is named once
    return f"{source.place.where}: attempt {attempts}: {reason}"


def wrong(blob: Blob) -> VfsError:
    """The error of a large blob that was read in part and turned out to be wrong as a whole."""
    return ContentMismatch(
        f"{blob.digest}: the bytes that came are not those the digest names; what was read of it is wrong",
        hint="the object on the remote is damaged: push it again; it is read again, and checked first, after a minute",
    )


def wrong_file(blob: Blob) -> VfsError:
    """The error of a large local file that was read and turned out to be wrong."""
    return ContentMismatch(
        f"{blob.digest}: the local file of that name has other bytes; what was read of it is wrong",
        hint="read it again: it comes from a remote now; `vfs doctor` names damaged cache files",
    )


def mended(blob: Blob) -> VfsError:
    """The error of a blob that is right now, but was not, or not all the time, while it was read."""
    return ContentMismatch(
        f"{blob.digest}: what was read is not what the digest names: it was damaged, and mended or replaced meanwhile",
        hint="read it again",
    )


def unproven(state: BlobState, why: str) -> VfsError:
    """The error of a large blob that could not be fetched and compared as a whole, and was wrong before or would have been handed out whole."""
    before = " was wrong before, and" if state.suspect else ""
    return RemoteUnavailable(
        f"{state.blob.digest}{before} could not be fetched and checked as a whole: {why}",
        hint="read it again: what has come is kept; or let `vfs prefetch` fetch all of it first",
    )


def stopping() -> VfsError:
    """The error of who would have to wait for more while the process ends."""
    error = DataUnavailable("vfs is shutting down")
    error.log_level = logging.DEBUG
    return error


def unforeseen(blob: Blob, error: Exception) -> VfsError:
    """The error of who waits for a blob that a bug was met with, unless that is one of ours already."""
    if isinstance(error, VfsError):
        return error
    return DataUnavailable(
        f"{blob.digest}: {type(error).__name__} in vfs itself (this is a bug)",
        hint="the log has more; read it again",
    )


def shielded(what: object, function: Callable[[], object]) -> Exception | None:
    """Call what trio would end the process for if it raised; returns what it raised, which is logged."""
    try:
        function()
    except Exception as error:
        log.exception("%s failed in an unforeseen way (this is a bug)", what)
        return error
    return None


class Journal:
    """Writes each failure to the log once in `SILENCE` seconds, however often it is met.

    Rule: what was written has `log_level` DEBUG from then on, so that whoever it is raised to does not write it again.
    """

    SILENCE: Final = 300.0

    def __init__(self) -> None:
        self._written: Lru[tuple[bytes, str, str], float] = Lru(4096)

    def write(self, blob: Blob, error: VfsError, where: str = "") -> None:
        """Note a failure of a blob (at a place)."""
        key, now = (blob.key, where, error.code), trio.current_time()
        written = self._written.get(key)
        if written is None or now - written >= self.SILENCE:
            level = error.log_level
            log.log(level, "%s", named(where, error) if where else error)
            self._written.put(key, now)
        error.log_level = logging.DEBUG
