"""In a repository with stages of DVC 0.x whatever verb writes pointers: DVC 2, which alone reads these, reads them too."""

from pathlib import Path

import pytest

from tests.pipeline.conftest import Work
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.dvc


def test_imports_and_what_goes_to_a_remote(sandbox: Sandbox, dvc2: Path) -> None:
    source = Work(sandbox, sandbox.root / "source")
    work = Work(sandbox, sandbox.root / "work")
    for one in (source, work):
        one.root.mkdir()
        one.git("init", "-q", ".")
        one.vfs("init")
        one.write("dos/text", "a\r\nb\r\n")
    sandbox.run([str(dvc2), "add", "-q", "dos"], cwd=source.root)
    source.git("add", "-A")
    source.git("commit", "-q", "-m", "data")
    (sandbox.root / "remote").mkdir()
    work.vfs("remote", "add", "-d", "store", str(sandbox.root / "remote"))
    work.write("b.dvc", "cmd: echo b > b\nouts:\n- path: b\n")
    work.vfs("repro", "b.dvc")

    work.vfs("import", str(source.root), "dos", "-o", "from-git")
    work.vfs("import-url", str(source.root / "dos"), "from-tree")
    work.vfs("import-url", str(source.root / "dos/text"), "from-file")
    work.vfs("import-url", "--no-download", str(source.root / "dos/text"), "later")
    work.vfs("add", "--to-remote", "dos")
    pointers = list(work.root.glob("?*.dvc"))
    assert len(pointers) == 6
    assert not [path for path in pointers if "hash:" in path.read_text()]
    status = sandbox.run([str(dvc2), "status", "from-git.dvc", "from-tree.dvc", "from-file.dvc", "b.dvc"], cwd=work.root)  # fmt: skip
    assert b"up to date" in status.stdout, status.stdout.decode()
    sandbox.run(["rm", "-r", str(work.root / "dos")], cwd=work.root)
    sandbox.run([str(dvc2), "pull", "-q", "dos.dvc"], cwd=work.root)
    assert (work.root / "dos/text").read_bytes() == b"a\r\nb\r\n"
    source.write("dos/text", "c\r\n")
    sandbox.run([str(dvc2), "add", "-q", "dos"], cwd=source.root)
    source.git("commit", "-q", "-am", "more")
    work.vfs("update", "from-git.dvc", "from-tree.dvc")
    assert work.read("from-git/text") == work.read("from-tree/text") == "c\n"  # as text
    assert "hash:" not in work.read("from-git.dvc") + work.read("from-tree.dvc")
