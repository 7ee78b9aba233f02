"""`vfs why`, `vfs report`, `vfs estimate` through real mounts: what they say is what happens."""

import json
import random
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from vfs.remotes import RemoteSpec, open_remote
from vfs.testing.handmade import HandmadeRepository, object_path
from vfs.testing.mounts import Mount, MountFactory
from vfs.testing.packed import push

pytestmark = pytest.mark.fuse

R = random.Random(5)
SMALL = {f"d{n % 3}/f{n:04}": R.randbytes(R.randint(1, 40_000)) for n in range(240)}
LARGE = R.randbytes(21_000_001)


@pytest.fixture
def plain(handmade: HandmadeRepository) -> HandmadeRepository:
    handmade.commit(plain={"git.txt": b"git"}, files={"large": LARGE}, directories={"data": SMALL})
    return handmade


@pytest.fixture
def packed(handmade: HandmadeRepository) -> HandmadeRepository:
    directory = handmade.root.parent / "packed"
    directory.mkdir()
    config = f"remotes: {{shared: {{url: {directory}}}}}\n".encode()
    handmade.commit(
        plain={".vfs/config.yaml": config}, directories={"data": SMALL}, files={"large": LARGE}
    )
    remote = open_remote(RemoteSpec("packed", str(directory)))
    push(remote, {path.encode(): data for path, data in SMALL.items()}, pack_bytes=4 << 20)
    push(remote, {b"": LARGE}, pack_bytes=4 << 20)
    handmade.lose_remote()
    return handmade


def told(mount: Mount, *words: str | Path, check: bool = True) -> list[dict[str, Any]]:
    out = mount.cli(*words, "--json", check=check).stdout
    return [json.loads(line) for line in out.splitlines()]


def estimate(mount: Mount, *words: str | Path) -> dict[str, Any]:
    return told(mount, "estimate", "--mount", mount.path, *words)[0]


def report(mount: Mount) -> dict[str, Any]:
    return told(mount, "report", mount.path)[-1]


def read_all(top: Path) -> int:
    return sum(len(path.read_bytes()) for path in sorted(top.rglob("*")) if path.is_file())


def prefetch(mount: Mount, path: str) -> None:
    mount.cli("prefetch", "--mount", mount.path, f":/{path}")


class TestEstimate:
    def test_small_files_read(self, plain: HandmadeRepository, mounts: MountFactory) -> None:
        mount = mounts(plain.root)
        said = estimate(mount, ":/data")["fetch"]
        mount.cli("report", mount.path, "--start", "cold")
        read_all(mount.path / "data")
        now = report(mount)
        assert said["requests"] == now["remotes"]["store"]["requests"] == len(SMALL)
        assert said["bytes"] == now["remotes"]["store"]["received"] == now["fetched"]["bytes"]
        assert not estimate(mount, ":/data")["fetch"]["requests"]

    def test_all_prefetched(self, plain: HandmadeRepository, mounts: MountFactory) -> None:
        mount = mounts(plain.root)
        with (mount.path / "large").open("rb", buffering=0) as file:
            file.seek(9 << 20)
            file.read(1000)
        said = estimate(mount, ":/large")
        assert 0 < said["resident"]["bytes"] < len(LARGE)
        mount.cli("report", mount.path, "--start", "cold")
        prefetch(mount, "large")
        now = report(mount)
        assert said["fetch"]["requests"] == pytest.approx(now["fetched"]["requests"], rel=0.1, abs=1)  # fmt: skip
        assert said["fetch"]["bytes"] == now["fetched"]["bytes"] == len(LARGE) - said["resident"]["bytes"]  # fmt: skip

    def test_packed(self, packed: HandmadeRepository, mounts: MountFactory) -> None:
        mount = mounts(packed.root)
        for path, read in (("data", lambda: read_all(mount.path / "data")), ("large", lambda: prefetch(mount, "large"))):  # fmt: skip
            said = estimate(mount, f":/{path}", "--ask-remotes")
            (row,) = (one for one in said["sources"] if one["layout"] == "packed")
            assert not row["assumed"]
            mount.cli("report", mount.path, "--start", path)
            read()
            now = report(mount)["remotes"]["shared"]
            least = row["requests"] - row["manifests"]
            assert least * 0.9 - 1 <= now["requests"] <= row["requests"] * 1.1 + 1
            assert now["received"] == pytest.approx(row["bytes"], rel=0.1)

    def test_nothing_is_asked_unless_told(self, packed: HandmadeRepository, mounts: MountFactory) -> None:  # fmt: skip
        mount = mounts(packed.root)
        said = estimate(mount)
        assert said["fetch"]["assumed"]
        (row,) = (one for one in said["sources"] if one["layout"] == "packed")
        total = sum(map(len, SMALL.values())) + len(LARGE)
        assert row["lacking"] == total
        assert row["bytes"] == pytest.approx(total, rel=0.2)

    def test_what_is_here_and_what_nobody_has(self, plain: HandmadeRepository, mounts: MountFactory) -> None:  # fmt: skip
        lost = plain.put(b"nobody has this" * 1000)
        pointer = f"outs:\n- md5: {lost}\n  size: 15000\n  hash: md5\n  path: lost\n"
        plain.commit(plain={"lost.dvc": pointer.encode()}, directories={"data": SMALL})
        object_path(plain.remote, lost).unlink()
        cached = SMALL["d0/f0000"]
        place = object_path(plain.root / ".dvc" / "cache", plain.put(cached))
        place.parent.mkdir(parents=True)
        place.write_bytes(cached)
        mount = mounts(plain.root)
        rows = {one["place"]: one for one in estimate(mount, "--ask-remotes")["sources"]}
        assert (rows["dvc-cache"]["files"], rows["dvc-cache"]["requests"]) == (1, 0)
        assert (rows[None]["files"], rows["store"]["files"]) == (1, len(SMALL) - 1)
        (why,) = told(mount, "why", mount.path / "lost", "--ask-remotes")
        assert why["advice"][0]["code"] == "nowhere"
        (why,) = told(mount, "why", mount.path / "data/d0/f0000")
        assert (why["missing"], why["percent"], why["verified"]) == (0, 100, "no")
        assert (mount.path / "data/d0/f0000").read_bytes() == cached


class TestWhy:
    def test_before_and_after(self, plain: HandmadeRepository, mounts: MountFactory) -> None:
        mount = mounts(plain.root)
        (before,) = told(mount, "why", mount.path / "large")
        assert (before["percent"], before["requests"], before["resident"]["bytes"]) == (0, 6, 0)
        assert [one["layout"] for one in before["places"]] == ["file", "plain"]
        assert [one["has"] for one in before["places"]] == [False, None]
        command = before["advice"][0]["command"]
        assert command == f"vfs prefetch --mount {mount.path} :/large"
        mount.cli(*command.split()[1:])
        (after,) = told(mount, "why", mount.path / "large", "--ask-remotes")
        assert (after["percent"], after["verified"], after["missing"]) == (100, "yes", 0)
        assert after["cost"]["warm_up"] == after["cost"]["fetched"] == len(LARGE)
        assert after["cost"]["requests"] == 6
        assert after["resident"]["segments"]
        assert [one["has"] for one in after["places"]] == [False, True]
        assert [one["code"] for one in after["advice"]] == ["here"]

    def test_directories_links_git_and_what_is_not_there(
        self, plain: HandmadeRepository, mounts: MountFactory
    ) -> None:
        plain.commit(plain={"git.txt": b"git", "l:link": b"git.txt"}, directories={"data": SMALL})
        mount = mounts(plain.root)
        read_all(mount.path / "data/d1")
        (one,) = told(mount, "why", mount.path / "data")
        sizes = {d: sum(len(v) for k, v in SMALL.items() if k.startswith(d)) for d in ("d0", "d1", "d2")}  # fmt: skip
        assert one["size"] == sum(sizes.values())
        assert (one["resident"]["bytes"], one["cost"]["fetched"]) == (sizes["d1"], sizes["d1"])
        assert (
            0 < one["cost"]["waits"] <= one["cost"]["requests"] == 80
        )  # some came ahead of their read
        (other,) = told(mount, "why", mount.path / "data/d2")
        assert other["cost"] == dict.fromkeys(other["cost"], 0)
        assert "small-files" in [advice["code"] for advice in other["advice"]]
        for name in ("git.txt", "link"):
            (found,) = told(mount, "why", f":/{name}", "--mount", mount.path)
            assert (found["missing"], found["places"][0]["layout"]) == (0, "git")
        assert mount.cli("why", mount.path / "nothing", check=False).returncode == 5

    def test_broken(self, plain: HandmadeRepository, mounts: MountFactory) -> None:
        unknown = b"outs:\n- md5: 00000000000000000000000000000001.dir\n  hash: md5\n  path: gone\n"
        plain.commit(plain={"gone.dvc": unknown})
        mounts.allow("gone")
        mount = mounts(plain.root)
        done = mount.cli("why", mount.path / "gone", "--json", check=False)
        (found,) = (json.loads(line) for line in done.stdout.splitlines())
        assert (done.returncode, found["kind"]) == (1, "broken")
        assert found["problem"]
        assert [one["code"] for one in found["advice"]] == ["broken"]

    def test_without_a_mount(self, packed: HandmadeRepository, mounts: MountFactory) -> None:
        mount = mounts.prepare(packed.root)
        words = ("why", "--repo", packed.root, "--rev", "main", "large", "--ask-remotes")
        (found,) = told(mount, *words)
        assert found["cost"] is None
        assert sum(run["length"] for run in found["packs"]) == pytest.approx(len(LARGE), rel=0.1)
        assert found["places"][1]["layout"] == "packed"
        assert found["requests"] >= 6


class TestReport:
    def test_epochs(self, plain: HandmadeRepository, mounts: MountFactory) -> None:
        mount = mounts(plain.root)
        mount.cli("report", mount.path, "--start", "one")
        total = read_all(mount.path / "data")
        mount.cli("report", mount.path, "--mark", "two")
        read_all(mount.path / "data")
        one, two = told(mount, "report", mount.path)
        assert (one["name"], two["name"]) == ("one", "two")
        assert one["asked"]["bytes"] == one["fetched"]["bytes"] == total
        assert one["amplification"] == 1.0
        assert 0 < one["stalled"]["reads"] <= len(SMALL)  # what follows in a directory comes ahead
        assert one["first_byte"] > 0
        assert one["stalled"]["seconds"] >= one["stalled"]["longest"] >= one["first_byte"]
        assert (two["fetched"]["bytes"], two["fetched"]["requests"], two["first_byte"]) == (0, 0, None)  # fmt: skip
        rows = {row["path"]: row for row in one["directories"]}
        assert set(rows) == {"data/d0", "data/d1", "data/d2"}
        assert sum(row["fetched"] for row in rows.values()) == total
        assert {row["path"] for row in one["files"]} < {f"data/{path}" for path in SMALL}
        assert [row["name"] for row in told(mount, "report", mount.path, "--since", "two")] == ["two"]  # fmt: skip
        page = mount.sandbox.root / "page.html"
        mount.cli("report", mount.path, "--html", page)
        assert "data/d1" in page.read_text()
        assert page.stat().st_mode & 0o777 == 0o600
        text = mount.cli("report", mount.path).stdout.decode()
        assert "amplification" in text
        assert "data/d2" in text

    def test_what_nobody_looked_up(self, plain: HandmadeRepository, mounts: MountFactory) -> None:
        mount = mounts(plain.root)
        prefetch(mount, "data")
        (row,) = report(mount)["directories"]
        assert (row["path"], row["fetched"]) == (None, sum(map(len, SMALL.values())))
        with ExitStack() as held:  # else the kernel may forget a file as soon as it was read
            for path in sorted((mount.path / "data").rglob("f*")):
                held.enter_context(path.open("rb")).read()
            rows = report(mount)["directories"]
        assert {row["path"] for row in rows} == {f"data/d{n}" for n in range(3)}

    def test_a_switch_moves_names(self, plain: HandmadeRepository, mounts: MountFactory) -> None:
        plain.commit(directories={"moved": SMALL}, tag="v2")
        mount = mounts(plain.root, "main~1")
        (mount.path / "data/d0/f0000").read_bytes()
        mount.switch("v2")
        (row,) = report(mount)["directories"]
        assert row["path"] in ("data/d0", "moved/d0")
        (file,) = report(mount)["files"]
        assert file["path"] in (None, "moved/d0/f0000")
