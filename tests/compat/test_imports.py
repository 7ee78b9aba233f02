"""`import` and `update` beside the real dvc, in both directions: the same pointers, and either goes on with the other's."""

import shutil
from pathlib import Path

import pytest

from tests.compat.imports import Pair, begin, both, change, files, same, texts
from vfs.testing.clones import Clone, check_store
from vfs.testing.sandbox import Sandbox
from vfs.testing.variants import all_but

pytestmark = [pytest.mark.dvc, pytest.mark.slow]

IMPORTS = [
    ["../source", "data/a"],
    ["--rev", "s1", "../source", "data/a", "-o", "a of s1"],
    ["../source", "data/a/sub/2", "-o", "two"],
    ["../source", "model.bin", "-o", "sub"],
    ["../source", "code"],
    ["--rev", "main", "../source", "code/run.sh"],
    ["--no-download", "../source", "data", "-o", "later"],
]


def import_all(pair: Pair) -> None:
    for clone in pair:
        (clone.root / "sub").mkdir()
    for arguments in IMPORTS:
        both(pair, "import", *arguments)


def test_the_same_pointers_from_repositories(source: Clone, pair: Pair) -> None:
    theirs, ours = pair
    import_all(pair)
    same(pair)
    assert ours.dvc("status") == theirs.dvc("status")
    ours.vfs("update", "later")
    ours.git("add", "--all")
    ours.git("commit", "-q", "-m", "imports")
    two = ours.clone("two")
    two.dvc("pull", "-q")
    assert files(two) == files(ours)
    three = ours.clone("three")
    three.vfs("pull")
    assert files(three) == files(ours)
    assert "up to date" in three.dvc("status")


def test_the_same_updates(source: Clone, pair: Pair) -> None:
    theirs, ours = pair
    import_all(pair)
    change(source)
    both(pair, "update", "a.dvc", "two.dvc", "code.dvc", "run.sh.dvc", "sub/model.bin.dvc")
    both(pair, "update", "later.dvc")
    same(pair)
    both(pair, "update", "--rev", "s1", "code.dvc", "a.dvc")
    same(pair)
    both(pair, "update", "--no-download", "--rev", "main", "a.dvc")
    # DVC makes the checksum of the file first, and clears the out then: its own status finds that changed.
    assert texts(ours)["a.dvc"].split("\n")[1:] == texts(theirs)["a.dvc"].split("\n")[1:]
    assert "changed checksum" not in ours.dvc("status", "a.dvc")
    # Each goes on with what the other one wrote.
    for name, text in texts(theirs).items():
        (ours.root / name).write_text(text)
    for clone in (ours, theirs):
        shutil.rmtree(clone.root / "a", ignore_errors=True)
    ours.vfs("update", "a")
    theirs.vfs("update", "a")
    ours.dvc("update", "-q", "--rev", "s1", "a.dvc")
    theirs.dvc("update", "-q", "--rev", "s1", "a.dvc")
    assert texts(ours) == texts(theirs)


def test_what_was_changed_here_does_not_keep_the_others_back(source: Clone, pair: Pair) -> None:
    _, ours = pair
    ours.vfs("import", "../source", "data/a", "-o", "a")
    ours.vfs("import", "../source", "code", "-o", "code")
    change(source)
    ours.write("a/mine", b"mine")
    assert "a is not what a.dvc says" in ours.vfs("update", code=22)
    assert (ours.root / "code" / "more").read_bytes() == b"more"
    assert not (ours.root / "a" / "3").exists()


def test_nothing_is_downloaded_unless_it_changed(source: Clone, pair: Pair) -> None:
    _, ours = pair
    ours.vfs("import", "../source", "data/a")
    assert "up to date" in ours.vfs("update", "--dry-run")
    source.write("unrelated", b"x")
    source.git("add", "unrelated")
    source.git("commit", "-q", "-m", "unrelated")
    listing = next((source.root.parent / "remote").rglob("*.dir"))
    kept = listing.read_bytes()
    shutil.rmtree(source.root.parent / "remote")
    listing.parent.mkdir(parents=True)
    listing.write_bytes(kept)
    before = texts(ours)
    assert ours.vfs("update", "--dry-run") == "would be updated  a\n"
    assert texts(ours) == before
    assert "a.dvc" in ours.vfs("update")
    assert "Nothing changed" in ours.vfs("update", "a")
    assert "Nothing changed" in ours.vfs("update", ".")
    assert (ours.root / "a" / "1").read_bytes() == b"one"


def test_what_is_refused(source: Clone, pair: Pair) -> None:
    _, ours = pair
    before = texts(ours), files(ours)
    ours.vfs("import", "--rev", "nope", "../source", "data/a", code=4)
    ours.vfs("import", "../source", "nope", code=5)
    ours.vfs("import", "../nowhere", "data/a", code=3)
    ours.vfs("import-url", "../nothing", code=5)
    ours.write("model.bin", b"mine")
    assert "is there already" in ours.vfs("import", "../source", "model.bin", code=22)
    assert "is there already" in ours.vfs("import-url", "../source/code", "model.bin", code=22)
    assert (ours.root / "model.bin").read_bytes() == b"mine"
    (ours.root / "model.bin").unlink()
    assert (texts(ours), files(ours)) == before

    ours.vfs("import", "../source", "model.bin")
    assert "vfs update" in ours.vfs("import", "../source", "model.bin", code=22)
    change(source)
    ours.write("model.bin", b"mine")
    before = texts(ours), files(ours)
    assert "is not what" in ours.vfs("update", "model.bin", code=22)
    assert (texts(ours), files(ours)) == before
    ours.vfs("update", "--force", "model.bin")
    assert (ours.root / "model.bin").read_bytes() == b"model"
    ours.write("own", b"own")
    ours.vfs("add", "own")
    assert "not an import" in ours.vfs("update", "own", code=2)
    assert "tracked by own.dvc" in ours.vfs(
        "import", "../source", "code/run.sh", "-o", "own", code=2
    )


def test_an_import_that_cannot_be_had_leaves_nothing(source: Clone, pair: Pair) -> None:
    _, ours = pair
    remote = source.root.parent / "remote"
    max(remote.glob("files/md5/??/*"), key=lambda path: path.stat().st_size).unlink()
    before = texts(ours), files(ours)
    ours.vfs("import", "../source", "data/a", code=16)
    assert (texts(ours), files(ours)) == before


def test_imports_come_without_a_remote(source: Clone, pair: Pair) -> None:
    """And from URLs; what nobody pushed is named."""
    _, ours = pair
    outside = source.root.parent / "outside"
    outside.write_bytes(b"outside")
    ours.vfs("import", "../source", "model.bin")
    ours.vfs("import-url", str(outside), "from-url")
    ours.write("own", b"own")
    ours.vfs("add", "own")
    ours.git("add", "--all")
    ours.git("commit", "-q", "-m", "imports")
    two = ours.clone("two")
    said = two.vfs("pull", code=8)
    assert "warning: own: no remote is configured" in said
    assert "vfs remote add" in said
    assert (two.root / "model.bin").read_bytes() == b"model"
    assert (two.root / "from-url").read_bytes() == b"outside"


def test_get_and_list(source: Clone, sandbox: Sandbox) -> None:
    nowhere = sandbox.root / "nowhere"
    nowhere.mkdir()
    plain = Clone(sandbox, nowhere)
    plain.vfs("get", "../source", "data/a")
    assert (nowhere / "a" / "sub" / "2").read_bytes() == b"two" * 1000
    assert "is there already" in plain.vfs("get", "../source", "data/a", code=22)
    (nowhere / "a" / "mine").write_bytes(b"mine")
    plain.vfs("get", "--force", f"file://{source.root}", "data/a")
    assert not (nowhere / "a" / "mine").exists()
    plain.vfs("get", "../source", "code/run.sh", "-o", "sub/run")
    assert (nowhere / "sub" / "run").stat().st_mode & 0o100
    change(source)
    plain.vfs("get", "--rev", "s1", "../source", "data/a/1", "-o", "sub")
    assert (nowhere / "sub" / "1").read_bytes() == b"one"
    plain.vfs("get", "--rev", "nope", "../source", "code", code=4)
    plain.vfs("get", "../source", "nope", code=5)
    left = {path.name for path in nowhere.rglob("*")}
    assert left == {"a", "1", "none", "sub", "2", "run"}

    shutil.rmtree(source.cache, ignore_errors=True)
    ours = plain.vfs("list", "-R", "--dvc-only", "../source").split()
    assert ours == sorted(source.dvc("list", "-R", "--dvc-only", ".").split())
    ours = plain.vfs("list", "--dvc-only", "../source").split()
    assert ours == sorted(source.dvc("list", "--dvc-only", ".").split())
    assert plain.vfs("list", "--size", "../source", "data/a/sub").split() == ["3000", "2"]
    assert '"tracked":true' in plain.vfs("list", "--json", "--rev", "s1", "../source", "model.bin")
    assert not source.cache.exists()


@pytest.mark.soak
def test_a_source_that_is_a_url(source: Clone, pair: Pair) -> None:
    _, ours = pair
    (source.root / "code" / "link").symlink_to("run.sh")
    (source.root / "top link").symlink_to("code/run.sh")
    source.git("add", "--all")
    source.git("commit", "-q", "-m", "links")
    url = f"file://{source.root}"
    both(pair, "import", url, "data/a")
    both(pair, "import", url, "code")
    both(pair, "import", url, "top link", "-o", "linked")
    both(pair, "import", "../source", "code", "-o", "followed")
    both(pair, "import", "--rev", "main", "../source", "code", "-o", "text")
    same(pair)
    change(source)
    both(pair, "update", "a.dvc", "code.dvc")
    same(pair)
    ours.git("add", "--all")
    ours.git("commit", "-q", "-m", "imports")
    two = ours.clone("two")
    two.vfs("pull")
    assert files(two) == files(ours)
    assert "changed outs" not in two.dvc("status")  # that sources are newer is said of some
    three = ours.clone("three")
    three.dvc("pull", "-q", "a", "code", "linked", "text")


@pytest.mark.parametrize("count", all_but((120,), (1, 50, 120, 199, 200)))
def test_killed_imports_leave_nothing_and_can_be_repeated(
    sandbox: Sandbox, dvc3: Path, pair: Pair, count: int
) -> None:
    source = begin(sandbox, dvc3, "source")
    for number in range(200):
        source.write(f"data/{number}", b"%d" % number * 5000)
    source.git("add", "--all")
    source.git("commit", "-q", "-m", "files of Git's")
    _, ours = pair
    for count in (1, 50, 120, 199, 200):

        def far(count: int = count) -> bool:
            return sum(1 for _ in ours.cache.glob("files/md5/??/[0-9a-f]*")) >= count

        ours.killed(far, "import", "../source", "data", "-o", f"out{count}")
        if (ours.root / f"out{count}.dvc").exists():
            ours.vfs("pull", f"out{count}.dvc")
        else:
            assert not (ours.root / f"out{count}").exists()
            ours.vfs("import", "../source", "data", "-o", f"out{count}")
        assert check_store(ours.cache) == 201
        assert len(list((ours.root / f"out{count}").iterdir())) == 200
        shutil.rmtree(ours.cache)
    ours.vfs("pull")
    assert "up to date" in ours.dvc("status")
