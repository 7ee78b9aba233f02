"""Repositories written by an enemy: each bad pointer is a problem of its own path, the rest is served.

Nothing outside the repository's own data is ever named, opened or shown.
"""

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository, md5, object_path, pointer
from vfs.testing.mounts import Mount, MountFactory

pytestmark = pytest.mark.fuse

SECRET = b"must never be seen through a mount"


def out(path: str, oid: str, extra: str = "") -> bytes:
    return f"outs:\n- md5: {oid}\n  size: 5\n  hash: md5\n  path: {path}\n{extra}".encode()


def bomb() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    return "\n".join([*lines, "outs: *a11", ""]).encode()


Poison = Callable[[HandmadeRepository], dict[str, bytes]]


def listing(*relpaths: str, **bad: str) -> Poison:
    def build(repo: HandmadeRepository) -> dict[str, bytes]:
        oid = repo.put(b"fine!")
        entries = [{"md5": bad.get("md5", oid), "relpath": path} for path in relpaths]
        data = json.dumps(entries).encode()
        name = md5(data)
        target = object_path(repo.remote, name + ".dir")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return {"bad.dvc": pointer("bad", name + ".dir", 5, len(entries))}

    return build


def raw_listing(data: bytes) -> Poison:
    def build(repo: HandmadeRepository) -> dict[str, bytes]:
        name = md5(data) + ".dir"
        target = object_path(repo.remote, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return {"bad.dvc": pointer("bad", name, 5, 1)}

    return build


def plain(path: str, data: bytes) -> Poison:
    return lambda repo: {path: data}


def with_object(path: str, template: str) -> Poison:
    return lambda repo: {path: template.format(oid=repo.put(b"fine!")).encode()}


def pipeline(declared: str, lock: Poison) -> Poison:
    """A lock counts only beside a `dvc.yaml` that declares its stages."""
    return lambda repo: {"dvc.yaml": declared.encode(), **lock(repo)}


def locked(stage: str, path: str) -> Poison:
    lines = (
        f"  {stage}:\n    cmd: x\n    outs:\n    - path: {path}\n"
        "      hash: md5\n      md5: {oid}\n      size: 5\n"
    )
    return with_object("dvc.lock", "schema: '2.0'\nstages:\n" + lines)


OID = "0" * 32
STAGE = "stages:\n  s:\n    cmd: x\n    outs:\n    - {}\n"

POISONS: dict[str, Poison] = {
    "out above the repository": plain("bad.dvc", out("../../outside", OID)),
    "out with an absolute path": plain("bad.dvc", out("/etc/passwd", OID)),
    "out inside .git": plain("bad.dvc", out(".git/hooks/post-checkout", OID)),
    "out inside .GIT": plain("bad.dvc", out(".GIT/config", OID)),
    "out inside .dvc": plain("bad.dvc", out(".dvc/config", OID)),
    "out that is the repository": plain("bad.dvc", out(".", OID)),
    "out with a NUL": plain("bad.dvc", out('"a\\0b"', OID)),
    "out with a name of 5000 bytes": plain("bad.dvc", out("n" * 5000, OID)),
    "wdir above the repository": plain("bad.dvc", out("x", OID, "wdir: ../../..\n")),
    "digest that is a path": plain("bad.dvc", out("bad", "../../../../etc/passwd")),
    "digest that is too short": plain("bad.dvc", out("bad", "'12'")),
    "digest that is a number": plain("bad.dvc", out("bad", "12")),
    "size that is negative": plain("bad.dvc", out("bad", OID).replace(b"size: 5", b"size: -5")),
    "size beyond all limits": plain(
        "bad.dvc", out("bad", OID).replace(b"size: 5", b"size: " + b"9" * 30)
    ),
    "pointer that is binary": plain("bad.dvc", bytes(range(256)) * 9),
    "pointer that is empty": plain("bad.dvc", b""),
    "pointer that is a list": plain("bad.dvc", b"- 1\n- 2\n"),
    "pointer with an unclosed quote": plain("bad.dvc", b'outs:\n- path: "x\n'),
    "pointer with doubled keys": plain("bad.dvc", out("bad", OID) + b"outs: []\n"),
    "pointer with a YAML bomb": plain("bad.dvc", bomb()),
    "pointer with a Python tag": plain("bad.dvc", b"outs: !!python/object/apply:os.system [id]\n"),
    "pointer of deep nesting": plain("bad.dvc", b"outs: " + b"[" * 5000 + b"]" * 5000),
    "pointer that is a link to a secret": plain("l:bad.dvc", b"../secret"),
    "lock that is garbage": pipeline(STAGE.format("o"), plain("dvc.lock", b"\xff\xfe{{{")),
    "lock that names a place outside": pipeline(
        STAGE.format("../../evil"), locked("s", "../../evil")
    ),
    "pipeline with a template bomb": pipeline(
        "vars:\n- a: ${a}\nstages:\n  s:\n    foreach: ${a}\n    do:\n      cmd: ${a}\n",
        locked("s@1", "o"),
    ),
    "listing with an entry above": listing("../evil", "ok"),
    "listing with an absolute entry": listing("/etc/cron.d/evil", "ok"),
    "listing with .git": listing("sub/.git/config", "ok"),
    "listing with an empty name": listing("a//b", "", "ok"),
    "listing with dots": listing("./a", "b/..", "ok"),
    "listing with a NUL": listing("a\0b", "ok"),
    "listing with a name too long": listing("n" * 300, "ok"),
    "listing with lone surrogates": listing("\ud800", "ok"),
    "listing with doubles": listing("same", "same", "ok"),
    "listing where a file is a directory": listing("a", "a/b", "a/b/c", "ok"),
    "listing with bad digests": listing("ok", md5="../../../../etc/passwd"),
    "listing that is not JSON": raw_listing(b"this is not json"),
    "listing that is cut": raw_listing(b'[{"md5": "'),
    "listing that is an object": raw_listing(b'{"md5": "x"}'),
    "listing of numbers": raw_listing(b"[1, 2, 3]"),
    "listing of deep nesting": raw_listing(b"[" * 100_000),
    "listing that is missing": plain("bad.dvc", pointer("bad", OID + ".dir", 5, 1)),
    "two outs at one path": with_object(
        "bad.dvc",
        "outs:\n- {{md5: {oid}, hash: md5, size: 5, path: twice}}\n"
        "- {{md5: {oid}, hash: md5, size: 5, path: twice}}\n",
    ),
    "out over a file of Git": with_object(
        "bad.dvc", "outs:\n- md5: {oid}\n  hash: md5\n  size: 5\n  path: git.txt\n"
    ),
    "out below a file of Git": with_object(
        "bad.dvc", "outs:\n- md5: {oid}\n  hash: md5\n  size: 5\n  path: git.txt/below\n"
    ),
    "out through a link of Git": with_object(
        "bad.dvc", "outs:\n- md5: {oid}\n  hash: md5\n  size: 5\n  path: out-link/through\n"
    ),
}

HARMLESS = {"pointer that is empty", "pointer that is a link to a secret"}
"""What names nothing, so that nothing is wrong with a path."""

OWN = ("bad", "dvc.lock", "twice", "git.txt", "out-link/through")
"""Where what is wrong with a poison may be told: at its own path."""


@pytest.fixture
def secret(handmade: HandmadeRepository) -> Path:
    return secret_beside(handmade)


def secret_beside(repo: HandmadeRepository) -> Path:
    path = repo.root.parent / "secret"
    path.write_bytes(SECRET)
    return path


def good_files(repo: HandmadeRepository) -> dict[str, bytes]:
    oid, size, count = repo.put_directory({"a": b"a", "sub/b": b"b"})
    return {
        ".dvc/config": repo.config(),
        "git.txt": b"git",
        "l:out-link": b"/tmp",
        "good.bin.dvc": pointer("good.bin", repo.put(b"good data"), 9),
        "dir.dvc": pointer("dir", oid, size, count),
    }


@pytest.fixture(scope="module")
def shared(module_handmade: HandmadeRepository, module_mounts: MountFactory) -> Mount:
    """A mount that is switched from one poison to the next: each is met by a daemon that has met the others."""
    secret_beside(module_handmade)
    module_mounts.allow("WARNING")
    module_handmade.commit_raw(good_files(module_handmade), tag="clean")
    return module_mounts(module_handmade.root, "clean")


def contents(mount: Mount) -> dict[str, bytes]:
    """Every file that can be read, by path; the others must fail with an OSError."""
    found = {}
    for directory, _, names in os.walk(mount.path, followlinks=False):
        for name in names:
            path = Path(directory) / name
            with contextlib.suppress(OSError):  # what cannot be served may fail at stat already
                if path.is_symlink():
                    continue
                found[str(path.relative_to(mount.path))] = path.read_bytes()
    return found


def check(mount: Mount, text: bytes) -> None:
    found = contents(mount)
    assert found["git.txt"] == text or found["git.txt"] == b"fine!"
    assert found["good.bin"] == b"good data"
    assert found["dir/a"] == b"a"
    assert found["dir/sub/b"] == b"b"
    assert SECRET not in b"".join(found.values())
    for path in found:
        assert ".git/" not in path.lower()
        assert "evil" not in path or path.startswith("bad/")
        assert path != "out-link/through"


@pytest.mark.parametrize("what", POISONS)
def test_the_rest_is_served(what: str, module_handmade: HandmadeRepository, shared: Mount) -> None:
    """A mount that begins with poison is that of `test_all_of_it_at_once`."""
    repo, mount = module_handmade, shared
    head = repo.commit_raw({**good_files(repo), **POISONS[what](repo)})
    assert mount.daemon().is_running(), "the poison before ended it"
    mount.switch(head)
    check(mount, b"git")
    told = json.loads(mount.cli("status", "--json", mount.path).stdout)["problem_list"]
    assert bool(told) == (what not in HARMLESS)
    for problem in told:
        assert problem["path"].startswith(OWN), problem
    mount.switch("clean")
    check(mount, b"git")
    assert os.stat(mount.path / "good.bin").st_size == 9
    mount.switch(head)
    check(mount, b"git")


def heavy(repo: HandmadeRepository) -> dict[str, bytes]:
    """What is small on its way and large when it is read."""
    oid = repo.put_zeros(250 << 20)  # below the limit of a listing; `lies` is beyond it
    repo.put_sparse(f"{OID}.dir", 2 << 30)
    outs = b"".join(
        b"- md5: %032x\n  size: 5\n  hash: md5\n  path: f%d\n" % (n, n) for n in range(90_000)
    )
    nested = b"[" + b"{}," * 4_000_000 + b"]"
    open_listing = raw_listing(b'[{"md5": "' + b"0" * (64 << 20))(repo)
    deep_listing = raw_listing(b"[" + b"[" * (64 << 20))(repo)
    return {
        "zeros.dvc": pointer("zeros", oid, 5, 1),
        "lies.dvc": pointer("lies", OID + ".dir", 5, 1),
        "outs.dvc": b"outs:\n" + outs,
        "values.dvc": b"outs: " + nested,
        "blob.dvc": bytes(250 << 20),
        ".dvcignore": bytes(250 << 20),
        ".gitattributes": bytes(250 << 20),
        "sub/.dvc/config": bytes(250 << 20),
        "open.dvc": open_listing["bad.dvc"],
        "deep.dvc": deep_listing["bad.dvc"].replace(b'"bad"', b'"deep"'),
    }


def test_memory_stays_bounded(
    handmade: HandmadeRepository, mounts: MountFactory, secret: Path
) -> None:
    """The daemon's peak, whatever a stranger's repository holds; docs/semantics.md states it."""
    mounts.allow("WARNING")
    repo = handmade
    good = good_files(repo)
    repo.commit_raw(good, tag="clean")
    repo.commit_raw({**heavy(repo), **good}, tag="heavy")
    mount = mounts(repo.root, "heavy")
    assert (mount.path / "good.bin").read_bytes() == b"good data"
    assert (mount.path / "dir/sub/b").read_bytes() == b"b"
    assert len(os.listdir(mount.path)) > 90_000, "digests of a kind must not make a listing slow"
    problems = mount.cli("status", "--json", mount.path).stdout.decode()
    assert "268435456" in problems  # the limit of listings
    mount.switch("clean")
    check(mount, b"git")
    assert peak(mount) < 600 << 20
    assert mount.daemon().memory_info().rss < 250 << 20


def peak(mount: Mount) -> int:
    """The most memory the daemon ever had, in bytes."""
    status = Path(f"/proc/{mount.daemon().pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def test_all_of_it_at_once(
    handmade: HandmadeRepository, mounts: MountFactory, secret: Path
) -> None:
    """Every poison in a directory of its own, and still each good path is served."""
    mounts.allow("WARNING")
    repo = handmade
    blobs = good_files(repo)
    for number, poison in enumerate(POISONS.values()):
        for path, data in poison(repo).items():
            prefix, name = ("l:", path[2:]) if path.startswith("l:") else ("", path)
            blobs[f"{prefix}p{number:02d}/{name}"] = data
            blobs[f"p{number:02d}/neighbour"] = b"n%d" % number
    repo.commit_raw(blobs, tag="v1")
    mount = mounts(repo.root, "v1")
    check(mount, b"git")
    for number in range(len(POISONS)):
        assert (mount.path / f"p{number:02d}" / "neighbour").read_bytes() == b"n%d" % number
    status = json.loads(mount.cli("status", "--json", mount.path).stdout)
    assert json.dumps(status).count("problems") >= 1
