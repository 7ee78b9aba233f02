"""What `vfs prefetch --pin` keeps stays when the cache is full."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Done, git

Vfs = Callable[..., Done]

LIMIT = 64 << 20  # the least that may be configured
SIZE = 24 << 20


@pytest.fixture
def large(repo: Path, world: Path) -> Path:
    """Four files of 24 MiB, which only a remote has."""
    (repo / ".dvc").mkdir()
    (repo / ".dvc" / "config").write_text(
        f"[core]\n    remote = r\n['remote \"r\"']\n    url = {world / 'remote'}\n"
    )
    for name in "abcd":
        data = name.encode() * SIZE
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        place = world / "remote" / "files" / "md5" / md5[:2] / md5[2:]
        place.parent.mkdir(parents=True)
        place.write_bytes(data)
        (repo / f"{name}.bin.dvc").write_text(
            f"outs:\n- md5: {md5}\n  size: {SIZE}\n  hash: md5\n  path: {name}.bin\n"
        )
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "large")
    return repo


def test_an_eviction_spares_what_is_pinned(
    vfs: Vfs, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert vfs("cache", "limit", f"{LIMIT}").code == 0

    def fetched(*words: str) -> int:
        (report,) = vfs("prefetch", *words, "--json").documents
        return int(report["fetched_files"])

    assert fetched("--pin", "train", "a.bin") == 1
    assert vfs("prefetch", "b.bin", "c.bin").code == 18, "one of them has gone again"
    vfs("prefetch", "d.bin")  # what has a second chance may push out some of it
    assert vfs("prefetch", "d.bin").code == 0
    (figures,) = vfs("cache", "--json").documents
    assert figures["evicted"] > 0
    assert figures["bytes"] <= LIMIT
    assert fetched("a.bin") == 0


def test_pins_are_listed_and_removed(vfs: Vfs, large: Path) -> None:
    assert "nothing is pinned" in vfs("cache", "pins").out
    assert vfs("cache", "pins", "--json") == Done(0, "", "")
    vfs("prefetch", "--pin", "train", "a.bin")
    vfs("prefetch", "--pin", "train", "b.bin")
    pin = {"type": "pin", "name": "train", "chunks": 2 * SIZE >> 18}
    assert vfs("cache", "pins", "--json").documents == [pin]
    assert "train  192 chunks\n" in vfs("cache", "pins").out
    assert vfs("cache", "unpin", "train", "--json").documents[0]["pins"] == 0
    assert vfs("cache", "pins", "--json").documents == []
    again = vfs("cache", "unpin", "train")
    assert (again.code, "there is no pin 'train'" in again.err) == (2, True)
    assert vfs("prefetch", "--pin", "", "a.bin").code == 2


def test_a_pin_of_what_does_not_exist_is_not_made(vfs: Vfs, large: Path) -> None:
    assert vfs("prefetch", "--pin", "x", "nope").code == 5
    assert vfs("prefetch", "--pin", "x", "--glob", "*.nope").code == 5
    assert vfs("cache", "pins", "--json").documents == []


def test_a_pin_that_does_not_fit_says_what_it_keeps(vfs: Vfs, large: Path) -> None:
    assert vfs("cache", "limit", f"{LIMIT}").code == 0
    assert vfs("prefetch", "--pin", "train", "a.bin", "b.bin").code == 0
    done = vfs("prefetch", "--pin", "train", "c.bin", "--json")
    assert (done.code, done.error["code"]) == (18, "store-full")
    assert "the limit is reached" in done.error["message"]
    assert done.error["message"].endswith("pin train keeps what was fetched")
    assert done.error["hint"].startswith("`vfs cache unpin train`")
    assert done.warnings == ["caching is off for 30 seconds: the limit is reached"]
    (figures,) = vfs("cache", "--json").documents
    assert figures["bytes"] <= LIMIT
    assert "96.0 MiB asked for" in vfs("prefetch").err
    said = vfs("prefetch", "d.bin").err.splitlines()
    assert [line.partition(":")[0] for line in said] == ["warning", "error", "hint"]
    assert "vfs cache pins" in said[-1]


def test_a_pin_costs_by_the_number_of_files(vfs: Vfs, repo: Path, world: Path) -> None:
    """A pointer may claim any size: nothing is written for each block of it."""
    (repo / "big.dvc").write_text(
        f"outs:\n- md5: {'ab' * 16}\n  size: {1 << 50}\n  hash: md5\n  path: big\n"
    )
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "big")
    assert vfs("prefetch", "--pin", "train", "big").code == 18
    (pin,) = vfs("cache", "pins", "--json").documents
    assert 1 << 32 in pin.values()
    assert vfs("cache", "unpin", "train").code == 0
    assert "nothing is pinned" in vfs("cache", "pins").out
