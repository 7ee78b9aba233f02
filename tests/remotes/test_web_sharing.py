"""Files too large for memory on their way to servers that want to be told the length first."""

import pytest

from vfs.testing.clones import handmade_clone
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
