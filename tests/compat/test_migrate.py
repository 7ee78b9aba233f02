"""`vfs migrate` on repositories that DVC 2 made; the real DVC 3 reads the result, and the old one after a revert."""

from pathlib import Path

import pytest

from vfs.testing.clones import Clone, check_store
from vfs.testing.sandbox import Sandbox

pytestmark = [pytest.mark.dvc, pytest.mark.slow]

OLD = b"""md5: 1b59aa1f99b185cddbce8eccc10c86bb
outs:
- cache: true
  md5: %s
  metric: false
  path: old.txt
  persist: false
wdir: .
"""
PIPELINE = b"""stages:
  copy:
    cmd: cp data/crlf out && cp source.txt other
    deps:
    - data
    - source.txt
    outs:
    - out
    - other
"""


@pytest.fixture
def one(sandbox: Sandbox, dvc2: Path) -> Clone:
    """Pointers, a lock and data of DVC 2, pushed."""
    root = sandbox.root / "one"
    root.mkdir()
    made = Clone(sandbox, root, dvc2)
    made.git("init", "-q", "-b", "main")
    made.dvc("init", "-q")
    made.dvc("remote", "add", "-q", "-d", "store", str(sandbox.root / "remote"))
    made.write("data/crlf", b"one\r\ntwo\r\n")
    made.write("data/sub/binary", bytes(range(256)) * 5000)
    made.write("model.bin", b"model\r\n" * 1000)
    made.write("again.bin", b"model\r\n" * 1000)
    made.write("source.txt", b"source\r\n")
    made.write("dvc.yaml", PIPELINE)
    made.dvc("add", "-q", "data", "model.bin", "again.bin")
    made.dvc("repro", "-q")
    made.git("add", "--all")
    made.git("commit", "-q", "-m", "of DVC 2")
    made.dvc("push", "-q")
    return made


def test_there_and_back(one: Clone, sandbox: Sandbox, dvc2: Path, dvc3: Path) -> None:
    before = one.data
    said = one.vfs("migrate", "--dry-run")
    assert "5 outputs would be migrated, 0 missing" in said
    assert one.git("status", "--porcelain") == ""
    one.vfs("migrate")
    assert one.git("status", "--porcelain") == ""
    for name in ("data.dvc", "model.bin.dvc", "again.bin.dvc", "dvc.lock"):
        text = (one.root / name).read_text()
        assert text.count("hash: md5") == text.count("md5: "), text
    modern = Clone(sandbox, one.root, dvc3)
    assert "up to date" in modern.dvc("status")
    assert check_store(one.cache) > 0
    one.vfs("push")
    two = Clone(sandbox, one.root, dvc3).clone("two")
    two.dvc("pull", "-q")
    assert two.data == before
    assert (two.root / "other").read_bytes() == b"source\r\n"
    assert "up to date" in two.dvc("status")
    assert "Nothing is in the form" in one.vfs("migrate")
    one.git("revert", "--no-edit", "HEAD")
    assert "up to date" in one.dvc("status")
    three = one.clone("three")
    three.dvc("pull", "-q")
    assert three.data == before


def test_what_is_missing_is_fetched_or_named(one: Clone, sandbox: Sandbox) -> None:
    two = one.clone("two")
    head = two.git("rev-parse", "HEAD")
    two.vfs("migrate")
    assert check_store(two.cache) > 0
    two.git("reset", "-q", "--hard", head.strip())
    three = one.clone("three")
    md5 = (one.root / "model.bin.dvc").read_text().split("md5: ")[1].split()[0]
    (sandbox.root / "remote" / md5[:2] / md5[2:]).unlink()
    said = three.vfs("migrate", code=16)
    assert "model.bin" in said
    assert three.git("status", "--porcelain") == ""
    assert three.git("rev-parse", "HEAD") == head


def test_changes_and_what_is_staged_stay_out_of_it(one: Clone) -> None:
    one.write("staged", b"not of it")
    one.git("add", "staged")
    (one.root / "data.dvc").write_text((one.root / "data.dvc").read_text() + "desc: mine\n")
    assert "data.dvc" in one.vfs("migrate", code=22)
    one.git("checkout", "-q", "data.dvc")
    one.vfs("migrate")
    assert one.git("status", "--porcelain") == "A  staged"


def test_a_pointer_of_the_first_dvc(one: Clone, sandbox: Sandbox, dvc3: Path) -> None:
    one.write("old.txt", b"old\r\n")
    one.dvc("add", "-q", "old.txt")
    md5 = (one.root / "old.txt.dvc").read_text().split("md5: ")[1].split()[0]
    one.write("old.txt.dvc", OLD % md5.encode())
    one.git("add", "--all")
    one.git("commit", "-q", "-m", "as in 2018")
    one.vfs("migrate")
    assert "up to date" in Clone(sandbox, one.root, dvc3).dvc("status")


TRAIN = b"""cmd: N=7; mkdir -p dir; cp ../data/crlf dir/${N}; cp ../source.txt kept
deps:
- path: ../data
- path: ../source.txt
outs:
- path: dir
- path: kept
  persist: true
"""
COPY = b"""cmd: echo 1 > score.json; cp ../sub/dir/7 plain
wdir: work
deps:
- path: ../sub/dir
outs:
- path: score.json
  cache: false
  metric: true
- path: plain
  cache: false
"""
MODEL = b"""cmd: cp work/plain model.h5
deps:
- path: work/plain
outs:
- path: model.h5
"""


def test_stages_in_files_of_their_own(one: Clone, sandbox: Sandbox, dvc2: Path, dvc3: Path) -> None:
    """They become stages of `dvc.yaml` that real DVC 3 finds up to date, runs again, and DVC 2 after a revert."""
    (one.root / "work").mkdir()
    files = {"sub/train.dvc": TRAIN, "copy.dvc": COPY, "model.h5.dvc": MODEL}
    for name, text in files.items():
        one.write(name, text)
        one.dvc("repro", "-q", name)
    one.dvc("freeze", "model.h5.dvc")
    one.git("add", "--all")
    one.git("commit", "-q", "-m", "stages of 0.x")
    one.dvc("push", "-q")
    assert "up to date" in one.dvc("status", "sub/train.dvc")
    before = one.data
    assert "model.h5.dvc" in one.vfs("migrate", "--dry-run")
    one.vfs("migrate")
    assert one.git("status", "--porcelain") == ""
    assert not {"copy.dvc", "model.h5.dvc", "sub/train.dvc"} & set(one.git("ls-files").split())
    modern = Clone(sandbox, one.root, dvc3)
    assert "up to date" in modern.dvc("status")
    locks = (one.root / "dvc.lock").read_text() + (one.root / "sub" / "dvc.lock").read_text()
    assert locks.count("hash: md5") == locks.count("md5: "), locks
    assert set(modern.dvc("stage", "list", "--all", "--name-only").split()) == {
        "copy", "copy-2", "model-h5", "sub/dvc.yaml:train", "data.dvc", "model.bin.dvc",
        "again.bin.dvc",
    }  # fmt: skip
    one.vfs("push")
    two = modern.clone("two")
    two.dvc("pull", "-q")
    assert two.data == before
    assert "up to date" in two.dvc("status")
    two.dvc("repro", "-q", "--force", "sub/dvc.yaml:train")
    assert "up to date" in two.dvc("status")
    one.git("revert", "--no-edit", "HEAD")
    assert "up to date" in one.dvc("status")
    assert (one.root / "copy.dvc").exists()


def test_a_stage_that_never_ran(one: Clone, sandbox: Sandbox, dvc3: Path) -> None:
    """DVC 2 names its parameters in a list; what a stage's file may not have is refused, and nothing is written."""
    one.write("params.yaml", b"rate: 0.1\nnest: {alpha: 2}\n")
    words = ["run", "--single-stage", "--no-exec", "-p", "rate,nest", "-o", "made", "echo 1 > made"]
    one.dvc(*words[:3], "--file", "train.dvc", *words[3:])
    good = (one.root / "train.dvc").read_bytes()
    assert b"  - rate\n" in good
    for wrong in (b"  - 1: 2\n", b"  - rate: 3\n"):
        one.write("train.dvc", good.replace(b"  - rate\n", wrong))
        one.git("add", "--all")
        one.git("commit", "-q", "-m", "stage")
        assert "train.dvc: deps[0].params: expected" in one.vfs("migrate", code=9)
        assert one.git("status", "--porcelain") == ""
    one.write("train.dvc", good)
    one.git("commit", "-q", "-a", "-m", "stage")
    one.vfs("migrate")
    modern = Clone(sandbox, one.root, dvc3)
    modern.dvc("repro", "-q", "train")
    assert "rate: 0.1" in (one.root / "dvc.lock").read_text()
    assert "up to date" in modern.dvc("status", "train")


def test_a_lock_of_the_first_pipelines(one: Clone, sandbox: Sandbox, dvc3: Path) -> None:
    """DVC 1 had the stages at the top; what is not here keeps its old form, which DVC 3 reads."""
    lines = (one.root / "dvc.lock").read_text().splitlines(keepends=True)
    assert lines[:2] == ["schema: '2.0'\n", "stages:\n"]
    (one.root / "dvc.lock").write_text("".join(line[2:] for line in lines[2:]))
    one.git("commit", "-q", "-a", "-m", "of DVC 1")
    assert "up to date" in one.dvc("status")
    one.vfs("migrate")
    modern = Clone(sandbox, one.root, dvc3)
    assert "up to date" in modern.dvc("status")
    assert (one.root / "dvc.lock").read_text().startswith("schema: '2.0'\nstages:\n")
    one.git("revert", "--no-edit", "HEAD")
    assert "up to date" in one.dvc("status")
