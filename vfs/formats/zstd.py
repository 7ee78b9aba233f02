"""Zstandard frames of exactly known length.

Rule: what is stored shorter than it is plain is one frame, anything else is the plain bytes; so no
flag says which. A frame is only opened if its own header names the expected length, so it never
allocates more than the caller allowed.
"""

import zstandard

from vfs.errors import FormatError

LEVEL = 1
PAYS = 16
"""A chunk is stored compressed if that saves at least one byte of this many."""

Buffer = bytes | bytearray | memoryview


class Compressor:
    """Compresses; for one thread at a time."""

    def __init__(self, level: int = LEVEL) -> None:
        self._context = zstandard.ZstdCompressor(level=level)

    def shorter(self, plain: Buffer, *, pays: int = PAYS) -> Buffer:
        """What to store: a frame at least 1/`pays` shorter than `plain`, else `plain` itself."""
        frame = self._context.compress(plain)
        return frame if len(frame) + len(plain) // pays < len(plain) else plain


class Decompressor:
    """Opens frames; for one thread at a time."""

    def __init__(self) -> None:
        self._context = zstandard.ZstdDecompressor()

    def plain(self, stored: Buffer, length: int, *, what: str) -> Buffer:
        """The plain bytes: `stored` itself if it has that length, else the content of the frame.

        Args:
            stored: as `Compressor.shorter` gave it.
            length: of the plain bytes, as the caller has checked against its limit.
            what: name for messages.

        Raises:
            FormatError: no frame, or a frame of another length.
        """
        if len(stored) == length:
            return stored
        try:
            says = zstandard.frame_content_size(stored)
            if says != length:
                raise FormatError(f"a frame of {says} bytes, expected {length}", file=what)
            plain = self._context.decompress(stored, max_output_size=length, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise FormatError(f"is no Zstandard frame: {error}", file=what) from None
        if len(plain) != length:
            raise FormatError(f"a frame held {len(plain)} bytes, expected {length}", file=what)
        return plain
