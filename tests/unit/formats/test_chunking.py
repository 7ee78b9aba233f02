"""Cutting contents into chunks."""

import io
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from vfs.formats.chunking import CUTS, Cuts, chunks, cuts_for
from vfs.formats.manifests import MAX_BLOCK
from vfs.formats.packs import MAX_CHUNK

SMALL = Cuts(256, 1024, 4096)


def cut(data: bytes, cuts: Cuts = SMALL) -> list[bytes]:
    return [bytes(piece) for piece in chunks(io.BytesIO(data), cuts)]


@given(st.integers(0, 30_000), st.integers(0, 9))
def test_chunks_are_the_content_and_within_bounds(size: int, seed: int) -> None:
    data = random.Random(seed).randbytes(size)
    pieces = cut(data)
    assert b"".join(pieces) == data
    assert all(SMALL.least <= len(piece) <= SMALL.most for piece in pieces[:-1])
    assert all(pieces)


@settings(max_examples=25)
@given(st.integers(0, 100_000), st.binary(max_size=40))
def test_an_edit_moves_few_cuts(at: int, extra: bytes) -> None:
    data = random.Random(1).randbytes(100_000)
    before, after = cut(data), cut(data[:at] + extra + data[at:])
    assert len(set(after) - set(before)) <= 6


def test_cuts_do_not_depend_on_the_library_version() -> None:
    """Changing them would store every large file of every remote again."""
    data = random.Random(7).randbytes(5 << 20)
    assert [len(piece) for piece in cut(data, CUTS)] == [
        264465,
        320718,
        125415,
        137620,
        285505,
        407445,
        280569,
        475166,
        306980,
        345500,
        156604,
        331416,
        137691,
        542183,
        171057,
        99180,
        458908,
        396458,
    ]


def test_the_largest_contents_fit_into_a_block_of_a_manifest() -> None:
    for size in (1, 127 << 30, 128 << 30, 1023 << 30, 1 << 40, 5 << 40):
        assert size // cuts_for(size).average * 48 <= MAX_BLOCK
        assert cuts_for(size).most <= MAX_CHUNK


def test_a_small_content_is_one_chunk_and_an_empty_one_none() -> None:
    assert cut(b"") == []
    assert cut(b"x" * CUTS.least, CUTS) == [b"x" * CUTS.least]


def test_short_reads_do_not_matter() -> None:
    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(size if size is None or size < 0 else max(1, size // 3))

    data = random.Random(3).randbytes(50_000)
    assert [bytes(piece) for piece in chunks(Trickle(data), SMALL)] == cut(data)
