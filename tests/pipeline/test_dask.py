"""Stages on the workers of a real Dask scheduler: three processes with homes of their own, which have neither the repository nor data."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.pipeline.clones import clone_of
from tests.pipeline.cluster import (
    NAMES,
    WORKER,
    Cluster,
    dvc_agrees,
    left,
    meeting,
    nothing_is_left,
    running,
    trees,
)
from tests.pipeline.conftest import Work
from vfs.testing.mounts import wait_until
from vfs.testing.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.fuse]
Wait = Callable[[Path], None]


@pytest.fixture
def lone() -> Iterator[Cluster]:
    """A scheduler without workers."""
    with running() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def workers() -> Iterator[Cluster]:
    with running() as cluster:
        yield cluster


@pytest.fixture
def cluster(workers: Cluster) -> Cluster:
    """A scheduler with three workers."""
    workers.begin(*(name for name in NAMES if name not in workers.processes))
    return workers


@pytest.fixture
def shared(work: Work) -> Work:
    """A working tree with tracked data that a remote has and nobody else, in an un-pushed commit."""
    root = work.sandbox.root
    work.git("init", "-q", "--bare", str(root / "origin.git"))
    work.git("remote", "add", "origin", str(root / "origin.git"))
    work.git("push", "-q", "origin", "HEAD:main")
    (root / "remote").mkdir()
    work.vfs("remote", "add", "-d", "store", str(root / "remote"))
    for name in ("x", "y"):
        work.write(f"data/{name}", f"{name}\n")
    work.vfs("add", "data")
    work.vfs("push")
    work.sandbox.run(["rm", "-rf", "data", ".dvc/cache"], cwd=work.root)
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "data")
    return work


def test_a_diamond(shared: Work, cluster: Cluster) -> None:
    work = shared
    work.write("code/all.sh", "cat data/x data/y > all; echo made\n")  # neither committed nor added
    work.pipeline(
        "  all: {cmd: sh code/all.sh, deps: [data, code], outs: [all: {meta: {of: [1, x]}}], desc: d, meta: {by: {me: 1}}}\n"
        f"  left: {{cmd: '{meeting(work, 'l', 'r')}; mkdir l; cp all l/x; echo $HOME > l/home', deps: [all], outs: [l]}}\n"
        f"  right: {{cmd: '{meeting(work, 'r', 'l')}; cat all params.yaml > r; echo $HOME > r-home; echo 1 > junk', deps: [all], params: [lr],"
        " outs: [r, r-home: {cache: false}]}\n"
        "  last: {cmd: 'cat l/x r r-home > last; echo {\\\"n\\\": 4} > m.json', deps: [l, r, r-home], outs: [last], metrics: [m.json: {cache: false}]}\n"
    )
    said = work.vfs("repro", "--executor", cluster.url)
    assert (
        "stage 'right' wrote 1 path that it does not declare: 'junk' (created); it is not kept"
        in said
    )
    homes = {work.read("l/home").strip(), work.read("r-home").strip()}
    assert len(homes) == 2
    assert homes <= {str(cluster.home(name)) for name in NAMES}
    assert work.read("last") == "x\ny\n" * 2 + "lr: 1\n" + work.read("r-home")
    assert work.read("m.json") == '{"n": 4}\n'
    assert not (work.root / "data").exists()
    assert not list((work.root / ".dvc/tmp").glob("vfs-run-*"))
    assert "made\n" in work.vfs("log", "all", "--output")
    assert "data/x" in work.vfs("trace", "show", "all")
    assert [*trees(cluster), *(one for name in NAMES for one in left(cluster, name))] == []
    work.write("params.yaml", "lr: 2\n")
    found = work.outcomes("--executor", cluster.url, "--no-checkout")
    assert (found["left"], found["right"]) == ("unchanged", "ran")
    assert not (work.root / "r").exists()
    work.vfs("pull", "data")
    (work.root / "data/x").unlink()
    work.write("data/x", "another\n")  # which nobody committed or pushed
    assert work.outcomes("--executor", cluster.url)["last"] == "ran"
    assert work.read("all") == "another\ny\n"


def test_a_client_that_has_a_part(shared: Work, cluster: Cluster) -> None:
    """A worker sees what a command here would: all of it, and what was changed."""
    work = clone_of(shared, "clone")
    work.vfs("pull", "data/y")
    work.pipeline("  all: {cmd: cat data/x data/y > all, deps: [data], outs: [all]}\n")
    assert work.outcomes("--executor", cluster.url) == {"all": "ran"}
    pointer = work.read("data.dvc")
    assert work.outcomes("-f", "--no-run-cache") == {"all": "ran"}
    assert (work.read("all"), work.read("data.dvc")) == ("x\ny\n", pointer)
    (work.root / "data/y").unlink()
    work.write("data/y", "another\n")  # which nobody committed or pushed
    assert work.outcomes("--executor", cluster.url) == {"all": "ran"}
    assert work.read("all") == "x\nanother\n"
    assert "nothing to run" in work.vfs("status")
    assert os.listdir(work.root / "data") == ["y"]


def test_a_worker_that_is_killed(shared: Work, cluster: Cluster, waiting: Wait) -> None:
    """Its stage is run by another one, and recorded once."""
    work, signs = shared, shared.signs
    work.pipeline(
        f"  one: {{cmd: 'cat data/x > one; basename $(dirname $HOME) > {signs}/tmp; if mkdir {signs}/first; then mv {signs}/tmp {signs}/where;"
        " sleep 1000; fi; echo $HOME > home', deps: [data], outs: [one, home]}\n"
    )
    repro = work.start("repro", "--executor", cluster.url)
    waiting(signs / "where")
    killed = (signs / "where").read_text().strip()
    cluster.kill(killed)
    said, _ = repro.communicate()
    assert repro.returncode == 0, said
    assert work.read("one") == "x\n"
    assert work.read("home").strip() != str(cluster.home(killed))
    assert len(work.documents("log", "one")) == 1
    lock = yaml.safe_load(work.read("dvc.lock"))
    assert [out["path"] for out in lock["stages"]["one"]["outs"]] == ["home", "one"]
    dvc_agrees(work)
    nothing_is_left(cluster, killed)
    work.write("a", "again\n")
    (tree,) = {path.with_suffix("") for path in trees(cluster)}
    cluster.begin(killed)
    for name in set(NAMES) - {killed}:
        cluster.kill(name)
    work.pipeline("  two: {cmd: cp a two, deps: [a], outs: [two]}\n")
    work.vfs("repro", "--executor", cluster.url)
    assert not tree.exists()  # what it had left


def test_a_client_that_ends(shared: Work, cluster: Cluster, waiting: Wait) -> None:
    work, signs = shared, shared.signs
    work.pipeline(
        f'  one: {{cmd: \'trap "touch {signs}/ended; exit 1" TERM; echo $HOME > {signs}/tmp; mv {signs}/tmp {signs}/began; cat data/x > one;'
        " while true; do sleep 0.1; done', deps: [data], outs: [one]}\n  two: {cmd: cp one two, deps: [one], outs: [two]}\n"
    )
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)):
        repro = work.start("repro", "--executor", cluster.url)
        waiting(signs / "began")
        os.kill(repro.pid, number)
        said, _ = repro.communicate()
        assert repro.returncode == code, said
        waiting(signs / "ended")
        home = Path((signs / "began").read_text().strip())
        nothing_is_left(cluster, home.parent.name)
        wait_until(lambda: not trees(cluster), "the end of its tree")
        (signs / "ended").unlink()
        (signs / "began").unlink()
    assert not (work.root / "dvc.lock").exists()
    assert not (work.root / "one").exists()


def test_what_fails(shared: Work, cluster: Cluster) -> None:
    work = shared
    work.write("params.yaml", "made: committed\n")
    work.git("commit", "-q", "-a", "-m", "params")
    repro = ("repro", "--executor", cluster.url)
    (work.root.parent / "outside").write_text("outside\n")
    work.write("eol", "line\n")
    work.write(
        "lfs", f"version https://git-lfs.github.com/spec/v1\noid sha256:{64 * 'a'}\nsize 7\n"
    )
    work.write(".gitattributes", "eol text eol=crlf\nsum.csv text\n")  # Git makes others of them
    (work.root / "sum.csv").write_bytes(b"before\r\n")
    (work.root / "sum").symlink_to("../elsewhere/sum")
    work.pipeline(
        "  one: {cmd: 'head -c 20000000 /dev/zero; cat data/x; false', deps: [data], outs: [one]}\n"
        "  two: {cmd: 'true', deps: [data], outs: [two]}\n"
        "  three: {cmd: echo > three, deps: [a], outs: [three: {push: false}]}\n"
        "  four: {cmd: echo > four, deps: [../outside], outs: [four]}\n"
        "  five: {cmd: echo > five, deps: [eol], outs: [five]}\n"
        "  six: {cmd: echo > six, deps: [five], outs: [six]}\n"
        "  eight: {cmd: cat lfs > eight, deps: [a], outs: [eight]}\n"
        "  nine: {cmd: cat lfs > nine, deps: [lfs], outs: [nine]}\n"
        "  ten: {cmd: cat a >> sum.csv, deps: [a], outs: [sum.csv: {persist: true, cache: false}]}\n"
        "  eleven: {cmd: cat a >> sum, deps: [a], outs: [sum: {persist: true, cache: false}]}\n"
        "  twelve: {wdir: link, cmd: echo, deps: [../a]}\n"
        "  seven: {cmd: echo > link/kept, deps: [a], outs: [link/kept]}\n"
    )
    (work.root / "random").write_bytes(os.urandom(11_000_000))
    (work.sandbox.root / "elsewhere").mkdir()
    (work.root / "link").symlink_to("../elsewhere")
    (work.root / "link/kept").write_text("kept\n")
    said = work.vfs(*repro, "-k", code=23)
    assert "stage 'one': its command ended with 1" in said
    assert "stage 'two' did not make two" in said
    assert "'three' cannot run on a worker: three has `push: false`" in said
    lfs = "needs lfs, which is a pointer of Git LFS on a worker; nothing was"
    assert f"'eight' {lfs} recorded" in said
    assert f"'nine' {lfs} run" in said
    assert "'seven' cannot run on a worker: a symlink leads to its out link/kept" in said
    assert (work.root / "link/kept").read_text() == "kept\n"
    assert "'ten': a worker finds another sum.csv than is here; nothing was run" in said
    assert "'eleven' cannot run on a worker: its out sum is a symlink" in said
    assert "'twelve' cannot run on a worker: a symlink leads to its directory link" in said
    assert "Warning" not in said
    assert "on a worker, stage 'four' needs ../outside, which is not there" in said
    assert "'five': a worker finds another eol than is here; nothing was run" in said
    assert "x\n" in work.vfs("log", "one", "--output")
    assert "bytes of output before this are left out]\n" in work.vfs("log", "one", "--output")
    assert [len(work.documents("log", name)) for name in ("one", "two", "five")] == [1, 1, 1]
    assert not (work.root / "dvc.lock").exists()
    work.write("hidden.yaml", "out: one\n")
    work.write(".git/info/exclude", "hidden.yaml\n")
    work.git("update-index", "--assume-unchanged", "params.yaml")
    work.write("params.yaml", "made: two\n")
    work.pipeline(
        "  one: {vars: [hidden.yaml], cmd: 'echo > ${out}', deps: [a], outs: ['${out}']}\n"
        "  two: {cmd: 'echo > two; echo > committed', deps: [a], outs: ['${made}']}\n"
    )
    said = work.vfs(*repro, "-k", code=23)
    assert "'one': a worker does not find it as it is here; nothing was run" in said
    assert "'two': a worker does not find it as it is here; nothing was run" in said
    work.git("remote", "set-url", "origin", "ext::sh")
    assert "Git remote origin: Git URLs with a remote helper" in work.vfs(*repro, code=20)
    work.git("remote", "remove", "origin")
    (work.root / "data.dvc").unlink()  # or a worker that has not seen its list waits for the remote
    work.vfs("remote", "modify", "store", "url", "../not-shared")  # another place for each
    work.pipeline("  one: {cmd: echo > one, deps: [a], outs: [one]}\n")
    assert "the remote cannot be asked for its outs; nothing was recorded" in work.vfs(
        *repro, code=12
    )


def test_large_outs_that_no_cache_keeps(shared: Work, cluster: Cluster) -> None:
    work = shared
    work.pipeline(
        "  one: {cmd: 'mkdir d && head -c 17000000 /dev/zero > d/z && cp a d', deps: [a], outs: [d: {cache: false}]}\n"
        "  two:\n    cmd: cat a >> p/x\n    deps: [a, d]\n    outs: [p: {persist: true}]\n"
        "  three:\n    cmd: cat a >> sum; cat a >> q/x\n    deps: [a]\n"
        "    outs: [sum: {persist: true, cache: false}, q: {persist: true, cache: false}]\n"
    )
    work.write("p/x", "before\n")
    work.write("q/x", "")
    work.write("d/old", "committed\n")
    work.git("add", "d")
    work.git("commit", "-q", "-m", "d")
    work.write(".dvcignore", "*.tmp\n")
    said = work.vfs("repro", "--executor", cluster.url, "one", "three")
    assert said.count("was moved to") == 2  # d and q/x, which no cache has
    assert (work.root / "d/z").stat().st_size == 17_000_000
    assert not (work.root / "d/z").is_symlink()
    said = work.vfs("repro", "--executor", cluster.url, code=20)
    assert "'two' goes on with p, which is not as it is recorded" in said
    work.vfs("repro", "two")
    work.write("a", "b\n")
    for path in ("p/notes.tmp", "q/notes.tmp", "q/new"):
        work.write(path, "mine\n")
    work.vfs("repro", "--executor", cluster.url)
    assert work.read("p/x") == "before\na\nb\n"
    assert work.read("sum") == work.read("q/x") == "a\nb\n"
    assert {work.read(path) for path in ("p/notes.tmp", "q/notes.tmp", "q/new")} == {"mine\n"}
    work.write("a", "c\n")
    said = work.vfs("repro", "--executor", cluster.url, "--no-checkout", "two")
    assert "p, which no cache has, was moved to .dvc/tmp/vfs-kept-two-" in said
    (kept,) = (work.root / ".dvc/tmp").glob("vfs-kept-two-*/p/notes.tmp")
    assert kept.read_text() == "mine\n"
    assert not (work.root / "p").exists()
    theirs = f"echo theirs > {work.root}/q/theirs; mkfifo {work.root}/q/pipe"  # meanwhile
    work.pipeline(
        f"  three:\n    cmd: {theirs}\n    deps: [a]\n    outs: [q: {{persist: true, cache: false}}]\n"
    )
    work.vfs("repro", "--executor", cluster.url, code=16)
    assert work.read("q/theirs") == "theirs\n"


def test_no_scheduler(work: Work) -> None:
    work.pipeline("  one: {cmd: cp a one, deps: [a], outs: [one]}\n")
    place = f"127.0.0.1:{free_port()}"
    said = work.vfs("repro", "--executor", f"dask://{place}", code=12)
    assert f"no Dask scheduler answers at {place}" in said
    assert "names a Dask scheduler" in work.vfs("repro", "--executor", "ray://x:1", code=2)
    work.vfs("repro", "--executor", "dask://x:1", "--in-place", code=2)
    lacking = (
        "import sys; sys.modules['distributed'] = None; from vfs_cli.entry import main; main()"
    )
    words = [sys.executable, "-c", lacking, "repro", "--executor", "dask://x:1"]
    done = work.sandbox.run(words, cwd=work.root, check=False)
    assert done.returncode == 20
    assert b"pip install 'vfs[dask]'" in done.stderr


def test_workers_that_come_later(shared: Work, lone: Cluster) -> None:
    """As many stages are handed out as they can take; and a remote that they wait for is named."""
    work = shared
    work.vfs("config", "transfer.deadline", "1")
    work.git("push", "-q", "origin", "HEAD:main")
    work.vfs("remote", "modify", "store", "url", "../not-shared")
    work.pipeline(
        f"  one: {{cmd: '{meeting(work, 'a', 'b')}', deps: [a]}}\n"
        f"  two: {{cmd: '{meeting(work, 'b', 'a')}', deps: [a]}}\n"
    )
    repro = work.start("repro", "--executor", lone.url)
    assert repro.stderr is None
    assert repro.stdout is not None
    lines = [repro.stdout.readline().decode() for _ in range(2)]
    lone.begin("w0", "w1")
    said = "".join(lines) + repro.communicate()[0].decode()
    assert repro.returncode == 0, said
    assert "has no workers; stage" in said
    assert "a worker was waiting for remote store" in said


def test_other_workers(shared: Work, lone: Cluster, waiting: Wait) -> None:
    """One without vfs, one with another version, one that can have no views; and a scheduler that ends."""
    work, signs = shared, shared.signs
    work.pipeline("  one: {cmd: cat data/x > one, deps: [data], outs: [one]}\n")
    repro = ("repro", "--executor", lone.url)
    site = next(path for path in sys.path if path.endswith("site-packages"))
    lone.begin("none", words=["-S", *WORKER], env={"PYTHONPATH": site})
    said = work.vfs(*repro, code=20)
    assert f"a worker of {lone.place} cannot run stages: No module named 'vfs'" in said
    lone.kill("none")
    other = "import vfs; vfs.__version__ = '0.0.9'; from distributed.cli.dask_worker import main; main()"
    lone.begin("other", words=["-c", other, *WORKER[2:]])
    said = work.vfs(*repro, code=20)
    assert f"a worker of {lone.place} has vfs 0.0.9, and here is" in said
    lone.kill("other")
    short = "import vfs.cluster.watching as w; w._GRACE = 0.1; from distributed.cli.dask_worker import main; main()"
    lone.begin("hard", words=["-c", short, *WORKER[2:]])
    deaf = f'trap "" TERM; touch {signs}/began; while true; do sleep 0.1; done'
    work.pipeline(f"  one: {{cmd: '{deaf}', deps: [data], outs: [one]}}\n")
    running = work.start(*repro)
    waiting(signs / "began")
    running.send_signal(signal.SIGINT)
    running.communicate()
    nothing_is_left(lone, "hard")
    lone.kill("hard")
    (signs / "began").unlink()
    work.pipeline("  one: {cmd: cat data/x > one, deps: [data], outs: [one]}\n")
    limit = "echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --inh-caps=-all --bounding-set=-sys_admin --"
    viewless = ["unshare", "-Ur", "sh", "-euc", f'{limit} "$@"', "sh"]
    lone.begin("w", before=viewless)
    work.vfs(*repro)
    assert work.read("one") == "x\n"
    first = f"mv {signs}/tmp {signs}/began; until test -e {signs}/go; do sleep 0.1; done; echo bad > $DVC_ROOT/one; touch {signs}/done"
    second = f"cat data/x > one; touch {signs}/go; until test -e {signs}/done; do sleep 0.1; done"
    work.pipeline(
        f"  one: {{cmd: 'touch {signs}/tmp; if mkdir {signs}/first; then {first}; else {second}; fi', deps: [data], outs: [one]}}\n"
    )
    running = work.start(*repro)
    waiting(signs / "began")
    lone.kill("w")  # its command goes on
    lone.begin("w", before=viewless)
    running.communicate()
    assert (running.returncode, work.read("one")) == (0, "x\n")
    for sign in ("began", "go", "done"):
        (signs / sign).unlink()
    late = f"until test -e {signs}/go; do sleep 0.1; done; echo bad > $DVC_ROOT/two; touch {signs}/done"
    work.pipeline(
        f"  one: {{cmd: 'cp a one; ({late}) &', deps: [a], outs: [one]}}\n"
        f"  two: {{cmd: 'cp one two; touch {signs}/go; until test -e {signs}/done; do sleep 0.1; done', deps: [one], outs: [two]}}\n"
    )
    work.vfs(*repro)
    assert work.read("two") == work.read("a")
    work.pipeline(
        f"  one: {{cmd: touch {signs}/began; exec sleep 1000, deps: [data], outs: [one]}}\n"
        "  two: {cmd: cp a two, deps: [a], outs: [two]}\n"
    )
    running = work.start(*repro, "-k")
    waiting(signs / "began")
    lone.kill("s")
    said = running.communicate()[0].decode()
    assert running.returncode == 23
    assert f"{lone.place} went away while stage 'one' ran; nothing was recorded" in said
    assert f"{lone.place} went away\n" in said
    assert "error: failed: one, two" in said
    lone.processes["w"].wait()
    nothing_is_left(lone, "w")
