"""Answers to PROPFIND, parsed.

Rule: untrusted XML; no document type, no entities, bounded size. What does not lie directly in the
collection that was asked for is left out. Invariant: pure. Source: RFC 4918.
"""

from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from vfs.remotes.times import seconds
from vfs.remotes.walk import Named

MAX_PAGE = 64 << 20  # bytes
QUERY = (
    b'<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop>'
    b"<D:resourcetype/><D:getcontentlength/><D:getetag/><D:getlastmodified/></D:prop></D:propfind>"
)


class BadListing(Exception):
    """The answer cannot be used."""


def parse_entries(data: bytes, path: str) -> list[Named]:
    """What lies in the collection at `path` (percent-decoded); itself as an entry named "".

    Raises:
        BadListing: it is no answer to PROPFIND, or contradicts itself.
    """
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise BadListing("it declares a document type")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError:
        raise BadListing("it is no XML") from None
    if root.tag != "{DAV:}multistatus":
        raise BadListing("it is no listing")
    found = []
    for item in root.iterfind("{DAV:}response"):
        name = _name(item.findtext("{DAV:}href", "").strip(), path.rstrip("/"))
        if name is not None:
            found.append(_entry(item, name))
    return found


def _name(href: str, path: str) -> str | None:
    try:
        full = unquote(urlsplit(href).path, errors="strict").rstrip("/")
    except ValueError:
        return None  # no URL, or no valid UTF-8: nothing that we stored
    if full == path:
        return ""
    head, slash, name = full.rpartition("/")
    return name if slash and head == path else None


def _entry(item: ElementTree.Element, name: str) -> Named:
    if item.find(".//{DAV:}resourcetype/{DAV:}collection") is not None:
        return Named(name, is_directory=True)
    size = item.findtext(".//{DAV:}getcontentlength", "").strip()
    if not size.isascii() or not size.isdigit():
        raise BadListing("an entry has no size")
    etag = item.findtext(".//{DAV:}getetag", "").strip()
    etag = "" if etag.startswith("W/") else etag.strip('"')
    put = seconds(item.findtext(".//{DAV:}getlastmodified", ""))
    return Named(name, False, int(size), etag, put)
