"""Files too large for memory on their way to servers that want to be told the length first."""

import pytest

from vfs.sharing.plain import FEW
from vfs.testing.clones import check_store, handmade_clone
from vfs.testing.handmade import HandmadeRepository, md5, object_path
from vfs.testing.web_servers import StoreServer

pytestmark = pytest.mark.slow

LARGE = bytes(range(256)) * (36 << 10)


@pytest.mark.parametrize("verb", ["push", "add"])
@pytest.mark.parametrize("scheme", ["http", "webdav"])
def test_a_large_file(
    request: pytest.FixtureRequest, handmade: HandmadeRepository, scheme: str, verb: str
) -> None:
    server: StoreServer = request.getfixturevalue(
        "put_server" if scheme == "http" else "webdav_server"
    )
    handmade.commit()
    one = handmade_clone(handmade, "one", cached=False)
    name = handmade.root.parent.name + verb
    there = object_path(server.new_directory(name), md5(LARGE))
    one.vfs("remote", "modify", "--local", "store", "url", server.url(scheme, name))
    if scheme == "http":
        one.vfs("remote", "modify", "--local", "store", "method", "put")
    one.write("model.bin", LARGE)
    if verb == "push":
        one.vfs("add", "model.bin")
        one.vfs("push")
    else:
        one.vfs("add", "--to-remote", "model.bin")
    assert there.read_bytes() == LARGE


def test_many_files_where_nothing_can_be_listed(
    put_server: StoreServer, handmade: HandmadeRepository
) -> None:
    handmade.commit()
    one = handmade_clone(handmade, "one", cached=False)
    name = f"{handmade.root.parent.name}many"
    there = put_server.new_directory(name)
    one.vfs("remote", "modify", "--local", "store", "url", put_server.url("http", name))
    one.vfs("remote", "modify", "--local", "store", "method", "put")
    for number in range(FEW + 1):
        one.write(f"data/{number}", b"%d" % number)
    one.vfs("add", "data")
    assert f"{FEW + 2} objects pushed" in one.vfs("push")
    assert check_store(there) == FEW + 2
    assert f"{FEW + 2} were there already" in one.vfs("push", "--verify")
