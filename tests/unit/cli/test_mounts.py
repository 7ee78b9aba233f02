"""status, switch, umount and prefetch against real control servers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Daemons, Done
from vfs.errors import DaemonError, MountPointRefused, UnknownRevision, UsageError
from vfs_cli.mount import parse_options

Vfs = Callable[..., Done]
Data = dict[str, Any]
STATUS = {"rev": "main", "commit": "ab" * 20, "problems": 0, "store": {"bytes": 2048}}


async def status(args: Data, progress: object) -> Data:
    return STATUS


def test_nothing_is_mounted(vfs: Vfs) -> None:
    assert vfs("status") == Done(0, "nothing is mounted\n", "")
    assert vfs("status", "--json") == Done(0, "", "")


def test_status_lists_mounts(vfs: Vfs, daemons: Daemons, world: Path) -> None:
    for name in ("b", "a"):
        daemons.start(world / name, world / "repo", status=status)
    documents = vfs("status", "--json").documents
    assert [d["mountpoint"] for d in documents] == [str(world / "a"), str(world / "b")]
    assert documents[0]["type"] == "mount"
    assert documents[0]["state"] == "ready"
    assert documents[0]["commit"] == "ab" * 20
    plain = vfs("status").out.splitlines()
    assert plain[0].split()[:2] == ["MOUNT", "POINT"]
    assert plain[1].split()[:3] == [str(world / "a"), "main", "abababababab"]
    assert len(plain) == 3


async def busy(args: Data, progress: object) -> Data:
    return STATUS | {
        "mountpoint": "/mnt/data", "repo": "/home/u/repo", "log": "/x.log", "memory": 60 << 20, "inodes": 12,
        "started": 1e9, "shown_since": 1e9 + 3600, "files": 306, "size": 5 << 20,
        "requests": {"reads": 8, "read_bytes": 3 << 20, "pushed": 2, "pushed_bytes": 1 << 20, "errors": 1},
        "transfer": {
            "requests": 9, "failed_requests": 2, "bytes_received": 3 << 20, "bytes_warm_up": 1 << 20,
            "places": {"git": 1 << 20, "storage": 2 << 20},
            "in_flight_requests": 3, "in_flight_bytes": 2048, "queued": 1, "waiting_readers": 1,
        },
        "store": {"bytes": 2048, "limit": 1 << 30, "writable": True},
        "warnings": [{"time": 1e9, "message": "storage: no answer", "times": 4}],
        "problem_list": [{"path": "bad.dvc", "message": "is no pointer"}],
    }  # fmt: skip


def test_status_of_one_mount(vfs: Vfs, daemons: Daemons, world: Path) -> None:
    daemons.start(world / "a", world / "repo", status=status, statistics=busy)
    said = [" ".join(line.split()) for line in vfs("status", world / "a").out.splitlines()]
    assert said[0] == "/mnt/data shows main (abababababab)"
    small = "and 2 small files at open; 50 % of it was here already"
    assert f"read 4.0 MiB in 8 requests {small}" in said
    assert "fetched 2.0 MiB from storage, 1.0 MiB from git in 9 requests" in said
    assert "in flight 3 requests (2.0 KiB), 1 queued, 1 reader waiting" in said
    assert "errors 1 read or look-up failed, 2 requests to places failed" in said
    assert "memory 60.0 MiB, 12 names held by the kernel" in said
    assert "cache 2.0 KiB of 1.0 GiB, shared by all mounts" in said
    assert any(line.endswith("storage: no answer (4 times)") for line in said)
    assert said[-2:] == ["1 path of main cannot be served:", "bad.dvc: is no pointer"]
    (document,) = vfs("status", world / "a", "--json").documents
    assert document["store"]["bytes"] == 2048
    assert "  transfer.places.git: 1048576\n" in vfs("status", "-v", world / "a").out
    assert vfs("status", "-v").code == 2


@pytest.mark.parametrize("words", ["", "--json", "--verbose"])
def test_a_quiet_status_says_by_its_end_whether_a_mount_can_be_used(
    vfs: Vfs, daemons: Daemons, world: Path, words: str
) -> None:
    async def broken(args: Data, progress: object) -> Data:
        return STATUS | {"problems": 2}

    assert vfs("status", "-q") == Done(0, "", "")
    daemons.start(world / "a", world / "repo", status=status, statistics=status)
    assert vfs("status", "-q", *words.split(), world / "a") == Done(0, "", "")
    assert vfs("status", "-q", "--mounts") == Done(0, "", "")
    daemons.start(world / "b", world / "repo", status=broken, statistics=broken)
    assert vfs("status", "-q", *words.split(), world / "b") == Done(1, "", "")
    assert vfs("status", "-q", "--mounts") == Done(1, "", "")


def test_status_of_a_daemon_that_tells_little(vfs: Vfs, daemons: Daemons, world: Path) -> None:
    daemons.start(world / "a", world / "repo", status=status, statistics=status)
    done = vfs("status", world / "a")
    assert (done.code, done.err) == (0, "")
    assert "  in flight   nothing\n" in done.out


def test_a_daemon_that_fails_is_shown_and_ends_the_command_with_its_code(
    vfs: Vfs, daemons: Daemons, world: Path
) -> None:
    async def broken(args: Data, progress: object) -> Data:
        raise DaemonError("cannot tell")

    daemons.start(world / "a", world / "repo", status=broken)
    daemons.start(world / "b", world / "repo", status=status)
    done = vfs("status", "--json")
    assert [d["state"] for d in done.documents] == ["silent", "ready"]
    assert (done.code, done.error["code"]) == (19, "daemon-failed")


def test_switch(vfs: Vfs, daemons: Daemons, world: Path) -> None:
    asked: list[Data] = []

    async def switch(args: Data, progress: Callable[[Data], Any]) -> Data:
        asked.append(args)
        await progress({"stage": "trees", "done": 1, "total": 2})
        return {"rev": args["rev"], "commit": "cd" * 20, "names": 3, "problems": 2}

    daemons.start(world / "mnt", world / "repo", switch=switch)
    done = vfs("switch", "v1.2", "--mount", world / "mnt")
    assert done.code == 0
    assert done.out == f"{world / 'mnt'} shows v1.2 (cdcdcdcdcdcd)\n"
    assert done.err == f"2 paths cannot be served: see vfs status {world / 'mnt'}\n"
    (document,) = vfs("switch", "v1.2", "--mount", world / "mnt", "--json").documents
    assert document["type"] == "switch"
    assert document["names"] == 3
    assert asked == [{"rev": "v1.2"}] * 2


def test_switch_passes_the_daemon_s_error_on(vfs: Vfs, daemons: Daemons, world: Path) -> None:
    async def switch(args: Data, progress: object) -> Data:
        raise UnknownRevision("no revision 'v9'", hint="git tag")

    daemons.start(world / "mnt", world / "repo", switch=switch)
    assert vfs("switch", "v9", "--mount", world / "mnt") == Done(
        4, "", "error: no revision 'v9'\nhint: git tag\n"
    )


@pytest.fixture
def undying(monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemons here are the process of the tests: nobody waits for its end."""
    monkeypatch.setattr("vfs_cli.umount._GONE_SECONDS", 0.1)


@pytest.mark.usefixtures("undying")
def test_umount_waits_for_nothing_that_is_gone(vfs: Vfs, daemons: Daemons, world: Path) -> None:
    asked: list[Data] = []

    async def stop(args: Data, progress: object) -> Data:
        asked.append(args)
        return {}

    async def refuse(args: Data, progress: object) -> Data:
        raise MountPointRefused("files are open")

    daemons.start(world / "a", world / "repo", stop=stop)
    assert vfs("umount", world / "a", "--lazy", "--json").documents == [
        {"type": "umount", "mountpoint": str(world / "a")}
    ]
    assert asked == [{"lazy": True}]
    daemons.start(world / "b", world / "repo", stop=refuse)
    daemons.start(world / "c", world / "repo", stop=stop)
    done = vfs("umount", "--all")
    assert done.code == 6
    assert f"{world / 'c'} is unmounted" in done.out
    assert done.err == f"error: {world / 'b'}: files are open\n"


def test_prefetch_in_a_mount_asks_its_daemon(
    vfs: Vfs, daemons: Daemons, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Data] = []

    async def prefetch(args: Data, progress: object) -> Data:
        asked.append(args)
        return {"files": len(args["paths"]), "bytes": 10}

    below = world / "mnt" / ".snapshots" / "v1" / "data"
    below.mkdir(parents=True)
    daemons.start(world / "mnt", world / "repo", status=status, prefetch=prefetch)
    (world / "list").write_bytes(b"x\n\ny\xff\n")
    monkeypatch.chdir(world / "mnt")
    done = vfs("prefetch", "images", ":/top", "--glob", "*.png", "--from", world / "list", "--json")
    assert done.documents == [{"type": "prefetch", "files": 4, "bytes": 10}]
    monkeypatch.chdir(below)
    assert vfs("prefetch", "images").code == 0
    assert vfs("prefetch", "images", "--rev", "v2", "--mount", world / "mnt").code == 0
    assert asked == [
        {
            "glob": "*.png",
            "rev": "ab" * 20,
            "pin": None,
            "paths": ["images", "top", "x", "y\udcff"],
        },
        {"glob": None, "rev": "v1", "pin": None, "paths": ["data/images"]},
        {"glob": None, "rev": "v2", "pin": None, "paths": ["data/images"]},
    ]


def test_a_long_list_is_sent_in_parts(vfs: Vfs, daemons: Daemons, world: Path) -> None:
    seen: list[str] = []

    async def prefetch(args: Data, progress: object) -> Data:
        seen.extend(args["paths"])
        return {"files": len(args["paths"])}

    daemons.start(world / "mnt", world / "repo", status=status, prefetch=prefetch)
    names = [f"data/{number:06}-é" for number in range(50_000)]
    (world / "list").write_text("\n".join(names))
    done = vfs("prefetch", "--mount", world / "mnt", "--from", world / "list", "--json")
    assert done.documents == [{"type": "prefetch", "files": 50_000}]
    assert seen == names


@pytest.mark.parametrize(("columns", "wide"), [("80", False), ("2000", True)])
def test_a_table_that_does_not_fit_the_terminal_is_a_list(
    vfs: Vfs,
    daemons: Daemons,
    world: Path,
    monkeypatch: pytest.MonkeyPatch,
    columns: str,
    wide: bool,
) -> None:
    point = world / ("long" * 20)
    daemons.start(point, world / "repo", status=status)
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    lines = vfs("status").out.splitlines()
    assert any(str(point) in line for line in lines)  # in one piece, to be copied
    assert (f"  repository  {world / 'repo'}" in lines) is not wide


def test_mount_options() -> None:
    options = parse_options(("allow_other,nodev", "transfer.jobs=32,ro,_netdev"), "pyfuse3")
    assert options.allow_other
    assert options.extra == ("nodev",)
    assert options.settings == (("transfer.jobs", "32"),)
    assert options.transport == "pyfuse3"
    for bad in ("allow_other,allow_root", "sing", "fsname=x", "=", "a="):
        with pytest.raises(UsageError):
            parse_options((bad,))


@pytest.mark.parametrize("verb", ["switch", "status", "umount", "ls", "stats", "top", "why"])
def test_a_dead_mount_is_named(
    vfs: Vfs, world: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """Also in its repository, whose record is gone with the daemon: the kernel knows what was shown."""
    import os

    from vfs.control import mountinfo
    from vfs.mount_table import KernelMount

    repo, point = world / "repo", world / "mnt"
    (repo / ".git").mkdir(parents=True)
    dead = KernelMount(point, "0:1", os.geteuid(), str(repo))
    monkeypatch.setattr(mountinfo, "vfs_mounts", lambda: [dead])
    monkeypatch.setattr(mountinfo, "look", lambda path: mountinfo.Life.DEAD)
    monkeypatch.chdir(world if verb == "why" else repo)
    words: dict[str, list[str | Path]] = {
        "switch": ["switch", "v1"],
        "status": ["status", point],
        "umount": ["umount"],
        "ls": ["ls", "--mount", point],
        "stats": ["stats", point],
        "top": ["top", point],
        "why": ["why", point / "file"],
    }
    done = vfs(*words[verb])
    assert done.code == 19
    assert f"the daemon of {point} is gone" in done.err
    assert f"vfs umount {point}" in done.err


def test_umount_all_takes_down_what_is_dead_and_nothing_else(
    vfs: Vfs, daemons: Daemons, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mounts of another session are on no record of ours, but live; silent ones may recover."""
    import os

    from vfs.control import mountinfo
    from vfs.mount_table import KernelMount
    from vfs_cli import umount

    life = mountinfo.Life
    lives = {"alive": life.ALIVE, "dead": life.DEAD, "silent": life.SILENT}
    table = [KernelMount(world / name, "0:1", os.geteuid()) for name in lives]
    taken: list[Path] = []

    def look(path: Path, seconds: float = 0) -> mountinfo.Life:
        return lives[path.name]

    monkeypatch.setattr(mountinfo, "vfs_mounts", lambda: table)
    monkeypatch.setattr(umount, "look", look)
    monkeypatch.setattr(mountinfo, "look", look)
    monkeypatch.setattr(umount, "unmount", lambda path, *, lazy: taken.append(path))
    assert vfs("umount", "--all").code == 0
    assert taken == [world / "dead"]
    done = vfs("status", "--json")
    assert [d["mountpoint"] for d in done.documents] == [str(world / "dead")]
    assert (done.code, done.documents[0]["state"]) == (0, "dead")
    listed = vfs("status")
    assert (listed.code, listed.err) == (0, "")
    assert f"dead: vfs umount {world / 'dead'}" in listed.out
    assert "its daemon runs, but is not on record" in vfs("umount", world / "alive").err
    assert vfs("umount", world / "silent").code == 0
    assert taken == [world / "dead", world / "silent"]


@pytest.mark.usefixtures("undying")
def test_a_daemon_that_ends_before_its_answer_has_ended(
    vfs: Vfs, daemons: Daemons, world: Path
) -> None:
    import trio

    async def stop(args: Data, progress: object) -> Data:
        daemons.scopes[0].cancel()
        await trio.sleep_forever()
        return {}

    daemons.start(world / "a", world / "repo", stop=stop)
    assert vfs("umount", world / "a") == Done(0, f"{world / 'a'} is unmounted\n", "")


@pytest.mark.parametrize("verb", ["status", "prefetch"])
def test_a_path_outside_the_repository_is_told_where_it_lies(
    vfs: Vfs, daemons: Daemons, repo: Path, world: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    import os

    from vfs.control import mountinfo
    from vfs.mount_table import KernelMount

    monkeypatch.chdir(repo)
    daemons.start(world / "mnt", world / "other", status=status)
    other = vfs(verb, "a", world / "mnt" / "x")
    assert other.code == UsageError.exit_code
    assert f"lies in the mount at {world / 'mnt'}" in other.err
    for path in (world / "home" / "x", "../home/x"):
        none = vfs(verb, path)
        assert none.code == UsageError.exit_code
        assert "nor in a mount" in none.err
        assert "vfs status --mounts" in none.err
    dead = KernelMount(world / "dead", "0:1", os.geteuid())
    monkeypatch.setattr(mountinfo, "vfs_mounts", lambda: [dead])
    monkeypatch.setattr(mountinfo, "look", lambda path: mountinfo.Life.DEAD)
    lost = vfs(verb, "a", world / "dead" / "x")
    assert lost.code == UsageError.exit_code
    assert f"the daemon of {world / 'dead'} is gone" in lost.err
    assert f"vfs umount {world / 'dead'}" in lost.err
