"""Reading a body to its end."""

from vfs.remotes.base import ClosingBody, Writable, read_body


class Holding(ClosingBody):
    """Keeps what it was given to fill, as the traceback of a failed attempt does."""

    size, etag = 3, ""

    def __init__(self) -> None:
        self.held: list[Writable] = []

    def readinto(self, buffer: Writable, /) -> int:
        self.held.append(buffer)
        if len(self.held) > 1:
            return 0
        buffer[:3] = b"abc"
        return 3

    def close(self) -> None:
        """Nothing."""


def test_a_body_that_ends_early_is_cut_though_somebody_holds_the_buffer() -> None:
    assert read_body(Holding(), 10) == b"abc"
