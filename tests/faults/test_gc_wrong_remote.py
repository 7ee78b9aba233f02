"""A remote has other bytes of the same size under some names, or is the cache itself: `gc` of the cache keeps the right ones."""

import json
from pathlib import Path

import pytest

from vfs.testing.clones import Clone, handmade_clone, objects
from vfs.testing.faulty_proxy import FaultyProxy, set_header
from vfs.testing.git_servers import SshServer
from vfs.testing.handmade import HandmadeRepository, md5
from vfs.testing.s3_servers import S3Server
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.slow

OLD = {f"f{number}": b"old %d" % number for number in range(4)}
GARBAGE = len(OLD) + 1
OTHER = set_header("ETag", '"0123456789abcdef0123456789abcdef"')


def figures(clone: Clone) -> tuple[int, int]:
    """What would go, and what stays since no remote has it."""
    said = clone.vfs("gc", "--workspace", "--older-than", "0", "--dry-run", "--json")
    did = json.loads(said.splitlines()[-1])
    return did["removed"], did["only_here"]


def make(made: HandmadeRepository) -> tuple[Clone, str]:
    """A clone that needs a later version, and the name of a file of the earlier one."""
    made.commit(directories={"data": OLD}, tag="v1")
    made.commit(directories={"data": {"own": b"own"}}, tag="v2")
    made.sandbox.git(made.root, "reset", "-q", "--hard")
    one = handmade_clone(made, "one", cached=True)
    return one, next(name for name, path in objects(one.cache) if path.read_bytes() == OLD["f1"])


def test_a_directory(handmade: HandmadeRepository) -> None:
    one, name = make(handmade)
    assert figures(one) == (GARBAGE, 0)
    victim = dict(objects(handmade.remote))[name]
    victim.chmod(0o644)
    victim.write_bytes(b"wrong")
    assert figures(one) == (GARBAGE - 1, 1)


@pytest.mark.soak
def test_s3(sandbox: Sandbox, ministack: S3Server, tmp_path: Path) -> None:
    """Its ETags are MD5s; where they are not, an object that is read says so, and the size has to do."""
    bucket = ministack.new_bucket()
    with FaultyProxy(ministack.port) as proxy:
        options = {**ministack.options, "endpointurl": proxy.endpoint}
        made = HandmadeRepository(
            sandbox, tmp_path / "repo", remote_url=f"s3://{bucket}/p", remote_options=options
        )
        one, name = make(made)
        client = ministack.client()
        made.upload(lambda key, data: client.put_object(Bucket=bucket, Key=f"p/{key}", Body=data))
        assert figures(one) == (GARBAGE, 0)
        proxy.always(OTHER, "HEAD")
        assert figures(one) == (GARBAGE, 0)
        proxy.always(None, "HEAD")
        key = f"p/files/md5/{name[:2]}/{name[2:]}"
        client.put_object(Bucket=bucket, Key=key, Body=b"wrong")
        assert figures(one) == (GARBAGE - 1, 1)
        plain = {f"{value[:2]}/{value[2:]}" for value in (name, md5(OLD["f2"]))}
        proxy.always(
            lambda request, upstream: (
                upstream() if request.target[-33:] in plain else OTHER(request, upstream)
            ),
            "HEAD",
        )  # some are encrypted, with an ETag of another kind: that says nothing of the others
        assert figures(one) == (GARBAGE - 1, 1)
        asked = [request.target for request in proxy.requests]
        assert not any("list-type" in target and "files" in target for target in asked)


def test_the_cache_itself_by_ssh(handmade: HandmadeRepository, ssh_server: SshServer) -> None:
    """What goes from the one is gone from both, by whatever path."""
    one, _ = make(handmade)
    before = {name for name, _ in objects(one.cache)}
    ssh = Path(handmade.sandbox.environ["HOME"]) / ".ssh"
    ssh.mkdir(exist_ok=True)
    (ssh / "config").write_text(ssh_server.config.read_text())
    one.vfs("remote", "modify", "store", "url", f"ssh://127.0.0.1:{ssh_server.port}{one.cache}")
    said = one.vfs("gc", "--workspace", "--older-than", "0", "--json")
    assert json.loads(said.splitlines()[-1])["only_here"] == GARBAGE
    assert {name for name, _ in objects(one.cache)} == before
