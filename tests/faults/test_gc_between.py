"""A collection and a command of somebody else meet on a remote in DVC's layout: at whatever moment, no data is lost."""

from pathlib import Path

import pytest

from vfs.testing.clones import check_store, objects
from vfs.testing.handmade import HandmadeRepository, object_path
from vfs.testing.program_server import VFS
from vfs.testing.s3_servers import S3Server
from vfs.testing.sandbox import Sandbox
from vfs.testing.team import NOW, Team

pytestmark = pytest.mark.slow


@pytest.fixture
def team(handmade: HandmadeRepository) -> Team:
    """Of which Bob's first collection is done."""
    made = Team(handmade)
    made.gc()
    return made


def test_a_sweep_while_a_push_looks(team: Team) -> None:
    said = team.between(team.ann, "_present", (*VFS, "gc", *NOW), team.bob, "push")
    assert "5 objects pushed" in said
    assert check_store(team.remote) == 10


@pytest.mark.s3
def test_a_sweep_while_a_cache_is_collected(
    sandbox: Sandbox, tmp_path: Path, ministack: S3Server
) -> None:
    """What was on the remote at the first look is not when the cache lets go of it."""
    bucket, client = ministack.new_bucket(), ministack.client()
    url = f"s3://{bucket}/store"
    made = HandmadeRepository(
        sandbox, tmp_path / "repository", remote_url=url, remote_options=ministack.options
    )
    team = Team(made)
    made.upload(lambda key, data: client.put_object(Bucket=bucket, Key=f"store/{key}", Body=data))
    assert team.gc()["condemned"] == 5
    team.ann.git("checkout", "-q", "v2")
    collect = ("gc", "--workspace", "--older-than", "0")
    team.between(team.ann, "_heads", (*VFS, "gc", *NOW), team.bob, *collect)
    found = client.list_objects_v2(Bucket=bucket, Prefix="store/files/")
    assert len(found["Contents"]) == 5
    assert team.v1 <= {name for name, _ in objects(team.ann.cache)}


def test_a_push_while_a_sweep_looks(team: Team) -> None:
    team.between(team.bob, "objects", (*VFS, "push"), team.ann, "gc", *NOW)
    assert check_store(team.remote) == 10


def test_a_list_that_is_put_while_a_sweep_looks(team: Team) -> None:
    """Its files stay, whoever put them."""
    listing = next(name for name in team.v1 if name.endswith(".dir"))
    put = ("touch", object_path(team.remote, listing))
    said = team.between(team.bob, "objects", put, team.ann, "gc", *NOW)
    assert "0 objects removed" in said
    assert check_store(team.remote) == 10
