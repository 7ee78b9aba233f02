"""`vfs gc --remote` of a remote in DVC's layout condemns, waits out the grace period, and sweeps; pushes between lose nothing."""

import json
import shutil
import subprocess
import sys

import pytest

from vfs.errors import FormatError
from vfs.testing.clones import check_store, objects
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.team import NOW, Team
from vfs.testing.variants import soak
from vfs.testing.web_servers import StoreServer

pytestmark = pytest.mark.slow


@pytest.fixture
def team(handmade: HandmadeRepository) -> Team:
    return Team(handmade)


def test_what_nothing_needs_goes_with_the_second_run(team: Team) -> None:
    before = team.there()
    assert (did := team.gc("--dry-run"))["condemned"] == 5
    assert did["removed"] == 0
    assert not (team.remote / "vfs-condemned").exists()  # which a dry run does not ask for the time
    said = team.bob.vfs("gc", *NOW)
    assert "0 objects removed (0 B), 5 condemned (" in said
    assert "5 condemned objects (" in said
    assert team.there() == before
    assert len(team.condemning()) == 1
    team.bob.vfs("gc", "--workspace", "-r", "store")  # with a longer grace period nothing goes
    assert team.there() == before
    assert (did := team.gc())["removed"] == 5
    assert did["condemned"] == did["waiting"] == 0
    assert team.there() == before - team.v1
    assert team.condemning() == []


def test_at_once(team: Team) -> None:
    team.gc()
    assert team.gc("--older-than", "0")["removed"] == 5
    assert check_store(team.remote) == 5
    assert team.condemning() == []


@pytest.mark.parametrize("cached", [soak(True), False])
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


@pytest.mark.parametrize("cached", [soak(True), False])
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
    assert team.condemning() == []


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


def test_who_may_not_list_sends_it_again(team: Team, put_server: StoreServer) -> None:
    """Over plain HTTP nobody can list; what is older than the last condemnation counts as condemned."""
    served = put_server.new_directory(team.remote.parent.name)
    shutil.copytree(team.remote, served, dirs_exist_ok=True)
    subprocess.run(["chmod", "-R", "a+rwX", str(served)], check=True)
    for who, url in ((team.bob, str(served)), (team.ann, put_server.url("http", served.name))):
        who.vfs("remote", "modify", "--local", "store", "url", url)
    team.ann.vfs("remote", "modify", "--local", "store", "method", "put")
    assert "5 were there already" in team.ann.vfs("push")
    team.gc()
    assert "missing there" in team.ann.vfs("status", "--remote")
    assert "5 objects pushed" in team.ann.vfs("push")
    assert team.gc()["removed"] == 0
    assert check_store(served) == 10


def test_a_run_that_was_killed_between_counts_for_nothing(team: Team) -> None:
    """Who may not list did not know of what it condemned."""
    team.gc()
    (team.remote / "vfs-condemned/latest").unlink()
    assert (did := team.gc())["condemned"] == 5
    assert did["removed"] == 0
    assert len(team.condemning()) == 1
    assert team.gc()["removed"] == 5


def test_nor_when_the_next_one_is_killed_too(team: Team) -> None:
    """What it puts last would make count what nobody knew of until then."""
    team.gc()
    (team.remote / "vfs-condemned/latest").unlink()
    before = team.condemning()
    code = KILLED.format(["vfs", "gc", *NOW])
    team.bob.sandbox.run([sys.executable, "-c", code], cwd=team.bob.root, check=False)
    assert (team.remote / "vfs-condemned/latest").exists()
    assert len(after := team.condemning()) == 1
    assert after != before


def test_files_of_others_beside_what_is_condemned(team: Team) -> None:
    team.gc()
    for name in (".keep", ".DS_Store", "1-x"):
        (team.remote / "vfs-condemned" / name).write_bytes(b"")
    assert "5 objects pushed" in team.ann.vfs("push")
    assert team.gc()["removed"] == 0


def test_what_is_damaged_is_named_with_a_hint(team: Team) -> None:
    team.gc()
    team.condemning()[0].write_bytes(b"?")
    said = team.ann.vfs("push", code=FormatError.exit_code)
    assert "vfs-condemned/" in said
    assert "remove it" in said


@pytest.mark.parametrize("packed", [soak(False), True])
def test_a_clock_that_is_ahead(team: Team, packed: bool) -> None:
    """What counts is the remote's clock."""
    name, place = "store", team.remote
    if packed:
        name, place = "packed", team.remote.parent / "packed"
        for who in (team.ann, team.bob):
            who.vfs("remote", "add", "--packed", name, str(place))
        team.ann.vfs("push", "-r", name)
    code = AHEAD.format(["vfs", "gc", "--workspace", "-r", name])
    before = {path for path in place.rglob("*") if path.is_file()}
    team.bob.sandbox.run([sys.executable, "-c", code], cwd=team.bob.root)
    after = {path for path in place.rglob("*") if path.is_file()}
    assert {path.name for path in before ^ after} == {"clock"}


KILLED = """
import os, runpy, signal, sys
from vfs.sharing import gc
gc.sweep = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
sys.argv = {}
runpy.run_module("vfs_cli", run_name="__main__")
"""

AHEAD = """
import runpy, sys, time
real = time.time
time.time = lambda: real() + 15 * 86400
sys.argv = {}
runpy.run_module("vfs_cli", run_name="__main__")
"""
