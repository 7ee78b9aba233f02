"""What the answer to a ranged GET holds: pure decisions about RFC 9110 ranges and servers that bend them.

Rule: bytes are only handed out if the answer proves where in the object they lie. Known deviations:
  * 200 without Content-Range: the server ignored the range and sends everything; the size of the
    object (from HEAD) must agree, then the unwanted bytes are skipped;
  * 200 with a matching Content-Range (rclone `serve s3`): the range, in spite of the status;
  * 206 that is shorter than asked for: allowed by the RFC, the caller asks for the rest.
"""

import re
from typing import NamedTuple


class BadAnswer(Exception):
    """The answer does not prove what its bytes are."""


class ContentRange(NamedTuple):
    """`Content-Range: bytes first-last/size`, with an exclusive end."""

    start: int
    end: int
    size: int


class Plan(NamedTuple):
    """How to read the body of an answer.

    Attributes:
        skip: bytes to throw away first.
        take: bytes that the reader is owed; fewer is a broken stream.
        size: of the whole object.
    """

    skip: int
    take: int
    size: int


_CONTENT_RANGE = re.compile(r"bytes\s+([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})", re.IGNORECASE)


def range_header(start: int, length: int | None) -> str | None:
    """The value of `Range`, None if everything is wanted; `length` is not 0."""
    if length is None:
        return f"bytes={start}-" if start else None
    return f"bytes={start}-{start + length - 1}"


def parse_content_range(value: str | None) -> ContentRange | None:
    """The header's value, None if there is none.

    Raises:
        BadAnswer: it is not of the form `bytes first-last/size`, or contradicts itself.
    """
    if value is None:
        return None
    match = _CONTENT_RANGE.fullmatch(value.strip())
    if match is None:
        raise BadAnswer("unreadable Content-Range")
    first, last, size = map(int, match.groups())
    if not first <= last < size:
        raise BadAnswer("impossible Content-Range")
    return ContentRange(first, last + 1, size)


def plan_partial(
    found: ContentRange, content_length: int | None, start: int, length: int | None
) -> Plan:
    """For an answer with a Content-Range.

    Raises:
        BadAnswer: it is another range, or its length contradicts it.
    """
    if found.start != start:
        raise BadAnswer(f"it holds bytes from {found.start}, not from {start}")
    if content_length is not None and content_length != found.end - found.start:
        raise BadAnswer("Content-Length contradicts Content-Range")
    return Plan(0, _owed(found.size, start, length), found.size)


def plan_whole(size: int, content_length: int | None, start: int, length: int | None) -> Plan:
    """For an answer without Content-Range that must hold the whole object of `size` bytes.

    Raises:
        BadAnswer: its length is not that of the object.
    """
    if content_length is not None and content_length != size:
        raise BadAnswer(f"it holds {content_length} bytes of {size} and does not say which")
    return Plan(min(start, size), _owed(size, start, length), size)


def _owed(size: int, start: int, length: int | None) -> int:
    rest = max(size - start, 0)
    return rest if length is None else min(rest, length)
