"""`vfs gc --remote` of a remote in DVC's layout condemns, waits out the grace period, and sweeps; pushes between lose nothing."""

import json
import shutil
from pathlib import Path

import pytest

from vfs.testing.clones import check_store, handmade_clone, objects
from vfs.testing.handmade import HandmadeRepository

pytestmark = pytest.mark.slow

NOW = ("--workspace", "-r", "store", "--older-than", "1ms")
OLD = {f"f{number}": b"old %d" % number for number in range(4)}
NEW = {f"f{number}": b"new %d" % number for number in range(4)}


class Team:
    """Ann has `v1` in her cache, Bob knows only what `v2` needs and collects; both versions are on the remote."""

    def __init__(self, made: HandmadeRepository) -> None:
        made.commit(directories={"data": OLD}, tag="v1")
        made.sandbox.git(made.root, "reset", "-q", "--hard")
        self.v1 = {name for name, _ in objects(made.remote)}
        made.commit(directories={"data": NEW}, tag="v2")
        made.sandbox.git(made.root, "reset", "-q", "--hard")
        self.remote = made.remote
        self.ann, self.bob = (handmade_clone(made, name, cached=False) for name in ("ann", "bob"))
        shutil.copytree(made.remote, self.ann.cache, copy_function=shutil.copy)
        self.ann.git("checkout", "-q", "v1")

    def gc(self, *more: str) -> dict[str, int]:
        said = self.bob.vfs("gc", "--json", *NOW, *more)
        return dict(json.loads(said.splitlines()[-1]))

    def there(self) -> set[str]:
        return {name for name, _ in objects(self.remote)}

    def lists(self) -> list[Path]:
        return list((self.remote / "vfs-condemned").iterdir())


@pytest.fixture
def team(handmade: HandmadeRepository) -> Team:
    return Team(handmade)


def test_what_nothing_needs_goes_with_the_second_run(team: Team) -> None:
    before = team.there()
    assert (did := team.gc("--dry-run"))["condemned"] == 5
    assert did["removed"] == 0
    assert not (team.remote / "vfs-condemned").exists()
    said = team.bob.vfs("gc", *NOW)
    assert "0 objects removed (0 B), 5 condemned (" in said
    assert "5 condemned objects (" in said
    assert team.there() == before
    assert len(team.lists()) == 1
    team.bob.vfs("gc", "--workspace", "-r", "store")  # with a longer grace period nothing goes
    assert team.there() == before
    assert (did := team.gc())["removed"] == 5
    assert did["condemned"] == did["waiting"] == 0
    assert team.there() == before - team.v1
    assert team.lists() == []


def test_at_once(team: Team) -> None:
    team.gc()
    assert team.gc("--older-than", "0")["removed"] == 5
    assert check_store(team.remote) == 5
    assert team.lists() == []


@pytest.mark.parametrize("cached", [True, False])
def test_who_pushes_between_sends_it_again(team: Team, cached: bool) -> None:
    """From the cache, or what a collection of the cache left to the remote, from there."""
    team.gc()
    if not cached:
        shutil.rmtree(team.ann.cache)
    assert "missing there" in team.ann.vfs("status", "--remote")
    assert "5 objects pushed" in team.ann.vfs("push")
    assert "0 objects pushed" in team.ann.vfs("push")
    assert team.gc()["removed"] == 0
    assert check_store(team.remote) == 10


@pytest.mark.parametrize("cached", [True, False])
def test_fsck_names_and_mends_it(team: Team, cached: bool) -> None:
    """As a push would: from the cache, or from the remote itself."""
    team.gc()
    if not cached:
        shutil.rmtree(team.ann.cache)
    said = team.ann.vfs("fsck", "-r", "store", code=1)
    assert said.count("condemned  files/md5/") == 5
    assert "5 objects wrong, 0 repaired" in said
    assert "0 objects wrong, 5 repaired" in team.ann.vfs("fsck", "-r", "store", "--repair")
    assert "0 objects wrong, 0 repaired" in team.ann.vfs("fsck", "-r", "store")
    assert team.gc()["removed"] == 0
    assert check_store(team.remote) == 10


def test_what_is_condemned_is_on_no_remote(team: Team) -> None:
    team.gc()
    team.ann.git("checkout", "-q", "v2")
    said = team.ann.vfs("gc", "--workspace", "--older-than", "0", "--json")
    assert json.loads(said.splitlines()[-1])["only_here"] == 5


def test_a_commit_that_came_meanwhile_keeps_it(team: Team) -> None:
    team.gc()
    assert team.gc("--rev", "v1")["removed"] == 0
    assert check_store(team.remote) == 10
    assert team.lists() == []


def test_a_list_that_came_meanwhile_keeps_its_files(team: Team) -> None:
    """`dvc push` knows nothing of what is condemned: it finds the files there and puts the list that it lacks."""
    listing = next(
        path for name, path in objects(team.remote) if name in team.v1 and ".dir" in name
    )
    data = listing.read_bytes()
    listing.unlink()
    assert team.gc()["condemned"] == 4
    listing.write_bytes(data)
    did = team.gc()
    assert (did["removed"], did["condemned"]) == (0, 5)
    assert check_store(team.remote) == 10
    assert team.gc()["removed"] == 5
    assert check_store(team.remote) == 5
