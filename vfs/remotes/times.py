"""Times of objects, as listings of remotes write them."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def seconds(text: str) -> float:
    """Seconds since the epoch of an ISO 8601 or HTTP date; 0 if it is neither."""
    text = text.strip()
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = parse(text)
        except (ValueError, TypeError, IndexError):
            continue
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return 0.0
