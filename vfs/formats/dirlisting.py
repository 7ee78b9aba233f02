"""`.dir` objects: DVC's flat listing of a tracked directory.

Format (source: dvc-data `hashfile/tree.py`): a JSON list of `{"md5": …, "relpath": …}`. The
canonical bytes, whose MD5 is the directory's name, are
`json.dumps(entries sorted by relpath, sort_keys=True)` in ASCII with `", "` and `": "`.

Purpose: read any such list as a stream, the canonical spelling fast (one regular expression, no
object per entry but the result), any other spelling through JSON's own decoder, one entry at
a time, so that memory does not grow with the listing in either case: a window of 256 KiB is held,
and one entry of at most 1 MiB.

Rule: bytes that are no such list raise `FormatError`, possibly after entries were already
yielded: a caller must discard what it got. A single entry that names a bad path or hash is
yielded as a `Problem`. Duplicates and file/directory conflicts are left to the caller, who
sorts.
"""

import codecs
import hashlib
import io
import json
import re
from binascii import hexlify, unhexlify
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

from vfs.core.paths import check_listed, show
from vfs.errors import FormatError
from vfs.formats.fields import clip
from vfs.types import Algorithm, Digest, Problem

MAX_BYTES = 256 << 20
"""Of a listing: some 3,000,000 files with names of ordinary length."""

_WINDOW = 1 << 18  # bytes read at once
_LONGEST = 1 << 20  # bytes of one entry


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
_PLAIN = re.compile(_NAME + rb"(?:/" + _NAME + rb"){0,30}+\Z")
_HEX32 = re.compile(r"[0-9a-fA-F]{32}\Z")
_SPACE = re.compile(r"[ \t\r\n]*+")
_DECODER = json.JSONDecoder()


def iter_listing(
    data: bytes | BinaryIO, *, file: str, algorithm: Algorithm = Algorithm.MD5
) -> Iterator[ListingEntry | Problem]:
    """The entries of a listing, in its order.

    Args:
        data: the object's bytes, or a file that gives them from where it stands.
        file: name for messages.
        algorithm: of the out that names the listing: MD5, or MD5_DOS2UNIX if it has no `hash`.

    Yields:
        An entry, or a `Problem` whose path is the entry's (b"" if it has none).

    Raises:
        FormatError: while iterating, when the bytes are no listing.
    """
    read = (io.BytesIO(data) if isinstance(data, bytes) else data).read
    window = read(_WINDOW)
    offset = 0  # of the window in the listing
    position = 0  # end of the last entry in the window
    seen = False  # whether there was one
    start = 1 if window[:1] == b"[" else len(window)
    make, entry, kind, match = tuple.__new__, ListingEntry, Digest, _ENTRY.match
    while True:
        found = match(window, start)
        # a window may end inside an entry, or before what follows it
        if (found is None or found.end() + 2 > len(window)) and len(window) - position < _WINDOW:
            more = read(_WINDOW)
            if more:
                window = window[position:] + more
                offset, start, position = offset + position, start - position, 0
                continue
        if found is None:
            break
        digest = make(kind, (algorithm, unhexlify(found[1])))
        if found[2] is not None:
            yield make(entry, (found[2], digest, None))
        else:
            yield _checked(_unescape(found[3], file), digest, None, file)
        seen = True
        position = found.end()
        start = position + 2
        if window[position:start] != b", ":
            break
    window = window[position:]
    if not seen or window != b"]" or read(1):
        text = _Text(window, read, offset + position, file)
        for value in _values(text, first=not seen):
            yield _row(value, file, algorithm)


def dump_listing(entries: Iterable[tuple[bytes, Digest]]) -> bytes:
    """The canonical bytes of a directory with these files (relative path, digest).

    Raises:
        UnsafePath: a path that may not be listed, or is no UTF-8.
    """
    quoted = ((path, b'"%b"' % hexlify(digest.value)) for path, digest in entries)
    return b"".join(listing_pieces(sorted(quoted), "md5"))


def listing_digest(entries: Iterable[tuple[bytes, str]], field: str = "md5") -> bytes:
    """The MD5 of the canonical bytes; memory does not grow with the entries.

    Args:
        entries: (relative path, hash as text), sorted by path.
        field: what the hash is called; of a directory at a URL DVC makes a listing of ETags ("etag").

    Raises:
        UnsafePath: a path that may not be listed, or is no UTF-8.
    """
    hasher = hashlib.md5(usedforsecurity=False)
    quoted = ((path, json.dumps(name).encode()) for path, name in entries)
    for piece in listing_pieces(quoted, field):
        hasher.update(piece)
    return hasher.digest()


def listing_pieces(entries: Iterable[tuple[bytes, bytes]], field: str = "md5") -> Iterator[bytes]:
    """The canonical bytes of (path, hash as JSON), piece by piece; UTF-8 sorts like the code points that DVC sorts by.

    Raises:
        UnsafePath: a path that may not be listed, or is no UTF-8.
    """
    before = b"["
    middle = b'{"%b": %%b, "relpath": ' % field.encode()
    for path, name in entries:
        if _PLAIN.match(path):
            yield before + middle % name + b'"' + path + b'"}'
        else:
            try:
                relpath = json.dumps(check_listed(path).decode()).encode()
            except UnicodeDecodeError:
                raise FormatError(f"{show(path)} is no UTF-8, DVC cannot list it") from None
            yield before + middle % name + relpath + b"}"
        before = b", "
    yield b"]" if before == b", " else b"[]"


def _unescape(raw: bytes, file: str) -> str:
    try:
        text: str = _DECODER.raw_decode('"' + raw.decode() + '"')[0]
    except ValueError as error:
        raise FormatError(f"is no listing: {error}", file=file) from None
    return text


class _Text:
    """The characters of a listing from some place on, as many at once as are needed."""

    def __init__(self, head: bytes, read: Callable[[int], bytes], offset: int, file: str) -> None:
        self._read = read
        self.file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._decoded = offset  # bytes given to the decoder
        self._text = ""
        self._offset = offset  # of `_text`; in characters from where this text begins
        self._position = 0
        self._ended = False
        self._add(head)

    def _add(self, data: bytes) -> None:
        try:
            more = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            where = self._decoded + error.start
            raise FormatError(f"is no listing: byte {where} is no UTF-8", file=self.file) from None
        self._ended = not data
        self._decoded += len(data)
        self._text = self._text[self._position :] + more
        self._offset += self._position
        self._position = 0

    def _more(self) -> None:
        self._add(self._read(max(_WINDOW, len(self._text) - self._position)))

    def next(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            found = _SPACE.match(self._text, self._position)
            self._position = self._position if found is None else found.end()
            if self._position < len(self._text) or self._ended:
                return self._text[self._position : self._position + 1]
            self._more()

    def expect(self, mark: str) -> None:
        """Pass over a character. Raises FormatError if it is another one."""
        if self.next() != mark:
            rest = self._text[self._position : self._position + 20]
            found = clip(rest) if rest else "its end"
            where = self._offset + self._position
            message = f"is no listing: expected {mark!r} near character {where}, found {found}"
            raise FormatError(message, file=self.file)
        self._position += 1

    def value(self) -> Any:
        """Pass over a JSON value and return it. Raises FormatError."""
        while True:
            whole = self._ended or len(self._text) - self._position > _LONGEST
            try:
                value, end = _DECODER.raw_decode(self._text, self._position)
            except (ValueError, RecursionError) as error:
                if whole:
                    reason = " ".join(str(error).split())[:120]
                    where = self._offset + self._position
                    message = f"is no listing: near character {where}: {reason}"
                    raise FormatError(message, file=self.file) from None
            else:
                if whole or end < len(self._text):  # else a number may go on
                    self._position = end
                    return value
            self._more()


def _values(text: _Text, *, first: bool) -> Iterator[Any]:
    """The values of a JSON list, or of its rest behind a value, decoded one at a time."""
    if first:
        text.expect("[")
    while text.next() != "]":
        if not first:
            text.expect(",")
            text.next()
        first = False
        yield text.value()
    text.expect("]")
    if text.next():
        raise FormatError("has something behind the listing's end", file=text.file)


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
    return Problem(path, code, f"{file}: {message}", heals=False)
