"""Small objects from one cache directory to another."""

import os
from pathlib import Path

from vfs.objects import ObjectCache
from vfs.objects.cache import PIECE
from vfs.objects.relay import relay
from vfs.testing.packed import digest_of


def test_what_is_small_and_right_is_put(tmp_path: Path) -> None:
    """And named with its size; the rest is left to who asks for it alone."""
    source, target = (ObjectCache(str(tmp_path / name)) for name in ("source", "target"))
    good, wrong, long = source.put(b"good"), source.put(b"wrong"), source.put(bytes(PIECE))
    missing = digest_of(b"missing")
    path = source.path(wrong)
    os.chmod(path, 0o644)
    Path(path).write_bytes(b"other")
    assert relay(source, target, [good, wrong, long, missing]) == {good: 4}
    assert [d for d, _, _ in target.objects()] == [good]
    assert target.trusted(good)


def test_a_target_that_cannot_be_written_gets_nothing(tmp_path: Path) -> None:
    source = ObjectCache(str(tmp_path / "source"))
    digest = source.put(b"good")
    (tmp_path / "target").write_bytes(b"no directory")
    assert relay(source, ObjectCache(str(tmp_path / "target")), [digest]) == {}
