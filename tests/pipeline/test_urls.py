"""Deps at URLs: judged by what their storage says, as the real DVC does."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from tests.pipeline.conftest import Work


class Handler(SimpleHTTPRequestHandler):
    """Files with ETags."""

    def end_headers(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_file():
            self.send_header("ETag", f'"{hashlib.md5(path.read_bytes()).hexdigest()}"')
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A directory, and its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield tmp_path, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.dvc
def test_as_dvc(work: Work, served: tuple[Path, str], dvc3: Path) -> None:
    directory, url = served
    (directory / "x").write_text("1\n")
    (directory / "store").mkdir()
    work.vfs("remote", "add", "-d", "store", str(directory / "store"))
    work.pipeline(f"  one: {{cmd: cat a >> b, deps: [a, ./a, '{url}/x'], outs: [b]}}\n")
    assert work.outcomes() == {"one": "ran"}
    deps = yaml.safe_load(work.read("dvc.lock"))["stages"]["one"]["deps"]
    assert [one["path"] for one in deps] == ["./a", "a", f"{url}/x"]
    assert "up to date" in work.sandbox.run([str(dvc3), "status"], cwd=work.root).stdout.decode()
    ours = work.read("dvc.lock")
    work.sandbox.run([str(dvc3), "repro", "-f"], cwd=work.root)
    assert work.read("dvc.lock") == ours
    assert work.outcomes() == {"one": "unchanged"}
    (directory / "x").write_text("2\n")
    assert f"dep {url}/x modified" in work.vfs("status", "--remote")
    assert "nothing to run" in work.vfs("status")
    assert work.outcomes() == {"one": "ran"}
    (directory / "x").unlink()
    assert f"dep {url}/x deleted" in work.vfs("status", "--remote")
    assert f"needs {url}/x, where nothing lies" in work.vfs("repro", code=16)


def test_nobody_answers(work: Work) -> None:
    work.pipeline("  one: {cmd: echo > b, deps: ['http://127.0.0.1:9/x'], outs: [b]}\n")
    assert "nothing to run" not in work.vfs("status")
    work.vfs("status", "-q", code=1)
    work.vfs("repro", code=12)
