"""A cold epoch over files of 8 KiB through a mount, S3 (Ceph, in memory) that answers 20 ms later: packed, and DVC's layout.

20,000 files (`--short`: 3,000). DVC's layout is read for 200 files only: it takes a round trip each. Files are read by one reader.
"""

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from tests.bench.harness import Bench, Row
from vfs.remotes import RemoteSpec, open_remote
from vfs.testing.faulty_proxy import FaultyProxy, do_first
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.latency import LateServer
from vfs.testing.mounts import Mount, MountFactory
from vfs.testing.packed import push
from vfs.testing.s3_servers import S3Server, start_rgw
from vfs.testing.sandbox import Sandbox

SIZE = 8192
SAMPLE = 200
DELAY = 0.02


def run(bench: Bench) -> Iterator[Row]:
    """Files per second of each way."""
    count = 20_000 if bench.large else 3_000
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="vfs-rgw-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        server = start_rgw(directory)
        stack.callback(server.stop)
        proxy = stack.enter_context(FaultyProxy(server.port))
        for method in ("GET", "HEAD"):
            proxy.always(do_first(partial(time.sleep, DELAY)), method)
        made = random.Random(1)
        files = {f"f{n:05}": made.randbytes(SIZE) for n in range(count)}
        packed = packed_repository(bench.sandbox, server, proxy, files)
        few = dict(list(files.items())[:SAMPLE])
        plain = dvc_repository(bench.sandbox, server, proxy, few)
        for order, least in (("in path order", 20.0), ("shuffled", 8.0)):
            speeds = []
            for repository, names in ((packed, list(files)), (plain, list(few))):
                if order == "shuffled":
                    random.Random(2).shuffle(names)
                speeds.append(cold(bench.sandbox, bench.mounts, repository, names))
            yield Row(
                "epoch", f"cold epoch over {count:,} x 8 KiB through a mount, {order}, S3 + 20 ms, packed",
                speeds[0], "files/s", f">= {least:g} x DVC's layout", speeds[0] >= least * speeds[1],
                f"DVC's layout: {speeds[1]:.3g} files/s, {speeds[0] / speeds[1]:.1f} x",
            )  # fmt: skip


def cold(
    sandbox: Sandbox, factory: MountFactory, repository: HandmadeRepository, names: list[str]
) -> float:
    shutil.rmtree(Path(sandbox.environ["XDG_CACHE_HOME"]) / "vfs", ignore_errors=True)
    mount: Mount = factory(repository.root)
    began = time.perf_counter()
    for name in names:
        assert len((mount.path / "data" / name).read_bytes()) == SIZE
    speed = len(names) / (time.perf_counter() - began)
    mount.umount()
    return speed


def packed_repository(
    sandbox: Sandbox, server: S3Server, proxy: FaultyProxy | LateServer, files: dict[str, bytes]
) -> HandmadeRepository:
    repository = HandmadeRepository(sandbox, sandbox.root / "packed")
    url = f"s3://{server.new_bucket()}/data"
    options = server.options | {"endpointurl": proxy.endpoint}
    lines = "".join(f"    {key}: {value}\n" for key, value in options.items())
    config = f"remotes:\n  shared:\n    url: {url}\n{lines}"
    repository.commit(plain={".vfs/config.yaml": config.encode()}, directories={"data": files})
    with closing(open_remote(RemoteSpec("shared", url, server.options))) as remote:
        push(remote, {n.encode(): data for n, data in files.items()}, pack_bytes=32 << 20)
    repository.lose_remote()
    return repository


def dvc_repository(
    sandbox: Sandbox, server: S3Server, proxy: FaultyProxy | LateServer, files: dict[str, bytes]
) -> HandmadeRepository:
    bucket = server.new_bucket()
    options = server.options | {"endpointurl": proxy.endpoint}
    repository = HandmadeRepository(
        sandbox, sandbox.root / "plain", remote_url=f"s3://{bucket}", remote_options=options
    )
    repository.commit(directories={"data": files})
    client = server.client()
    put: Callable[[str, bytes], object] = lambda key, data: client.put_object(  # noqa: E731
        Bucket=bucket, Key=key, Body=data
    )
    repository.upload(put)
    return repository
