"""The file inode table against a plain model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.core import inodes
from vfs.core.inodes import FILE_BIT, FileTable, number_for
from vfs.types import BLOCK_SIZE, Algorithm, Blob, Digest, Kind

digests = st.builds(
    lambda algorithm, value: Digest(algorithm, value * 16),
    st.sampled_from([Algorithm.MD5, Algorithm.MD5_DOS2UNIX]),
    st.sampled_from([b"\0", b"\1", b"\xff"]),
)
contents = st.tuples(digests, st.sampled_from([Kind.FILE, Kind.EXECUTABLE]))

LARGE = 100


@given(st.lists(st.tuples(st.booleans(), contents, st.integers(1, 3)), max_size=60))
def test_lookups_and_forgets_balance(steps: list[tuple[bool, tuple[Digest, Kind], int]]) -> None:
    table = FileTable(large=LARGE)
    model: dict[int, list[object]] = {}
    for is_lookup, (digest, kind), amount in steps:
        if is_lookup:
            amount *= 0x5555_5555  # imports of single files have an origin each
            inode = table.remember(Blob(digest, 5), kind, 9, amount)
            count = model.get(inode, [0])[0]
            assert isinstance(count, int)
            model[inode] = [count + 1, digest, kind, amount]
        elif model:
            inode = next(iter(model))
            count = model[inode][0]
            assert isinstance(count, int)
            gone = table.forget(inode, min(amount, count))
            model[inode][0] = count - min(amount, count)
            assert gone == (model[inode][0] == 0)
            if gone:
                del model[inode]
        assert len(table) == len(model)
        for inode, (_, known, role, origin) in model.items():
            node = table.get(inode)
            assert node is not None
            assert (node.blob.digest, node.kind, node.origin) == (known, role, origin)
            assert (node.blob.size, node.mtime) == (5, 9)


@given(contents, st.sampled_from([0, 1, 255, BLOCK_SIZE, BLOCK_SIZE + 1, 1 << 40]))
def test_the_only_block_of_a_small_content(content: tuple[Digest, Kind], size: int) -> None:
    """Its key is the one under which the fetcher stores it."""
    table, blob = FileTable(large=LARGE), Blob(content[0], size)
    found = table.only_block(table.remember(blob, content[1], 9, 3))
    assert found == ((blob.key + bytes(4), size) if size <= BLOCK_SIZE else None)
    assert table.only_block(FILE_BIT | 1) is None


def test_numbers_cannot_be_chosen() -> None:
    """A stranger's pointers hold any digests they like: those with a common head must not line up in the table."""
    table = FileTable(large=LARGE)
    digests = [Digest(Algorithm.MD5, number.to_bytes(16, "big")) for number in range(8_000)]
    numbers = [table.remember(Blob(digest, 1), Kind.FILE, 0, 0) for digest in digests]
    assert numbers == [number_for(Blob(digest, 1), Kind.FILE) for digest in digests]
    assert len({number - FILE_BIT >> 32 for number in numbers}) > 7_900


def test_colliding_contents_get_different_inodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inodes, "number_for", lambda blob, kind: FILE_BIT | 7)
    table = FileTable(large=LARGE)
    first = Digest(Algorithm.MD5, b"a" * 16)
    second = Digest(Algorithm.MD5, b"b" * 16)
    one = table.remember(Blob(first, 1), Kind.FILE, 0, 0)
    two = table.remember(Blob(second, 2), Kind.FILE, 0, 0)
    assert one != two
    node = table.get(two)
    assert node is not None
    assert node.blob.size == 2
    assert table.remember(Blob(second, 2), Kind.FILE, 0, 0) == two


def test_inodes_that_show_a_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """In every role of a file, and also where its number was taken."""
    monkeypatch.setattr(inodes, "number_for", lambda blob, kind: FILE_BIT | 7)
    table = FileTable(large=LARGE)
    one, two = (Blob(Digest(Algorithm.MD5, name * 16), LARGE + 1) for name in (b"a", b"b"))
    first = table.remember(one, Kind.FILE, 0, 0)
    shown = [table.remember(two, kind, 0, 0) for kind in (Kind.FILE, Kind.EXECUTABLE)]
    table.remember(Blob(two.digest, LARGE), Kind.FILE, 0, 0)
    assert table.showing(two._replace(scope=b"ours")) == shown
    assert list(table.large()).count(two) == 2
    assert table.forget(first, 1)
    assert set(table.large()) == {two}


def test_the_same_content_has_the_same_number_everywhere() -> None:
    digest = Digest(Algorithm.SHA256, b"z" * 32)
    numbers = {FileTable(large=LARGE).remember(Blob(digest, 3), Kind.FILE, 1, 0) for _ in range(3)}
    assert numbers == {number_for(Blob(digest, 3), Kind.FILE)}
    assert number_for(Blob(digest, 3), Kind.FILE) != number_for(Blob(digest, 3), Kind.EXECUTABLE)
    assert number_for(Blob(digest, 3), Kind.FILE) & FILE_BIT


def test_another_size_is_another_inode() -> None:
    """A pointer that claims a wrong size for a content changes nothing of the file that has the right one."""
    table, digest = FileTable(large=LARGE), Digest(Algorithm.MD5, b"a" * 16)
    wrong, right = (table.remember(Blob(digest, size), Kind.FILE, 0, 0) for size in (1, 8))
    assert wrong != right
    node = table.get(right)
    assert node is not None
    assert node.blob.size == 8


def test_an_unknown_inode_is_none_and_forgetting_it_does_nothing() -> None:
    table = FileTable(large=LARGE)
    assert table.get(FILE_BIT | 5) is None
    assert not table.forget(FILE_BIT | 5, 1)
