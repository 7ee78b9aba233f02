"""Facts and notes: what is learned, corrected and kept."""

from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.catalog import Catalog
from vfs.errors import FormatError
from vfs.types import Algorithm, Digest

digests = st.builds(Digest, st.sampled_from(Algorithm), st.binary(max_size=3))
facts = st.lists(st.tuples(digests, st.integers(1, 2**64 - 2), st.integers(-(2**63), 2**63 - 1)))


def test_facts_agree_with_a_dict(tmp_path_factory: pytest.TempPathFactory) -> None:
    @given(st.lists(facts, max_size=4), st.lists(digests, max_size=5))
    def check(batches: list[list[tuple[Digest, int, int]]], others: list[Digest]) -> None:
        catalog = Catalog.open(tmp_path_factory.mktemp("facts"), map_size=1 << 20)
        model: dict[Digest, tuple[int, int]] = {}
        for batch in batches:
            catalog.learn(iter(batch))
            for digest, size, mtime in batch:
                model[digest] = (size, model.get(digest, (0, mtime))[1])
        asked = [*others, *model, *others]
        assert catalog.facts_many(asked) == [model.get(digest) for digest in asked]
        assert [catalog.facts(digest) for digest in asked] == catalog.facts_many(asked)
        catalog.close()

    check()


@pytest.mark.parametrize("size", [-1, 2**64 - 1, 2**64])
def test_impossible_sizes_are_refused_and_nothing_is_stored(catalog: Catalog, size: int) -> None:
    good, bad = Digest(Algorithm.MD5, b"g"), Digest(Algorithm.MD5, b"b")
    with pytest.raises(FormatError, match="out of range"):
        catalog.learn([(good, 1, 1), (bad, size, 1)])
    assert catalog.facts_many([good, bad]) == [None, None]


def test_only_the_hash_of_nothing_is_empty(catalog: Catalog) -> None:
    full, empty = Digest(Algorithm.MD5, b"f"), Digest(Algorithm.MD5, md5(b"").digest())
    catalog.learn([(full, 5, 1), (empty, 0, 1)])
    catalog.learn([(full, 0, 1)])
    assert catalog.facts_many([full, empty]) == [(5, 1), (0, 1)]


def test_a_doubted_size_is_forgotten_and_the_time_stays(catalog: Catalog) -> None:
    digest = Digest(Algorithm.MD5, b"f")
    catalog.learn([(digest, 5, 1)])
    before = catalog.doubts
    catalog.doubt(digest, 6)
    assert (catalog.facts(digest), catalog.doubts) == ((5, 1), before)
    catalog.doubt(digest, 5)
    assert catalog.facts(digest) is None
    assert catalog.doubts != before
    catalog.learn([(digest, 7, 2)])
    assert catalog.facts(digest) == (7, 1)


def test_a_time_is_kept_before_and_after_the_size_is_known(catalog: Catalog) -> None:
    early, late = Digest(Algorithm.MD5, b"e"), Digest(Algorithm.MD5, b"l")
    assert catalog.first_seen(early, 1) == catalog.first_seen(early, 2) == 1
    assert catalog.facts(early) is None
    assert catalog.facts_many([early]) == [None]
    catalog.learn([(early, 7, 3), (late, 8, 4)])
    assert catalog.facts_many([early, late]) == [(7, 1), (8, 4)]
    assert catalog.first_seen(late, 5) == 4


def test_no_facts_at_all(catalog: Catalog) -> None:
    catalog.learn([])
    assert catalog.facts_many([]) == []


@pytest.mark.parametrize("key", [b"", b"k", b"\0" * 510, b"x" * 511, b"x" * 5000])
def test_notes_of_any_key_length(catalog: Catalog, key: bytes) -> None:
    assert catalog.recall(key) is None
    catalog.remember(key, b"one")
    catalog.remember(key, b"two")
    assert catalog.recall(key) == b"two"
    assert catalog.recall_many([key, b"other", key]) == [b"two", None, b"two"]
    catalog.forget(key)
    assert catalog.recall(key) is None


def test_many_notes_and_a_large_one(catalog: Catalog) -> None:
    catalog.remember_many((b"%d" % n, b"v%d" % n) for n in range(1000))
    catalog.remember_many([])
    catalog.remember(b"large", b"x" * 3_000_000)
    assert catalog.recall(b"999") == b"v999"
    assert len(catalog.recall(b"large") or b"") == 3_000_000
    assert catalog.statistics().notes == 1001
