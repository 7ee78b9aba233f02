"""What is said when places fail, and how often."""

import logging
import math
import re
from collections.abc import Sequence

from vfs.core.lru import Lru
from vfs.errors import ContentMismatch, DataUnavailable, ObjectMissing, RemoteUnavailable, VfsError
from vfs.transfer.state import BlobState, Job, Source
from vfs.types import Blob

log = logging.getLogger("vfs.transfer")

RETRY_AFTER = 3.0
"""Seconds for which a place that failed is not asked for the same blob again."""

RETRY_MISMATCH = 60.0
"""The same for a place whose object has wrong bytes: asking costs a whole GET."""


def ordinary(source: Source, error: VfsError) -> bool:
    """Whether a failure says nothing but that a local cache does not have the blob (most have not)."""
    return source.place.local and isinstance(error, ObjectMissing)


def pause_after(source: Source, error: VfsError) -> float:
    """How long (s) to leave a place alone after this error."""
    if isinstance(error, ContentMismatch) or ordinary(source, error):
        return RETRY_MISMATCH
    return RETRY_AFTER


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
    if all(isinstance(source.error, ContentMismatch) for source in sources):
        return ContentMismatch(f"{blob.digest} is damaged everywhere ({reasons})", hint=hint), until
    return DataUnavailable(f"no place has {blob.digest} ({reasons})", hint=hint), until


def named(place: str, error: VfsError | None) -> str:
    """What a place said, with the place's name once: most errors begin with it."""
    text = str(error)
    begins = re.search(rf"(?<!\w){re.escape(place)}(?!\w)", text.partition(": ")[0])
    return text if begins else f"{place}: {text}"


def late(state: BlobState, block: int, job: Job | None, deadline: float) -> VfsError:
    """The error of a reader whose deadline passed while it waited for a block."""
    if job is None or job.source is None:
        where, attempt = "its places", 1
    else:
        where, attempt = job.source.place.label, job.attempt
    return RemoteUnavailable(
        f"{state.blob.digest}, block {block}: no answer from {where} within {deadline:g} s (request {attempt})",
        hint="is the remote reachable? `vfs doctor` checks; `transfer.deadline` sets the time",
    )


def wrong(blob: Blob) -> VfsError:
    """The error of a large blob that was read in part and turned out to be wrong as a whole."""
    return ContentMismatch(
        f"{blob.digest}: the bytes that came are not those the digest names; what was read of it is wrong",
        hint="the object on the remote is damaged: push it again, then mount anew",
    )


class Journal:
    """Writes each failure to the log once, however often it is met.

    Rule: what was written has `log_level` DEBUG from then on, so that whoever it is raised to does not write it again.
    """

    def __init__(self) -> None:
        self._written: Lru[tuple[bytes, str, str], bool] = Lru(4096)

    def write(self, blob: Blob, error: VfsError, where: str = "") -> None:
        """Note a failure of a blob (at a place)."""
        key = (blob.digest.key, where, error.code)
        if self._written.get(key) is None:
            level = error.log_level
            log.log(level, "%s", named(where, error) if where else error)
        self._written.put(key, True)
        error.log_level = logging.DEBUG
