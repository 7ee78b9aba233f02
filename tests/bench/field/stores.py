"""Puts the data where the peers read it: a repository, one S3 server with plain objects, DVC's objects and packs."""

import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.bench.field import data
from tests.bench.field.data import Size
from vfs.testing.s3_servers import (
    ACCESS_KEY,
    CEPH_COMMANDS,
    REGION,
    SECRET_KEY,
    S3Server,
    start_ministack,
    start_rgw,
)
from vfs.testing.sandbox import Sandbox

LAYOUTS = ("plain", "dvc", "packed")
_IN_MEMORY = 7 << 30
"""What Ceph keeps in memory at most (`memstore device bytes` is 8 GiB)."""


def kind_of_store(size: Size, free: int) -> str:
    """Where Ceph keeps the objects: in memory if all layouts and restic's repository fit into it and into half of what is free."""
    wanted = (len(LAYOUTS) + 1) * data.total(size)
    return "memstore" if wanted < min(_IN_MEMORY, free // 2) else "bluestore"


@contextmanager
def server(directory: Path, size: Size, *, mock: bool) -> Iterator[S3Server]:
    """Ceph's gateway; with `mock`, or where Ceph is not installed, MiniStack."""
    here = directory / "s3"
    here.mkdir()
    if mock or any(shutil.which(command) is None for command in CEPH_COMMANDS):
        running = start_ministack(here)
    else:
        running = start_rgw(here, store=kind_of_store(size, psutil.virtual_memory().available))
    try:
        yield running
    finally:
        running.stop()


def make_repository(sandbox: Sandbox, size: Size) -> Path:
    """A repository with tags v1 and v2, the first one in its working tree; everything is in its DVC cache."""
    root = sandbox.root / "source"
    root.mkdir()
    sandbox.git(root, "init", "-q", "-b", "main")
    vfs(sandbox, root, "init")
    data.write(root, size)
    _commit(sandbox, root, "v1")
    data.change(root, size)
    _commit(sandbox, root, "v2")
    sandbox.git(root, "checkout", "-q", "v1")
    vfs(sandbox, root, "checkout", "--force")
    return root


def fill(sandbox: Sandbox, root: Path, server: S3Server, size: Size) -> dict[str, str]:
    """Fill one bucket for each layout; their names."""
    buckets = {layout: server.new_bucket() for layout in LAYOUTS}
    put_plain(root, server, buckets["plain"], size)
    for layout in ("dvc", "packed"):
        add_remote(root, layout, buckets[layout], server.endpoint)
        for tag in ("v2", "v1"):
            sandbox.git(root, "checkout", "-q", "--force", tag)
            vfs(sandbox, root, "push", "-r", layout)
    return buckets


def put_plain(root: Path, server: S3Server, bucket: str, size: Size) -> None:
    """Each file as an object below `v1/`."""
    client = server.client(connections=16)

    def put(name: str) -> None:
        client.upload_file(str(root / name), bucket, f"v1/{name}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, [data.BIG, *data.names(size)]))


def add_remote(root: Path, layout: str, bucket: str, endpoint: str) -> None:
    """The remote of that name, known to this clone only; again: at another address."""
    options = {
        "url": f"s3://{bucket}/data", "endpointurl": endpoint, "region": REGION,
        "access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY,
    }  # fmt: skip
    if layout == "packed":
        text = "".join(f"    {key}: {value}\n" for key, value in options.items())
        (root / ".vfs").mkdir(exist_ok=True)
        (root / ".vfs/local.yaml").write_text(f"remotes:\n  {layout}:\n{text}")
    else:
        text = "".join(f"    {key} = {value}\n" for key, value in options.items())
        (root / ".dvc/config.local").write_text(
            f"[core]\n    remote = {layout}\n['remote \"{layout}\"']\n{text}"
        )


def vfs(sandbox: Sandbox, root: Path, *arguments: str) -> None:
    """Run vfs in a repository."""
    sandbox.run([sys.executable, "-m", "vfs_cli", *arguments], cwd=root, timeout=3600)


def _commit(sandbox: Sandbox, root: Path, tag: str) -> None:
    vfs(sandbox, root, "add", data.BIG, "small")
    sandbox.git(root, "add", "--all")
    sandbox.git(root, "commit", "-q", "-m", tag)
    sandbox.git(root, "tag", tag)
