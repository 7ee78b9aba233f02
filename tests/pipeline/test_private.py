"""Runs in private views: what they touch of the working tree, what they leave, and where there can be none."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from tests.pipeline.clones import clone_of, published
from tests.pipeline.conftest import Work, forbidden

OLD = "  one: {cmd: cat a > b, deps: [a], outs: [b]}\n"


def scratches(work: Work) -> list[str]:
    """What is kept of runs."""
    found = (work.root / ".dvc/tmp").glob("vfs-run-*")
    return sorted(path.name for path in found if path.is_dir())


def test_a_failed_stage_leaves_everything_as_it_was(work: Work) -> None:
    work.pipeline(OLD)
    work.vfs("repro")
    before = os.stat(work.root / "b").st_ctime_ns
    work.pipeline("  one: {cmd: 'test ! -e b; echo half > b; rm a; false', deps: [a], outs: [b]}\n")
    work.vfs("repro", code=23)
    assert os.stat(work.root / "b").st_ctime_ns == before
    assert work.read("a") == "a\n"
    assert scratches(work) == []
    said = work.vfs("repro", "--keep", code=23)
    (kept,) = scratches(work)
    assert f"what stage 'one' wrote is kept in .dvc/tmp/{kept}\n" in said
    assert work.read(f".dvc/tmp/{kept}/upper/b") == "half\n"
    work.pipeline("  one: {cmd: 'true', deps: [a], outs: [b]}\n")
    assert "did not make b" in work.vfs("repro", code=23)
    assert os.stat(work.root / "b").st_ctime_ns == before
    assert scratches(work) == []


def test_what_is_not_declared_is_told_and_kept(work: Work) -> None:
    work.write("old", "old\n")
    work.pipeline(
        "  one: {cmd: 'for n in $(seq 10 22); do echo $n > u$n; done; rm old; mkdir -p q/__pycache__ e;"
        " touch q/__pycache__/x.pyc; cp a q/b', deps: [a], outs: [q/b]}\n"
    )
    said = work.vfs("repro")
    (kept,) = scratches(work)
    assert "stage 'one' wrote 14 paths that it does not declare: 'old' (deleted), 'u10' (created)" in said  # fmt: skip
    assert f"'u18' (created) and 4 more; kept in .dvc/tmp/{kept}/upper" in said
    assert work.read(f".dvc/tmp/{kept}/upper/u22") == "22\n"
    assert work.read("old") == "old\n"
    assert sorted(os.listdir(work.root / "q")) == [".gitignore", "b"]
    work.pipeline("  one: {cmd: 'mkdir -p q; echo > q/b', deps: [a], outs: [q/b]}\n")
    assert "declare" not in work.vfs("repro")
    assert scratches(work) == []


def test_outs_become_the_cache_s_and_come_back_as_it_says(work: Work) -> None:
    """A file in the cache is the very one that the command wrote."""
    work.vfs("config", "cache.type", "hardlink")
    work.pipeline(
        "  one:\n    cmd: mkdir -p d/s; cp a d/s/x; chmod 755 d/s/x; ln d/s/x d/y; head -c 3000000 /dev/urandom > f;"
        " cat f f > g; echo 1 > m\n    deps: [a]\n    outs: [d, f, g]\n    metrics:\n    - m: {cache: false}\n"
    )
    work.vfs("repro")
    for name in ("f", "g"):
        found = os.stat(work.root / name)
        assert (found.st_nlink, found.st_mode & 0o777) == (2, 0o444)
    assert os.stat(work.root / "m").st_nlink == 1
    assert "nothing to run" in work.vfs("status")
    assert not work.vfs("fsck", "--content").count("damaged")
    xattrs = [os.listxattr(path) for path in (work.root / ".dvc/cache").rglob("*")]
    assert not any(xattrs)
    assert work.outcomes("-f") == {"one": "ran"}  # over what is read-only and linked


def test_an_out_that_stays_the_same_is_not_touched(work: Work) -> None:
    work.pipeline("  one: {cmd: 'cp a b; mkdir d; cp a d', deps: [a], outs: [b, d]}\n")
    work.vfs("repro")

    def found() -> list[tuple[int, int]]:
        states = [os.stat(work.root / name) for name in ("b", "d", "d/a")]
        return [(state.st_ino, state.st_ctime_ns) for state in states]

    before = found()
    assert work.outcomes("-f") == {"one": "ran"}
    assert found() == before


def test_persist_outs_go_on(work: Work) -> None:
    work.pipeline(
        "  one:\n    cmd: mkdir -p p; ls p > n; cp a p/$(cat a); rm -f p/gone; echo more >> p/grown\n"
        "    deps: [a]\n    outs:\n    - p: {persist: true}\n    - n\n"
    )
    work.write("p/gone", "x\n")
    work.write("p/kept", "x\n")
    work.write("p/grown", "x\n")
    work.vfs("repro")
    assert work.read("n") == "gone\ngrown\nkept\n"
    assert sorted(os.listdir(work.root / "p")) == ["a", "grown", "kept"]
    assert work.read("p/grown") == "x\nmore\n"
    work.vfs("config", "cache.type", "hardlink")
    work.vfs("checkout", "--force")
    work.write("a", "b\n")
    work.vfs("repro")
    assert sorted(os.listdir(work.root / "p")) == ["a", "b", "grown", "kept"]
    assert "nothing to run" in work.vfs("status")
    assert not work.vfs("fsck", "--content").count("damaged")
    lock = work.read("dvc.lock")
    work.pipeline(work.read("dvc.yaml").removeprefix("stages:\n").replace("echo more >> p/grown", "rm -r p; false"))  # fmt: skip
    work.vfs("repro", code=23)
    assert sorted(os.listdir(work.root / "p")) == ["a", "b", "grown", "kept"]
    assert work.read("dvc.lock") == lock


def test_links_and_ignored_files_in_outs(work: Work) -> None:
    """What a symlink leads to in the view is its content."""
    work.write(".dvcignore", "*.tmp\n")
    work.pipeline(
        "  one: {cmd: 'mkdir d; echo u > u; ln -s ../u d/up; ln -s $PWD/a d/abs; echo t > d/x.tmp; ln -s d/up l',"
        " deps: [a], outs: [d, l]}\n"
    )
    work.vfs("repro")
    assert {p.name: p.read_text() for p in (work.root / "d").iterdir()} == {"up": "u\n", "abs": "a\n"}  # fmt: skip
    assert work.read("l") == "u\n"
    assert "nothing to run" in work.vfs("status")


def test_no_checkout_leaves_outs_to_the_cache(work: Work) -> None:
    work.pipeline(
        OLD
        + "  two: {cmd: 'cat b b > c; cp c m', deps: [b], outs: [c], metrics: [{m: {cache: false}}]}\n"
        "  three: {cmd: cat c > e, deps: [c], outs: [e]}\n"
    )
    assert set(work.outcomes("--no-checkout").values()) == {"ran"}
    assert sorted(p.name for p in work.root.iterdir() if not p.name.startswith(".")) == [
        "a", "dvc.lock", "dvc.yaml", "m", "params.yaml",
    ]  # fmt: skip
    assert set(work.outcomes("--no-checkout").values()) == {"unchanged"}
    work.write("a", "other\n")
    assert set(work.outcomes("--no-checkout").values()) == {"ran"}
    work.vfs("checkout")
    assert work.read("e") == "other\nother\n"
    assert "nothing to run" in work.vfs("status")
    work.write("a", "third\n")
    assert set(work.outcomes("--no-checkout").values()) == {"ran"}
    assert not (work.root / "b").exists()
    assert set(work.outcomes().values()) == {"restored"}
    assert work.read("e") == "third\nthird\n"


def test_where_there_can_be_no_private_view(work: Work) -> None:
    work.pipeline(OLD + "  two: {cmd: cat b > c, deps: [b], outs: [c]}\n")
    done = forbidden(work, "repro")
    said = done.stderr.decode()
    assert done.returncode == 0, said
    assert said.count("no private view: this user may not have a mount namespace") == 1
    assert "commands run in the working tree" in said
    assert work.read("c") == "a\n"
    assert "nothing to run" in work.vfs("status")
    (work.root / "b").unlink()
    work.pipeline(OLD + "  two: {cmd: cat b b > c, deps: [b], outs: [c]}\n")
    done = forbidden(work, "repro", "-s", "two")
    said = done.stderr.decode()
    assert done.returncode == 20, said
    assert "--in-place" in said
    assert work.read("c") == "a\n"


def test_real_dvc_agrees(work: Work, dvc3: Path) -> None:
    work.write("data/x", "x\n")
    work.vfs("add", "data")
    published(work, "  one: {cmd: 'mkdir -p d; cp data/x d; cp a b; cp a m', deps: [data], outs: [b, d], metrics: [{m: {cache: false}}]}\n")  # fmt: skip
    clone = clone_of(work, "clone")
    clone.write("a", "other\n")
    clone.outcomes("-f")
    clone.vfs("pull")
    for one in (work, clone):
        said = json.loads(one.sandbox.run([dvc3, "status", "--json"], cwd=one.root).stdout)
        assert said == {}


def test_commands_side_by_side_have_views_of_their_own(work: Work) -> None:
    text = "  {n}: {{cmd: 'touch {signs}/{n}; while [ ! -e {signs}/{other} ]; do :; done; cp a x; ls x; cp x {n}', deps: [a], outs: [{n}]}}\n"
    work.pipeline("".join(text.format(n=n, other=o, signs=work.signs) for n, o in (("p", "q"), ("q", "p"))))  # fmt: skip
    found = work.vfs("repro", "-j", "2")
    assert found.count("1 path that it does not declare: 'x' (created)") == 2
    assert len(scratches(work)) == 2


def test_what_a_killed_run_left_is_swept(work: Work, waiting: Callable[[Path], None]) -> None:
    work.pipeline(f"  one: {{cmd: 'touch {work.signs}/begun; echo x > b; sleep 600', outs: [b]}}\n" + OLD.replace("one", "two").replace("b", "c"))  # fmt: skip
    process = work.start("repro", "one")
    waiting(work.signs / "begun")
    process.kill()
    process.communicate()
    assert len(scratches(work)) == 1
    work.vfs("repro", "two")
    assert scratches(work) == []


def test_outs_behind_a_symlink(work: Work) -> None:
    (work.sandbox.root / "big").mkdir()
    (work.root / "results").symlink_to(work.sandbox.root / "big")
    work.pipeline("  one: {cmd: cp a results/b, deps: [a], outs: [results/b: {cache: false}]}\n")
    said = work.vfs("repro")
    assert "stage 'one' runs in the working tree: a symlink leads to its out results/b" in said
    assert (work.sandbox.root / "big/b").read_text() == "a\n"
