"""A colleague's `gc` runs while a push counts on a list of files that it removes."""

import shutil

import pytest

from vfs.config import load_settings
from vfs.sharing.push import Push
from vfs.sharing.used import Scope, used
from vfs.state import spare_table
from vfs.testing.clones import check_store, handmade_clone, objects
from vfs.testing.handmade import HandmadeRepository
from vfs.workspace import open_workspace

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("more", [{"new": b"new"}, {}])
def test_what_went_with_a_list_is_sent(
    handmade: HandmadeRepository, monkeypatch: pytest.MonkeyPatch, more: dict[str, bytes]
) -> None:
    """Also with a new version that has fewer files, of which none has to go."""
    for name, value in handmade.sandbox.environ.items():
        monkeypatch.setenv(name, value)
    first = {f"f{number}": b"%d" % number for number in range(20)}
    handmade.commit(directories={"data": first}, tag="v1")
    second = {name: data for name, data in first.items() if name != "f3"} | more
    handmade.commit(directories={"data": second}, tag="v2")
    one = handmade_clone(handmade, "one", cached=True)
    for path in (handmade.remote / "files", one.root / ".git/vfs"):
        shutil.rmtree(path, ignore_errors=True)
    one.vfs("push", "--rev", "v1")
    old = [path for _, path in objects(handmade.remote)]

    def collect(stage: str, done: int, total: int | None) -> None:
        if stage == "files" and done == total:
            for path in old:
                path.unlink(missing_ok=True)
            old.clear()

    workspace = open_workspace(one.root, load_settings(one.root))
    try:
        found = used(workspace, Scope(("v2",)), (), lambda *_: None)
        with spare_table(workspace.repository.git_dir) as table:
            Push(workspace, table, None, collect).run(found)
    finally:
        workspace.close()
    assert check_store(handmade.remote) == len(second) + 1
