"""Runs in private views: what they touch of the working tree, what they leave, and where there can be none."""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.pipeline.conftest import VFS, Work

OLD = "  one: {cmd: cat a > b, deps: [a], outs: [b]}\n"


def scratches(work: Work) -> list[str]:
    """What is kept of runs."""
    found = (work.root / ".dvc/tmp").glob("vfs-run-*")
    return sorted(path.name for path in found if path.is_dir())


def forbidden(work: Work, *args: str) -> "subprocess.CompletedProcess[bytes]":
    """Run vfs where nobody may have a namespace."""
    limit = "echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --inh-caps=-all --bounding-set=-sys_admin --"
    words = ["unshare", "-Ur", "sh", "-euc", f'{limit} "$@"', "sh", str(VFS), *args]
    return work.sandbox.run(words, cwd=work.root, check=False)


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


def clone_of(work: Work, name: str) -> Work:
    """Only what Git has; its cache is empty."""
    made = Work(work.sandbox, work.sandbox.root / name)
    work.sandbox.git(work.sandbox.root, "clone", "-q", str(work.root), str(made.root))
    return made


def published(work: Work, pipeline: str) -> None:
    """Run, push to a directory, commit."""
    remote = work.sandbox.root / "remote"
    remote.mkdir()
    work.vfs("remote", "add", "-d", "store", str(remote))
    work.pipeline(pipeline)
    work.vfs("repro")
    work.vfs("push")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "published")


def nothing_is_left(work: Work) -> None:
    assert not [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(work.sandbox.root) in line]  # fmt: skip
    assert list((work.sandbox.root / "run").glob("vfs-run-*")) == []


LAZY = """\
  one: {cmd: cat data/small > b, deps: [data/small], outs: [b]}
  two: {cmd: 'cat b params.yaml > c', deps: [b], params: [lr], outs: [c]}
  whole: {cmd: 'ls data mixed mixed/t > w', deps: [data, mixed], outs: [w]}
"""


def test_a_fresh_clone_runs_what_changed_and_fetches_what_is_read(work: Work) -> None:
    (work.root / "data").mkdir()
    (work.root / "data/big").write_bytes(os.urandom(24 << 20))
    work.write("data/small", "small\n")
    work.write("mixed/t/x", "x\n")
    work.write("mixed/plain", "plain\n")
    work.vfs("add", "data", "mixed/t")
    published(work, LAZY)
    clone = clone_of(work, "clone")
    said = clone.vfs("status")
    assert "nothing of them is here" in said
    assert said.count("cannot be judged: it depends on a part of what is not here") == 2
    assert "changed stage  two\n" not in said
    assert set(clone.outcomes().values()) == {"unchanged"}
    assert "3 stages: nothing to run\n" in clone.vfs("status")
    clone.vfs("status", "-q")
    clone.write("params.yaml", "lr: 2\n")
    assert "changed stage  two\n    param params.yaml: lr modified\n" in clone.vfs("status")
    expected = {"one": "unchanged", "two": "ran", "whole": "unchanged"}
    assert clone.outcomes() == expected
    assert clone.read("c") == "small\nlr: 2\n"
    clone.pipeline(
        LAZY.replace("cat data/small", "tac data/small").replace("ls data", "ls -a data")
    )
    expected = {"one": "ran", "two": "unchanged", "whole": "ran"}
    assert clone.outcomes() == expected
    assert clone.read("w").split() == [
        *("data:", ".", "..", "big", "small", "mixed:", ".", "..", ".gitignore", "plain", "t", "t.dvc"),
        *("mixed/t:", ".", "..", "x"),
    ]  # fmt: skip
    assert sorted(os.listdir(clone.root)) == [
        *(".dvc", ".dvcignore", ".git", ".gitignore", "a", "b", "c", "data.dvc", "dvc.lock", "dvc.yaml", "mixed"),
        *("params.yaml", "w"),
    ]  # fmt: skip
    fetched = sum(p.stat().st_blocks * 512 for p in (clone.sandbox.root / "cache").rglob("*") if p.is_file())  # fmt: skip
    assert fetched < 12 << 20
    nothing_is_left(work)
    lock = clone.read("dvc.lock")
    clone.vfs("pull")
    assert "nothing to run" in clone.vfs("status")
    assert set(clone.outcomes("--in-place", "-f", "--no-run-cache").values()) == {"ran"}
    assert clone.read("dvc.lock") == lock


def test_parameters_that_a_stage_made_need_not_be_here(work: Work) -> None:
    work.write("found/deep.json", '{"x": 3}\n')
    work.vfs("add", "found")
    published(
        work,
        "  tune: {cmd: 'echo \"best: {lr: $(wc -l < a)}\" > best.yaml', deps: [a], outs: [best.yaml]}\n"
        "  train: {cmd: 'cat best.yaml found/deep.json > b', params: [best.yaml: [best.lr], found/deep.json: null], outs: [b]}\n",
    )
    clone = clone_of(work, "clone")
    assert "cannot be judged: it depends on a part of what is not here" in clone.vfs("status")
    assert set(clone.outcomes().values()) == {"unchanged"}
    clone.vfs("status", "-q")
    clone.pipeline(clone.read("dvc.yaml").removeprefix("stages:\n").replace("cat best", "tac best"))
    assert clone.outcomes("--no-checkout") == {"tune": "unchanged", "train": "ran"}
    assert not (clone.root / "best.yaml").exists()
    assert set(clone.outcomes("--rev", "HEAD", "-f").values()) == {"ran"}
    clone.vfs("checkout", "b")
    assert clone.read("b") == 'best: {lr: 1}\n{"x": 3}\n'


def test_a_packed_remote_is_asked_too(work: Work) -> None:
    work.vfs("remote", "add", "--packed", "-d", "team", str(work.sandbox.root / "team"))
    work.pipeline("  one: {cmd: cat a > b, deps: [a], outs: [b]}\n")
    work.vfs("repro")
    work.vfs("push")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "published")
    assert clone_of(work, "clone").outcomes() == {"one": "unchanged"}


def test_what_could_not_be_read_is_no_input(work: Work) -> None:
    """A command that does not mind errors ends well without the bytes of its dep."""
    work.write("data/x", "x\n")
    work.vfs("add", "data")
    published(work, "  one: {cmd: 'cat data/x > b || true', deps: [data], outs: [b]}\n")
    clone = clone_of(work, "clone")
    lock = clone.read("dvc.lock")
    name = hashlib.md5(b"x\n").hexdigest()
    (work.sandbox.root / "remote/files/md5" / name[:2] / name[2:]).unlink()
    said = clone.vfs("repro", "-f", code=23)
    assert (
        "stage 'one' wanted to read 'data/x', which nobody could give it; nothing was recorded"
        in said
    )
    assert clone.read("dvc.lock") == lock
    nothing_is_left(work)


def test_what_was_deleted_stays_deleted(work: Work) -> None:
    work.write("data/x", "x\n")
    work.write("data/y", "y\n")
    work.write("far/z", "z\n")
    work.vfs("add", "data", "far")
    work.write("kept/one", "1\n")
    work.write("kept/two", "2\n")
    published(work, "  one: {cmd: 'ls data far kept > b', deps: [data], outs: [b]}\n")
    clone = clone_of(work, "clone")
    clone.vfs("pull", "data")
    (clone.root / "data/x").unlink()
    (clone.root / "kept/one").unlink()
    assert clone.outcomes() == {"one": "ran"}
    assert clone.read("b").split() == ["data:", "y", "far:", "z", "kept:", "two"]


def test_what_no_remote_has_is_made_again(work: Work) -> None:
    published(work, OLD)
    for path in (work.sandbox.root / "remote").rglob("*"):
        if path.is_file():
            path.unlink()
    clone = clone_of(work, "clone")
    assert clone.outcomes() == {"one": "ran"}
    assert clone.read("b") == "a\n"


def test_each_remote_answers_for_its_own_outs(work: Work) -> None:
    """One is not configured, one wrongly, one is empty, one is not there, and one has what it should have."""
    places = {name: work.sandbox.root / name for name in ("has", "empty", "gone", "odd")}
    outs = {"plain": "ob", **{name: f"{name}: {{remote: {name}}}" for name in places}}
    for name, place in places.items():
        work.vfs("remote", "add", name, str(place))
        place.mkdir()
    work.pipeline(
        "".join(f"  {n}: {{cmd: echo {n} > {out.partition(':')[0]}, outs: [{out}]}}\n" for n, out in outs.items())
    )  # fmt: skip
    work.vfs("repro")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "x")
    work.vfs("push", "has")
    places["gone"].rmdir()
    clone = clone_of(work, "clone")
    clone.vfs("remote", "add", "-f", "odd", "ssh://host:99999/x")
    assert clone.outcomes("--dry-run") == {
        "plain": "would-run", "has": "unchanged", "empty": "would-run", "gone": "unchanged", "odd": "would-run",
    }  # fmt: skip


def test_a_dry_run_does_not_need_what_it_would_make(work: Work) -> None:
    published(
        work,
        "  one: {cmd: mkdir d; echo 1 > d/x, outs: [d]}\n"
        "  two: {cmd: wc -c d/x > b, deps: [d/x], outs: [b]}\n",
    )
    for path in (work.sandbox.root / "remote").rglob("*"):
        if path.is_file():
            path.unlink()
    clone = clone_of(work, "clone")
    assert clone.outcomes("--dry-run") == {"one": "would-run", "two": "may-run"}
    assert clone.outcomes() == {"one": "ran", "two": "ran"}


def test_an_out_that_cannot_be_looked_at_is_made(work: Work) -> None:
    """Nothing says what it holds, so that a mount cannot serve it; there is a mount, since data is not here."""
    work.write("data", "data\n")
    work.vfs("add", "data")
    (work.root / "data").unlink()
    work.write("one.dvc", "cmd: cat data > one\ndeps:\n- path: data\nouts:\n- path: one\n")
    work.vfs("repro", "one.dvc")
    assert work.read("one") == "data\n"


def test_in_place_judges_as_dvc(work: Work) -> None:
    published(work, OLD)
    clone = clone_of(work, "clone")
    found = clone.documents("repro", "--in-place", "--dry-run")
    assert [(one["outcome"], one["reasons"]) for one in found if one["type"] == "stage"] == [
        ("would-run", [{"kind": "out", "path": "b", "change": "not in cache"}])
    ]


def test_a_directory_that_never_was_here_is_no_out_of_a_run_in_place(work: Work) -> None:
    published(
        work,
        "  one: {cmd: mkdir d; cp a d/x, deps: [a], outs: [d]}\n  two: {cmd: cat d/x > b, deps: [d], outs: [b]}\n",
    )
    assert clone_of(work, "pulls").outcomes("--pull") == {"one": "pulled", "two": "pulled"}
    clone = clone_of(work, "clone")
    assert clone.outcomes("--in-place") == {"one": "ran", "two": "restored"}
    assert clone.read("d/x") == clone.read("b") == "a\n"


def test_a_directory_that_is_here_in_part_is_no_dep(work: Work) -> None:
    """A view does not show the rest of it, and nobody deleted that."""
    work.write("data/x", "x\n")
    work.write("data/y", "y\n")
    work.vfs("add", "data")
    published(
        work,
        "  one: {cmd: mkdir d; cp a d/x; cp a d/y, deps: [a], outs: [d]}\n"
        "  two: {cmd: cat data/* d/* > b, deps: [data, d], outs: [b]}\n"
        "  three: {cmd: cat data/x > c, deps: [data/x], outs: [c]}\n",
    )
    clone = clone_of(work, "clone")
    clone.vfs("pull", "d/x", "data/x")
    lock = clone.read("dvc.lock")
    said = "data is not all here: 1 of its files were never checked out, first data/y"
    assert said in clone.vfs("repro", "-s", "two", code=16)
    assert f"cannot be judged: {said}" in clone.vfs("status")
    assert clone.outcomes("-s", "three") == {"three": "restored"}
    clone.vfs("pull", "data")
    assert "d is not all here" in clone.vfs("repro", "-f", "-s", "two", code=16)
    assert clone.outcomes("--in-place", "two") == {"one": "restored", "two": "ran"}
    assert clone.read("dvc.lock") == lock
    (clone.root / "data/y").unlink()
    assert clone.outcomes() == {"one": "unchanged", "two": "ran", "three": "unchanged"}
    assert clone.read("b") == "x\na\na\n"


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
