"""`.dir` objects: DVC's flat listing of a tracked directory.

Format (source: dvc-data `hashfile/tree.py`): a JSON list of `{"md5": …, "relpath": …}`. The
canonical bytes, whose MD5 is the directory's name, are
`json.dumps(entries sorted by relpath, sort_keys=True)` in ASCII with `", "` and `": "`.

Purpose: read any such list as a stream, the canonical spelling fast (one regular expression, no
object per entry but the result), any other spelling through JSON's own decoder, one entry at
a time, so that memory does not grow with the listing in either case.

Rule: bytes that are no such list raise `FormatError`, possibly after entries were already
yielded: a caller must discard what it got. A single entry that names a bad path or hash is
yielded as a `Problem`. Duplicates and file/directory conflicts are left to the caller, who
sorts.
"""

import hashlib
import json
import re
from binascii import unhexlify
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from vfs.core.paths import check_listed, show
from vfs.errors import FormatError
from vfs.formats.fields import clip
from vfs.types import Algorithm, Digest, Problem

MAX_BYTES = 4 << 30


class ListingEntry(NamedTuple):
    """One file of a tracked directory.

    Attributes:
        path: relative to the directory, validated.
        digest: of its content, of the algorithm of the listing.
        size: bytes, if the listing says so (DVC's never do).
    """

    path: bytes
    digest: Digest
    size: int | None = None


# A canonical entry. Group 2 is a path without escapes whose components are all harmless by
# `check_listed`; group 3 any other JSON string. Possessive, so that no input backtracks.
_NAME = rb"[A-Za-z0-9_][ !#-.0-\[\]-}]{0,120}+"
_ENTRY = re.compile(
    rb'\{"md5": "([0-9a-f]{32})", "relpath": "'
    rb"(?:(" + _NAME + rb"(?:/" + _NAME + rb'){0,30}+)"\}|((?:[^"\\\x00-\x1f]|\\.)*+)"\})'
)
_HEX32 = re.compile(r"[0-9a-fA-F]{32}\Z")
_SPACE = re.compile(r"[ \t\r\n]*+")
_DECODER = json.JSONDecoder()


def iter_listing(
    data: bytes, *, file: str, algorithm: Algorithm = Algorithm.MD5
) -> Iterator[ListingEntry | Problem]:
    """The entries of a listing, in its order.

    Args:
        data: the object's bytes.
        file: name for messages.
        algorithm: of the out that names the listing: MD5, or MD5_DOS2UNIX if it has no `hash`.

    Yields:
        An entry, or a `Problem` whose path is the entry's (b"" if it has none).

    Raises:
        FormatError: while iterating, when the bytes are no listing.
    """
    if len(data) > MAX_BYTES:
        raise FormatError(f"has {len(data)} bytes, at most {MAX_BYTES} are read", file=file)
    position = 0  # end of the last entry that was read, 0 before the first
    start = 1 if data[:1] == b"[" else len(data)
    make, entry, kind, match = tuple.__new__, ListingEntry, Digest, _ENTRY.match
    while (found := match(data, start)) is not None:
        digest = make(kind, (algorithm, unhexlify(found[1])))
        if found[2] is not None:
            yield make(entry, (found[2], digest, None))
        else:
            yield _checked(_unescape(found[3], file), digest, None, file)
        position = found.end()
        start = position + 2
        if data[position:start] != b", ":
            break
    if data[position:start] != b"]" or start < len(data) or not position:
        yield from _decoded(data, position, file, algorithm)


def dump_listing(entries: Iterable[tuple[bytes, Digest]]) -> bytes:
    """The canonical bytes of a directory with these files (relative path, digest).

    Raises:
        UnsafePath: a path that may not be listed, or is no UTF-8.
    """
    return b"".join(_pieces(sorted((path, digest.hex) for path, digest in entries), "md5"))


def listing_digest(entries: Iterable[tuple[bytes, str]], field: str = "md5") -> bytes:
    """The MD5 of the canonical bytes; memory does not grow with the entries.

    Args:
        entries: (relative path, hash as text), sorted by path.
        field: what the hash is called; of a directory at a URL DVC makes a listing of ETags ("etag").

    Raises:
        UnsafePath: a path that may not be listed, or is no UTF-8.
    """
    hasher = hashlib.md5(usedforsecurity=False)
    for piece in _pieces(entries, field):
        hasher.update(piece)
    return hasher.digest()


def _pieces(entries: Iterable[tuple[bytes, str]], field: str) -> Iterator[bytes]:
    """The canonical bytes; UTF-8 sorts like the code points that DVC sorts by."""
    before = b"["
    for path, name in entries:
        try:
            relpath = json.dumps(check_listed(path).decode())
        except UnicodeDecodeError:
            raise FormatError(f"{show(path)} is no UTF-8, DVC cannot list it") from None
        yield before + f'{{"{field}": {json.dumps(name)}, "relpath": {relpath}}}'.encode("ascii")
        before = b", "
    yield b"]" if before == b", " else b"[]"


def _unescape(raw: bytes, file: str) -> str:
    try:
        text: str = _DECODER.raw_decode('"' + raw.decode() + '"')[0]
    except ValueError as error:
        raise FormatError(f"is no listing: {error}", file=file) from None
    return text


def _decoded(
    data: bytes, position: int, file: str, algorithm: Algorithm
) -> Iterator[ListingEntry | Problem]:
    """The entries behind `position` (the end of an entry, or 0), by JSON's own decoder."""
    try:
        text = data[position:].decode()
    except UnicodeDecodeError as error:
        where = position + error.start
        raise FormatError(f"is no listing: byte {where} is no UTF-8", file=file) from None
    for value in _values(text, first=position == 0, offset=position, file=file):
        yield _row(value, file, algorithm)


def _values(text: str, *, first: bool, offset: int, file: str) -> Iterator[Any]:
    """The values of a JSON list, or of its rest behind a value, decoded one at a time."""
    position = _skip(text, 0)
    if first:
        position = _skip(text, _expect(text, position, "[", offset, file))
    while text[position : position + 1] != "]":
        if not first:
            position = _skip(text, _expect(text, position, ",", offset, file))
        first = False
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())[:120]
            message = f"is no listing: near character {offset + position}: {reason}"
            raise FormatError(message, file=file) from None
        yield value
        position = _skip(text, position)
    if _skip(text, position + 1) != len(text):
        raise FormatError("has something behind the listing's end", file=file)


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return position if found is None else found.end()


def _expect(text: str, position: int, mark: str, offset: int, file: str) -> int:
    if text[position : position + 1] != mark:
        found = clip(text[position : position + 20]) if position < len(text) else "its end"
        where = offset + position
        message = f"is no listing: expected {mark!r} near character {where}, found {found}"
        raise FormatError(message, file=file)
    return position + 1


def _row(value: Any, file: str, algorithm: Algorithm) -> ListingEntry | Problem:
    """One decoded entry; what cannot be used is a `Problem`."""
    if not isinstance(value, dict):
        raise FormatError(f"is no listing: expected an entry, found {clip(value)}", file=file)
    relpath, md5, size = value.get("relpath"), value.get("md5"), value.get("size")
    if not isinstance(relpath, str):
        return _problem(b"", f"an entry has no relpath, found {clip(relpath)}", file)
    if not isinstance(md5, str) or not _HEX32.match(md5):
        found = "an ETag instead" if "etag" in value else clip(md5)
        shown = relpath.encode("utf-8", "backslashreplace")
        return _problem(shown, f"{show(shown)}: expected an md5, found {found}", file)
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < 1 << 63:
        size = None
    return _checked(relpath, Digest(algorithm, unhexlify(md5)), size, file)


def _checked(relpath: str, digest: Digest, size: int | None, file: str) -> ListingEntry | Problem:
    try:
        path = relpath.encode()
    except UnicodeEncodeError:
        shown = relpath.encode("utf-8", "backslashreplace")
        return _problem(shown, f"{show(shown)} cannot be written as UTF-8", file, "unsafe-path")
    try:
        return ListingEntry(check_listed(path), digest, size)
    except FormatError as error:
        return _problem(path, error.problem, file, error.code)


def _problem(path: bytes, message: str, file: str, code: str = "bad-format") -> Problem:
    return Problem(path, code, f"{file}: {message}")
