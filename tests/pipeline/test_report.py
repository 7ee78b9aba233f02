"""What a run of a stage read and fetched is there when its mount is gone; what it will take is told before."""

import os
from pathlib import Path

from tests.pipeline.clones import clone_of
from tests.pipeline.conftest import Work

SIZES = {
    "data/a/one": 30_000,
    "data/a/two": 70_000,
    "data/b/three": 5_000_000,
    "data/unread": 9_000,
}


def published(work: Work) -> Work:
    """A clone in which nothing was pulled."""
    for name, size in SIZES.items():
        path = work.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    store = work.root.parent / f"{work.root.name}-store"
    store.mkdir()
    work.vfs("remote", "add", "-d", "store", str(store))
    work.vfs("add", "data")
    work.pipeline("  one: {cmd: 'cat data/a/one data/a/two data/b/three > b', deps: [data], outs: [b]}\n")  # fmt: skip
    work.vfs("push")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "published")
    return clone_of(work, "clone")


def test_a_run_has_a_report(work: Work) -> None:
    clone = published(work)
    (before,) = clone.documents("estimate", "one")
    assert (before["by"], before["fetch"]["bytes"]) == ("deps", sum(SIZES.values()))
    assert "was not run here" in clone.vfs("report", "one", "--last-run", code=5)
    clone.outcomes()
    read = {name: size for name, size in SIZES.items() if name != "data/unread"}
    for words in (("report", "one"), ("report", "--last-run")):
        (found,) = clone.documents(*words)
        assert found["name"] == "one"
        assert found["asked"]["bytes"] == sum(read.values())
        assert (
            found["fetched"]["bytes"] == found["remotes"]["store"]["received"] == sum(read.values())
        )
        assert found["fetched"]["requests"] >= 3
        rows = {row["path"]: row for row in found["directories"]}
        assert rows["data/a"]["read"] == rows["data/a"]["fetched"] == 100_000
        assert rows["data/b"]["fetched"] == 5_000_000
    assert "amplification" in clone.vfs("report", "one")
    page = clone.root.parent / "page.html"
    clone.vfs("report", "one", "--html", str(page))
    assert "data/a" in page.read_text()
    (after,) = clone.documents("estimate", "one")
    assert (after["by"], after["fetch"]["bytes"]) == ("run", 0)
    assert (after["files"], after["bytes"]) == (len(read), sum(read.values()))


def test_a_report_that_is_damaged(work: Work) -> None:
    clone = published(work)
    clone.outcomes()
    runs = Path(clone.git("rev-parse", "--git-dir").strip())
    (report,) = (clone.root / runs).glob("vfs/runs/*.report")
    report.write_text("{")
    assert "is no report of a run" in clone.vfs("report", "one", code=9)
