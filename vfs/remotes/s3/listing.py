"""Pages of `ListObjectsV2`, parsed.

Rule: untrusted XML; no document type, no entities, bounded size. Invariant: pure.
Source: Amazon S3 API reference, ListObjectsV2; `encoding-type=url` because keys may hold characters
that XML cannot.
"""

from typing import NamedTuple
from urllib.parse import quote, unquote_plus, urlencode
from xml.etree import ElementTree

from vfs.remotes.base import ObjectInfo
from vfs.remotes.times import seconds

MAX_PAGE = 32 << 20  # bytes; 1,000 keys of 1,024 bytes, all percent-encoded, are 3 MB


class BadListing(Exception):
    """The page cannot be used."""


class Page(NamedTuple):
    """One page.

    Attributes:
        objects: with full keys.
        token: for the next page, "" at the end.
    """

    objects: list[ObjectInfo]
    token: str


def page_query(prefix: str, after: str, token: str) -> str:
    """The query string of a request for a page."""
    parameters = {"list-type": "2", "encoding-type": "url", "prefix": prefix}
    if token:
        parameters["continuation-token"] = token
    elif after:
        parameters["start-after"] = after
    # SigV4 wants %20 and sorted names.
    return urlencode(sorted(parameters.items()), quote_via=quote, safe="~")


def parse_page(data: bytes) -> Page:
    """One answer.

    Raises:
        BadListing: it is no listing, or contradicts itself.
    """
    if b"<!" in data:
        raise BadListing("it declares a document type")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError:
        raise BadListing("it is no XML") from None
    space = root.tag[: root.tag.index("}") + 1] if root.tag.startswith("{") else ""
    if root.tag != f"{space}ListBucketResult":
        raise BadListing("it is no listing")
    encoded = root.findtext(f"{space}EncodingType", "") == "url"
    try:
        objects = [_object(item, space, encoded) for item in root.iterfind(f"{space}Contents")]
    except (KeyError, ValueError):
        raise BadListing("an entry has no key or no size") from None
    truncated = root.findtext(f"{space}IsTruncated", "false").strip().lower() == "true"
    token = root.findtext(f"{space}NextContinuationToken") or ""
    if truncated and not token:
        raise BadListing("it is cut and has no continuation token")
    return Page(objects, token if truncated else "")


def _object(item: ElementTree.Element, space: str, encoded: bool) -> ObjectInfo:
    fields = {child.tag: child.text or "" for child in item}
    key = fields[f"{space}Key"]
    size = int(fields[f"{space}Size"])
    if size < 0:
        raise ValueError("negative size")
    etag = fields.get(f"{space}ETag", "").strip('"')
    put = seconds(fields.get(f"{space}LastModified", ""))
    return ObjectInfo(unquote_plus(key) if encoded else key, size, etag, modified=put)
