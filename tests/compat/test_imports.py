"""`import`, `import-url` and `update` beside the real dvc, in both directions: the same pointers, and either goes on with the other's."""

import shutil
from pathlib import Path

import pytest

from vfs.testing.clones import Clone, check_store
from vfs.testing.sandbox import Sandbox

pytestmark = [pytest.mark.dvc, pytest.mark.slow]


def begin(sandbox: Sandbox, dvc: Path, name: str) -> Clone:
    root = sandbox.root / name
    root.mkdir()
    made = Clone(sandbox, root, dvc)
    made.git("init", "-q", "-b", "main")
    made.dvc("init", "-q")
    made.git("add", "--all")
    made.git("commit", "-q", "-m", "init")
    return made


@pytest.fixture
def source(sandbox: Sandbox, dvc3: Path) -> Clone:
    """A repository with data on a remote only, and files of Git's."""
    made = begin(sandbox, dvc3, "source")
    made.dvc("remote", "add", "-q", "-d", "store", str(sandbox.root / "remote"))
    made.write("data/a/1", b"one")
    made.write("data/a/sub/2", b"two" * 1000)
    made.write("data/a/none", b"")
    made.write("model.bin", b"model")
    made.write("code/run.sh", b"#!/bin/sh\n")
    made.write("code/big", bytes(range(256)) * 5000)
    (made.root / "code" / "run.sh").chmod(0o755)
    made.dvc("add", "-q", "data/a", "model.bin")
    made.git("add", "--all")
    made.git("commit", "-q", "-m", "s1")
    made.git("tag", "s1")
    made.dvc("push", "-q")
    shutil.rmtree(made.cache)
    return made


def change(source: Clone) -> None:
    """The next version of the source."""
    source.dvc("pull", "-q")
    source.write("data/a/1", b"another")
    source.write("data/a/3", b"three")
    source.write("code/more", b"more")
    source.dvc("add", "-q", "data/a")
    source.git("add", "--all")
    source.git("commit", "-q", "-m", "s2")
    source.dvc("push", "-q")
    shutil.rmtree(source.cache)


Pair = tuple[Clone, Clone]


@pytest.fixture
def pair(sandbox: Sandbox, dvc3: Path) -> Pair:
    """Two alike repositories: in one dvc is used, in the other vfs."""
    return begin(sandbox, dvc3, "theirs"), begin(sandbox, dvc3, "ours")


def texts(clone: Clone) -> dict[str, str]:
    """Pointers and `.gitignore` files."""
    found = [*clone.root.rglob("*.dvc"), *clone.root.rglob(".gitignore")]
    return {
        str(path.relative_to(clone.root)): path.read_text()
        for path in found
        if path.is_file() and ".dvc/" not in str(path.relative_to(clone.root))
    }


def files(clone: Clone) -> dict[str, bytes]:
    return {
        name: path.read_bytes()
        for path in clone.root.rglob("*")
        if path.is_file() and not (name := str(path.relative_to(clone.root))).startswith(".")
    }


def both(pair: Pair, *arguments: str) -> None:
    theirs, ours = pair
    theirs.dvc(arguments[0], "-q", *arguments[1:])
    ours.vfs(*arguments)


def same(pair: Pair) -> None:
    theirs, ours = pair
    assert texts(ours) == texts(theirs)
    assert files(ours) == files(theirs)
    assert check_store(ours.cache) > 0


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


def test_the_same_pointers_from_urls(
    sandbox: Sandbox, pair: Pair, request: pytest.FixtureRequest
) -> None:
    theirs, ours = pair
    outside = sandbox.root / "outside"
    (outside / "d" / "sub").mkdir(parents=True)
    (outside / "f").write_bytes(b"file")
    (outside / "f").chmod(0o755)
    (outside / "d" / "1").write_bytes(b"one")
    (outside / "d" / "sub" / "2").write_bytes(b"two")
    server = request.getfixturevalue("ministack")
    bucket = server.new_bucket()
    web = request.getfixturevalue("put_server")
    web.new_directory("plain").joinpath("h").write_bytes(b"http")
    url = web.url("http", "plain/h")
    client = server.client()

    def fill(version: bytes) -> None:
        for key in ("top/f", "top/d/1", "top/d/sub/2"):
            client.put_object(Bucket=bucket, Key=key, Body=key.encode() + version)

    fill(b"v1")
    for clone in pair:
        clone.dvc("remote", "add", "-q", "lake", f"s3://{bucket}/top")
        for name, value in server.options.items():
            clone.dvc("remote", "modify", "-q", "lake", name, value)
    for arguments in (
        ["../outside/f"],
        ["../outside/d", "here"],
        [str(outside / "f"), "absolute"],
        ["--no-download", "../outside/d", "later"],
        ["remote://lake/f", "object"],
        ["remote://lake/d", "objects"],
        ["--no-download", "remote://lake/d", "later objects"],
        [url],
    ):
        both(pair, "import-url", *arguments)
    same(pair)
    assert ours.dvc("status") == theirs.dvc("status")

    for name in texts(ours):
        if name.endswith(".dvc") and not name.startswith("later"):
            assert "Nothing changed" in ours.vfs("update", name)
    fill(b"version 2")
    (outside / "f").write_bytes(b"file, changed")
    (outside / "d" / "3").write_bytes(b"three")
    (web.root / "plain" / "h").write_bytes(b"http, changed")
    both(pair, "update", *sorted(name for name in texts(ours) if name.endswith(".dvc")))
    same(pair)
    for clone in pair:
        clone.dvc("remote", "add", "-q", "-d", "store", str(sandbox.root / "store"))
    ours.git("add", "--all")
    ours.git("commit", "-q", "-m", "imports")
    ours.vfs("push")
    two = ours.clone("two")
    two.dvc("pull", "-q")
    assert files(two) == files(ours)


def test_urls_to_a_remote(sandbox: Sandbox, pair: Pair) -> None:
    """Pointers as dvc writes them; neither the cache nor the working tree gets anything. A packed remote takes it, too."""
    theirs, ours = pair
    outside = sandbox.root / "outside"
    (outside / "d" / "sub").mkdir(parents=True)
    (outside / "f").write_bytes(b"file")
    (outside / "d" / "1").write_bytes(b"one")
    (outside / "d" / "sub" / "2").write_bytes(b"file")
    for clone, name in ((theirs, "theirs"), (ours, "ours")):
        clone.dvc("remote", "add", "-q", "-d", "away", str(sandbox.root / f"of-{name}"))
    ours.vfs("remote", "add", "--packed", "team", str(sandbox.root / "packed"))
    both(pair, "import-url", "../outside/f", "--to-remote")
    both(pair, "import-url", "../outside/d", "d", "--to-remote")
    assert texts(ours) == texts(theirs)
    assert not ours.cache.exists()
    assert not (ours.root / "d").exists()
    assert theirs.dvc("status") == ours.dvc("status")
    ours.vfs("import-url", "../outside/d", "packed", "--to-remote", "-r", "team")
    assert not ours.cache.exists()
    shutil.rmtree(outside)
    ours.dvc("pull", "-q", "f.dvc", "d.dvc")
    shutil.rmtree(sandbox.root / "of-ours")
    shutil.rmtree(ours.cache)
    ours.vfs("pull", "packed")
    for name in ("d", "packed"):
        assert (ours.root / name / "sub" / "2").read_bytes() == b"file"
    ours.vfs("import-url", "../outside", "--to-remote", "--no-download", code=2)


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


def test_a_source_without_validators(
    sandbox: Sandbox, pair: Pair, request: pytest.FixtureRequest
) -> None:
    """Over SSH contents are told apart by their MD5, as local ones are."""
    server = request.getfixturevalue("ssh_server")
    (sandbox.root / "home/.ssh").mkdir(mode=0o700)
    shutil.copy(server.config, sandbox.root / "home/.ssh/config")
    outside = sandbox.root / "outside"
    (outside / "d" / "sub").mkdir(parents=True)
    (outside / "d" / "1").write_bytes(b"one")
    (outside / "d" / "sub" / "2").write_bytes(b"two")
    theirs, ours = pair
    theirs.dvc("import-url", "-q", "../outside/d")
    ours.vfs("import-url", server.url(outside / "d"))
    theirs_says = texts(theirs)["d.dvc"].split("\n")[1:]
    ours_says = texts(ours)["d.dvc"].replace(server.url(outside), "../outside").split("\n")[1:]
    assert ours_says == theirs_says
    assert files(ours)["d/sub/2"] == b"two"
    assert "Nothing changed" in ours.vfs("update", "d")
    (outside / "d" / "1").write_bytes(b"eno")
    assert "d.dvc" in ours.vfs("update", "d")
    assert files(ours)["d/1"] == b"eno"


def test_killed_imports_leave_nothing_and_can_be_repeated(
    sandbox: Sandbox, dvc3: Path, pair: Pair
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
