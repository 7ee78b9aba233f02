"""Pages of Azure's `List Blobs`, parsed.

Rule: untrusted XML; no document type, no entities, bounded size. Invariant: pure.
"""

from urllib.parse import unquote
from xml.etree import ElementTree

from vfs.remotes.base import ObjectInfo
from vfs.remotes.times import seconds

MAX_PAGE = 64 << 20  # bytes; 5,000 names of 1,024 characters and their properties are about 12 MB


class BadListing(Exception):
    """The page cannot be used."""


def parse_page(data: bytes) -> tuple[list[ObjectInfo], str]:
    """The objects of a page with their full keys, and the marker of the next page ("" at the end).

    Raises:
        BadListing: it is no listing, or contradicts itself.
    """
    if b"<!" in data:
        raise BadListing("it declares a document type")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError:
        raise BadListing("it is no XML") from None
    if root.tag != "EnumerationResults":
        raise BadListing("it is no listing")
    return [_object(item) for item in root.iterfind("Blobs/Blob")], root.findtext("NextMarker", "")


def _object(item: ElementTree.Element) -> ObjectInfo:
    name = item.find("Name")
    size = item.findtext("Properties/Content-Length", "")
    if name is None or not name.text or not size.isascii() or not size.isdigit():
        raise BadListing("an entry has no name or no size")
    encoded = name.get("Encoded", "").lower() == "true"
    key = unquote(name.text) if encoded else name.text
    etag = item.findtext("Properties/Etag", "").strip('"')
    put = seconds(item.findtext("Properties/Last-Modified", ""))
    return ObjectInfo(key, int(size), etag, modified=put)
