"""Times of objects, as remotes write them, and the time of a remote itself."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from vfs.errors import RemoteError
from vfs.remotes.base import Remote


def clock_of(remote: Remote, key: str) -> float:
    """What time it is at a remote (seconds since the epoch): that of an object which is put for this.

    Raises:
        RemoteError: as `Remote.put` and `Remote.list`, or the remote does not tell times.
    """
    remote.put(key, b"")
    now = max((info.modified for info in remote.list(key) if info.key == key), default=0.0)
    if not now:
        raise RemoteError(
            f"{remote.url}: {key}: the remote does not say when it was put, which was just now",
            hint="try again, in case that its listings are late; without its times nothing is collected there",
        )
    return now


def seconds(text: str) -> float:
    """Seconds since the epoch of an ISO 8601 or HTTP date; 0 if it is neither."""
    text = text.strip()
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = parse(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return 0.0
