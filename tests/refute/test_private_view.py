"""What a private view must not do: touch what is the user's, record what never was, lose what a command made."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.conftest import Work, in_place, waiting, work
from tests.sandbox.conftest import AS_USER

__all__ = ("in_place", "waiting", "work")


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


def test_what_the_user_writes_to_a_persistent_out_meanwhile_stays(
    work: Work, waiting: Callable[[Path], None]
) -> None:
    up, go = work.signs / "up", work.signs / "go"
    work.write("b", "base\n")
    wait = f"touch {up}; while test ! -e {go}; do sleep 0.05; done"
    work.pipeline(f"  one: {{cmd: 'echo run >> b; {wait}', outs: [b: {{persist: true}}]}}\n")
    running = work.start("repro")
    waiting(up)
    with (work.root / "b").open("a") as file:
        file.write("only here\n")
    go.touch()
    running.communicate()
    texts = [p.read_text() for p in work.root.rglob("b") if p.is_file()]
    assert any("only here" in text for text in texts)


def test_a_link_through_a_link_is_what_the_command_saw(work: Work) -> None:
    work.write("real/f", "old\n")
    (work.root / "d").symlink_to("real")
    work.pipeline(
        "  one: {cmd: 'echo new > real/f; mkdir b; ln -s ../d/f b/l; cat b/l', outs: [b]}\n"
    )
    assert "new" in work.vfs("repro")
    assert work.read("b/l") == "new\n"


@pytest.mark.parametrize("inner", ["rm -r data; vfs checkout data", "vfs repro -s two"])
def test_vfs_works_in_a_view(work: Work, inner: str) -> None:
    work.write("data/x", "x\n")
    work.vfs("add", "data")
    path = f"export PATH={Path(sys.executable).parent}:$PATH"
    work.pipeline(
        f"  one: {{cmd: '{path}; {inner}; cat data/x > b', outs: [b]}}\n"
        "  two: {cmd: 'echo c > c', outs: [c]}\n"
    )
    said = work.vfs("repro", "-s", "one")
    assert "Invalid cross-device link" not in said


def test_what_was_made_stays_where_it_cannot_be_recorded(work: Work) -> None:
    """In place it would lie in the working tree."""
    (work.root / ".dvc/cache").write_text("no directory")
    work.pipeline("  one: {cmd: 'echo hours > b', outs: [b]}\n")
    work.sandbox.run(work.words("repro"), cwd=work.root, check=False)
    kept = [p for p in work.root.rglob("*") if p.is_file() and p.name == "b"]
    assert [p.read_text() for p in kept] == ["hours\n"]


def test_an_out_without_write_permission_of_an_ordinary_user(work: Work) -> None:
    work.pipeline("  one: {cmd: 'mkdir b; echo x > b/x; chmod 555 b', outs: [b]}\n")
    for path in (work.sandbox.root, *work.sandbox.root.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    done = subprocess.run(
        [*AS_USER, sys.executable, "-m", "vfs_cli", "repro"],
        cwd=work.root, env=work.sandbox.environ, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()


def _entry(work: Work) -> Path:
    work.pipeline("  one: {cmd: 'cat a > b', deps: [a], outs: [b]}\n")
    work.vfs("repro")
    (entry,) = (p for p in (work.root / ".dvc/cache/runs").rglob("*") if p.is_file())
    (work.root / "dvc.lock").unlink()
    return entry


def test_an_entry_of_the_run_cache_that_names_another_out_is_none(work: Work) -> None:
    entry = _entry(work)
    entry.write_text(entry.read_text().replace("path: b", "path: ../c"))
    assert work.outcomes() == {"one": "ran"}


def test_a_damaged_entry_of_the_run_cache_is_written_anew(work: Work) -> None:
    entry = _entry(work)
    before = entry.read_bytes()
    entry.write_bytes(b"\xff")
    assert work.outcomes() == {"one": "ran"}
    assert entry.read_bytes() == before


def test_a_traced_name_that_no_dvc_yaml_can_have_loses_nothing(work: Work) -> None:
    work.vfs("run", "-n", "one", "--trace", "echo x > b; printf y > \"$(printf 'c\\377')\"")
    assert work.read("b") == "x\n"


def test_status_after_a_nested_pull_deleted_nothing(work: Work) -> None:
    work.write("data/x", "x\n")
    work.vfs("add", "data")
    (work.sandbox.root / "remote").mkdir()
    work.vfs("remote", "add", "-d", "store", str(work.sandbox.root / "remote"))
    work.vfs("push")
    vfs = Path(sys.executable).parent / "vfs"
    work.pipeline(f"  one: {{cmd: '{vfs} pull data; cat data/x > b', outs: [b]}}\n")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "pipeline")
    root = work.sandbox.root / "clone"
    work.sandbox.git(work.sandbox.root, "clone", "-q", str(work.root), str(root))
    clone = Work(work.sandbox, root)
    clone.vfs("repro")
    assert "deleted" not in clone.vfs("status")
