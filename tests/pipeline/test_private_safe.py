"""What a private view must not do: touch what is the user's, record what never was, lose what a command made."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from hashlib import md5
from pathlib import Path

import pytest

from tests.pipeline.conftest import Work, without_data
from tests.sandbox.conftest import AS_USER
from vfs.testing.variants import soak


def test_symlinks_behind_an_out_that_is_one_stay(work: Work) -> None:
    there = work.sandbox.root / "there"
    there.mkdir()
    (there / "real").write_text("real\n")
    (there / "link").symlink_to("real")
    work.pipeline(f"  one: {{cmd: 'ln -s {there} b', outs: [b]}}\n")
    work.vfs("repro", code=16)
    assert (there / "link").is_symlink()


@pytest.mark.parametrize("cached", ["true", "false"])
def test_a_file_behind_a_link_that_a_command_made_is_not_moved(work: Work, cached: str) -> None:
    there = work.sandbox.root / "there"
    there.mkdir()
    (there / "x").write_text("precious\n")
    work.pipeline(f"  one: {{cmd: 'ln -s {there} d', outs: [d/x: {{cache: {cached}}}]}}\n")
    said = work.vfs("repro", code=23)
    assert "d/x" in said
    assert (there / "x").read_text() == "precious\n"
    assert "is kept in .dvc/tmp/vfs-run-one" in said


def test_what_the_user_writes_to_a_persistent_out_meanwhile_stays(
    work: Work, waiting: Callable[[Path], None]
) -> None:
    up, go = work.signs / "up", work.signs / "go"
    work.write("b", "base\n")
    wait = f"touch {up}; while test ! -e {go}; do sleep 0.05; done"
    work.pipeline(
        f"  one: {{cmd: 'echo run >> b; mkdir p; echo run > p/f; {wait}', outs: [b: {{persist: true}}, p: {{persist: true}}]}}\n"
    )
    running = work.start("repro")
    waiting(up)
    with (work.root / "b").open("a") as file:
        file.write("only here\n")
    work.write("p", "a file\n")
    go.touch()
    running.communicate()
    assert work.read("b") == "base\nrun\n"
    assert work.read("p/f") == "run\n"
    (kept,) = (work.root / ".dvc/tmp").glob("vfs-kept-*")
    assert (kept / "b").read_text() == "base\nonly here\n"
    assert (kept / "p").read_text() == "a file\n"


def test_what_the_user_writes_to_an_out_meanwhile_goes_aside(
    work: Work, waiting: Callable[[Path], None]
) -> None:
    """Whether or not the command makes what it made before."""
    up, go = work.signs / "up", work.signs / "go"
    wait = f"touch {up}; while test ! -e {go}; do sleep 0.05; done"
    work.pipeline(
        f"  one: {{cmd: '{wait}; echo 1 > same; cat a > other; mkdir d; echo d > d/d', deps: [a], outs: [same, other, d: {{cache: false}}]}}\n"
    )
    go.touch()
    work.vfs("repro")
    go.unlink()
    up.unlink()
    work.write("a", "b\n")
    running = work.start("repro")
    waiting(up)
    for path in ("same", "other", "d/new"):
        work.write(path, f"user's {path}\n")
    go.touch()
    running.communicate()
    assert running.returncode == 0
    assert [work.read(path) for path in ("same", "other", "d/d")] == ["1\n", "b\n", "d\n"]
    assert not (work.root / "d/new").exists()
    (kept,) = (work.root / ".dvc/tmp").glob("vfs-kept-*")
    for path in ("same", "other", "d/new"):
        assert (kept / path).read_text() == f"user's {path}\n"
    assert work.outcomes() == {"one": "unchanged"}


@pytest.mark.parametrize(
    ("user", "kind"),
    [(False, "hardlink"), (True, "symlink"), soak(False, "symlink"), soak(True, "hardlink")],
)
def test_a_persistent_out_is_no_way_into_the_cache(work: Work, kind: str, user: bool) -> None:
    """Root may write what a link leads to, others may not."""
    cache = work.sandbox.root / "cached"
    cache.mkdir()
    (work.sandbox.root / "objects").symlink_to(cache)
    work.vfs("config", "cache.type", kind)
    work.vfs("config", "cache.dir", str(work.sandbox.root / "objects"))
    work.pipeline(
        "  one: {cmd: 'echo run >> p; mkdir -p d; echo run >> d/x', outs: [p: {persist: true}, d: {persist: true}]}\n"
    )
    work.vfs("repro")
    (work.root / "p").unlink()
    (work.root / "d/x").unlink()
    work.vfs("checkout", "p", "d")
    assert (work.root / "p").is_symlink() is (kind == "symlink")
    for path in (work.sandbox.root, *work.sandbox.root.rglob("*")) if user else ():
        os.chown(path, 65534, 65534, follow_symlinks=False)
    done = subprocess.run(
        [*(AS_USER if user else ()), sys.executable, "-m", "vfs_cli", "repro", "-f"],
        cwd=work.root, env=work.sandbox.environ, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert work.read("p") == work.read("d/x") == "run\nrun\n"
    objects = [path for path in (cache / "files/md5").rglob("*") if path.is_file()]
    assert len(objects) > 2
    for path in objects:
        assert md5(path.read_bytes()).hexdigest() == path.parent.name + path.name[:30]
    assert "isexec" not in work.read("dvc.lock")


def test_a_link_through_a_link_is_what_the_command_saw(work: Work) -> None:
    work.write("real/f", "old\n")
    (work.root / "d").symlink_to("real")
    work.pipeline(
        "  one: {cmd: 'echo new > real/f; mkdir b; ln -s ../d/f b/l; cat b/l', outs: [b]}\n"
    )
    assert "new" in work.vfs("repro")
    assert work.read("b/l") == "new\n"


def test_a_link_by_another_name_of_the_repository(work: Work) -> None:
    """The command sees the view under that name too."""
    work.write("real/f", "old\n")
    (work.sandbox.root / "name").symlink_to(work.root)
    name = work.sandbox.root / "outside"
    name.symlink_to("name/../name")
    work.pipeline(
        f"  one: {{cmd: 'echo new > real/f; mkdir b; ln -s {name}/real/f b/l; ln -s {name}/b/../a b/a; cat b/l', outs: [b]}}\n"
    )
    assert "new" in work.vfs("repro")
    assert work.read("b/l") == "new\n"
    assert work.read("b/a") == "a\n"


def test_a_link_to_what_an_out_no_longer_has_leads_nowhere(work: Work) -> None:
    work.pipeline("  one: {cmd: 'mkdir b; echo old > b/old; ln -s ../b/old b/l', outs: [b]}\n")
    work.vfs("repro")
    assert work.read("b/l") == "old\n"
    work.pipeline("  one: {cmd: 'mkdir b; ln -s ../b/old b/l', outs: [b]}\n")
    work.vfs("repro", code=16)


def test_what_was_made_stays_where_it_cannot_be_recorded(work: Work) -> None:
    """In place it would lie in the working tree."""
    (work.root / ".dvc/cache").write_text("no directory")
    work.pipeline("  one: {cmd: 'echo hours > b', outs: [b]}\n")
    done = work.sandbox.run(work.words("repro"), cwd=work.root, check=False)
    assert kept(work) == ["hours\n"]
    named = re.search(rb"what stage 'one' wrote is kept in (\S+)", done.stderr)
    assert named is not None
    assert (work.root / os.fsdecode(named[1]) / "made/b").exists()


def test_a_persistent_out_waits_for_the_others(work: Work) -> None:
    """They may be what cannot be recorded."""
    work.write("p", "before\n")
    work.pipeline(
        "  one: {cmd: 'echo run >> p; mkdir d; mkfifo d/f', outs: [p: {persist: true}, d]}\n"
    )
    work.vfs("repro", code=16)
    assert work.read("p") == "before\n"
    work.pipeline("  one: {cmd: 'echo run >> p; mkdir d', outs: [p: {persist: true}, d]}\n")
    work.vfs("repro")
    assert work.read("p") == "before\nrun\n"


def kept(work: Work) -> list[str]:
    """What `b` is in the whole tree."""
    return [p.read_text() for p in work.root.rglob("b") if p.is_file()]


def test_what_was_made_stays_where_a_dep_changed(work: Work) -> None:
    (work.sandbox.root / "outside").write_text("1")
    work.pipeline(
        "  one: {cmd: 'echo hours > b; echo 2 > ../outside', deps: [../outside], outs: [b]}\n"
    )
    said = work.vfs("repro", code=23)
    assert "../outside changed while stage 'one' ran; nothing was recorded" in said
    assert "what stage 'one' wrote is kept in .dvc/tmp/vfs-run-one" in said
    assert kept(work) == ["hours\n"]


def test_an_out_without_write_permission_of_an_ordinary_user(work: Work) -> None:
    work.pipeline(
        "  one: {cmd: 'mkdir b p; echo x | tee b/x p/x; chmod 555 b p', outs: [b, p: {persist: true}]}\n"
    )
    for path in (work.sandbox.root, *work.sandbox.root.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    done = subprocess.run(
        [*AS_USER, sys.executable, "-m", "vfs_cli", "repro"],
        cwd=work.root, env=work.sandbox.environ, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert work.read("b/x") == work.read("p/x") == "x\n"


@pytest.mark.fuse
def test_a_run_that_cannot_read_is_not_recorded(work: Work) -> None:
    """The command does not mind, so it would end well."""
    stage = "  one: {cmd: 'cat data/x data/y 2>/dev/null | wc -c > b', deps: [data], outs: [b]}\n"
    clone = without_data(work, stage)
    there = [path for path in (work.sandbox.root / "remote").rglob("*") if path.is_file()]
    (file,) = (path for path in there if path.read_bytes() == b"data\n")
    (listing,) = (path for path in there if path.suffix == ".dir")
    listing.rename(listing.with_suffix(".gone"))
    said = clone.vfs("repro", code=16)
    assert "stage 'one' needs data, which is recorded and cannot be had" in said
    listing.with_suffix(".gone").rename(listing)
    file.chmod(0o644)
    file.write_bytes(b"DATA\n")
    said = clone.vfs("repro", code=23)
    assert "which nobody could give it; nothing was recorded" in said
    assert not (clone.root / "dvc.lock").exists()


@pytest.mark.fuse
def test_what_a_traced_command_wanted_and_nobody_gave_is_no_record(work: Work) -> None:
    """Nothing is declared yet that would have to be readable."""
    clone = without_data(work, "  zero: {cmd: 'echo 1 > z', outs: [z]}\n")
    (listing,) = (work.sandbox.root / "remote").rglob("*.dir")
    listing.unlink()
    said = clone.vfs("run", "--trace", "-n", "one", "cat data/x > b; true", code=23)
    assert "nobody could give it; nothing was recorded" in said
    assert "- b" not in clone.read("dvc.yaml")
    assert not (clone.root / "dvc.lock").exists()
